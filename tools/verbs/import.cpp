// durra import STORE [FILE]: puts many records from text; a stream, in as little memory as the longest line needs.
#include <durra/store.h>
#include <fmt/core.h>

#include <chrono>
#include <cstdio>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/progress.h"
#include "tools/reader.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

// Of `parts` processes that read the same input, this one takes every record whose index leaves `part`.
struct Part {
  std::uint64_t part = 0, parts = 1;
};

Part parse_part(const std::string& text) {
  const auto slash = text.find('/');
  const auto part = parse_count(text.substr(0, slash));
  const auto parts = slash == std::string::npos ? std::nullopt : parse_count(text.substr(slash + 1));
  if (!part || !parts || *part >= *parts) throw usage("--part " + escape(text) + ": expected 0/4, 1/4, 2/4 or 3/4");
  return {*part, *parts};
}

class Import {
 public:
  Import(const Call& call, bool acknowledge)
      : call_(call), acknowledge_(acknowledge), store_(open_or_create(call.store)) {}

  // All of it, or until ^C.
  void take(const std::string& file, const ReaderOptions& options, const Part& part, const Put& how) {
    const std::string path = file == "-" ? "standard input" : file;
    try {
      auto input = Input::from(file);
      const auto reader = make_reader(input, options);
      for (std::uint64_t index = 0; auto item = interrupted() ? std::nullopt : reader->next(); ++index) {
        progress_.show(input.bytes_taken(), input.bytes_total());
        if (index % part.parts != part.part) continue;
        const auto stamp = store_.put(item->key, item->payload, how);
        if (!stamp) {
          const auto why = complaint(call_.store, stamp.error());
          throw Complaint{call_.store, why.error,
                          fmt::format("{} (line {} of {}){}", why.text, item->line, path, so_far())};
        }
        ++records_;
        bytes_ += item->payload.size();
        if (acknowledge_) tell(item->key);
      }
    } catch (const InputCut&) {  // as at the end of the loop: `report` says so
    } catch (const BadInput& bad) {
      throw Complaint{path, {Code::invalid}, fmt::format("line {}: {}{}", bad.line, bad.what, so_far())};
    }
  }

  void report() const {
    const auto ns =
        static_cast<std::uint64_t>((std::chrono::steady_clock::now() - begun_) / std::chrono::nanoseconds(1));
    if (call_.json && !interrupted()) {
      answer(call_, {{"records", records_}, {"bytes", bytes_}, {"duration_ns", ns}});
      return;
    }
    fmt::print(acknowledge_ || interrupted() ? stderr : stdout, "imported {}, {} in {}{}\n",
               count_text(records_, "record"), size_text(bytes_), duration_text(ns),
               interrupted() ? ", then stopped" : "");
  }

 private:
  // A line of its own system call: whoever reads the pipe knows it even if we are killed right after.
  void tell(const OwnedKey& key) const {
    std::fputs((call_.json ? line_of(key_json(key)) : key_text(key) + '\n').c_str(), stdout);
    std::fflush(stdout);
  }

  std::string so_far() const {
    return fmt::format("; {} before it {} in {}", count_text(records_, "record"), records_ == 1 ? "is" : "are",
                       escape(call_.store));
  }

  const Call& call_;
  bool acknowledge_;
  Store store_;
  ProgressLine progress_{"import"};
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::uint64_t records_ = 0, bytes_ = 0;
};

}  // namespace

int verb_import(Call& call) {
  std::optional<std::string> file;
  ReaderOptions options;
  std::string part = "0/1";
  std::uint64_t rounds = 1;
  bool acknowledge = false;
  Put how;
  call.needs_store()
      .takes("FILE", file, "the input; - or none: standard input")
      .one_of("--format", options.format, {"ndjson", "lines", "paragraphs"}, "[ndjson]")
      .option("--key-field", options.key_field, "the field that is the key; ndjson without: what `durra dump` prints")
      .option("--key-prefix", options.key_prefix, "put before each key")
      .option("--part", part, "I/N: every Nth record, from the Ith, for N processes with one input [0/1]")
      .option("--rounds", rounds, "how often to go over FILE; 0: until stopped [1]")
      .flag("--acknowledge", acknowledge, "print each key once its record is in the store")
      .flag("--compress", how.compress, "LZ4")
      .footer("example: apt-cache dumpavail | durra import packages.durra --format paragraphs --key-field Package")
      .parse();
  const auto mine = parse_part(part);
  const auto input = file.value_or("-");
  if (input == "-" && rounds != 1) throw usage("--rounds: standard input can be read once only; name a FILE");
  check(options);

  const InterruptGuard guard;
  Import import(call, acknowledge);
  for (std::uint64_t round = 0; (rounds == 0 || round < rounds) && !interrupted(); ++round)
    import.take(input, options, mine, how);
  import.report();
  return kDone;
}

}  // namespace durra::tools
