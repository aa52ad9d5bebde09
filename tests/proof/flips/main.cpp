// G9: every bit flipped, every length cut to, every word set to extremes, of small files in every state: what is wrong
// afterwards is detected, or harmless.
//
//   proof_flips --only closed                               one image
//   proof_flips --only closed/read_write                    in one way of looking at it
//   proof_flips --only closed/read_write/flip:65536:3       one change: says what came of it
#include <sys/stat.h>

#include <charconv>
#include <cstdio>

#include "tests/proof/flips/board.h"
#include "tests/support/proof.h"
#include "tests/support/scratch.h"

namespace durra::test {
namespace {

std::vector<std::string> parts_of(const std::string& text, char at) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

std::uint64_t number(const std::string& text) {
  std::uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

Change change_of(const std::string& text) {
  auto parts = parts_of(text, ':');
  parts.resize(3);
  const auto kind = parts[0] == "flip"   ? Change::Kind::bit
                    : parts[0] == "word" ? Change::Kind::word
                    : parts[0] == "cut"  ? Change::Kind::cut
                                         : Change::Kind::none;
  return {kind, number(parts[1]), number(parts[2])};
}

std::vector<Sweep> plan(const Proof& proof, const std::vector<Image>& images, std::uint64_t seed,
                        const std::string& folder) {
  std::vector<Sweep> sweeps;
  for (const Image& image : images)
    for (int w = 0; w < static_cast<int>(Way::count_); ++w) {
      const auto way = static_cast<Way>(w);
      if (!proof.wants(image.name) && !proof.wants(image.name + "/" + name(way))) continue;
      // Where nobody asks for its identity, it is what it is a copy of.
      if (image.elsewhere && way != Way::read_write && way != Way::read_only) continue;
      sweeps.push_back(sweep_of(image, way, {.seed = seed, .brief = proof.brief()}, folder + "/unbroken"));
    }
  return sweeps;
}

void one(const std::vector<Image>& images, const std::vector<std::string>& words, const std::string& folder) {
  for (const Image& image : images)
    for (int w = 0; w < static_cast<int>(Way::count_); ++w) {
      const auto way = static_cast<Way>(w);
      if (image.name != words[0] || name(way) != words[1]) continue;
      Trial trial(image, folder + "/broken");
      const Change change = change_of(words[2]);
      std::printf("%s at %llu: %s\n", place_of(image, change.at).c_str(), static_cast<unsigned long long>(change.at),
                  text_of_bits(trial.run(way, change)).c_str());
    }
}

void sweep_all(Proof& proof, const std::vector<Image>& images, std::uint64_t seed, const std::string& folder,
               Tally& all, std::uint64_t& unread) {
  auto sweeps = plan(proof, images, seed, folder);
  for (const Sweep& s : sweeps) {
    unread += s.unread;
    if (!s.broken.empty()) proof.failure(s.name() + ", unchanged: " + s.broken);
  }
  const Tally t = try_all(sweeps, proof.jobs(), folder, [&](const std::string& story) { proof.failure(story); });
  for (std::size_t i = 0; i < t.verdicts.size(); ++i) all.verdicts[i] += t.verdicts[i];
  all.bits += t.bits;
  all.words += t.words;
  all.cuts += t.cuts;
  all.checks += t.checks;
  all.crashes += t.crashes;
}

}  // namespace
}  // namespace durra::test

int main(int argc, char** argv) {
  using namespace durra::test;
  Proof proof(argc, argv, "every bit flipped, every length, every word at its extremes: detected, or harmless");
  if (!can_trace()) Proof::skip("what is read can be followed on x86-64 only, and not beside a sanitizer");
  const auto all_images = images();
  const Scratch scratch;
  if (const auto words = parts_of(proof.only(), '/'); words.size() == 3)
    return one(all_images, words, scratch.path()), 0;

  Tally tally;
  std::uint64_t unread = 0, seed = proof.seed();
  do sweep_all(proof, all_images, seed++, scratch.path(), tally, unread);
  while (proof.goes_on() && proof.failed() == 0);

  const auto count = [&](Verdict v) { return tally.verdicts[static_cast<std::size_t>(v)]; };
  proof.figure("flips", unread + tally.bits);
  proof.figure("of these not read", unread);
  proof.figure("tried", tally.bits);
  proof.figure("words", tally.words);
  proof.figure("lengths", tally.cuts);
  proof.figure("checks of the unread", tally.checks);
  proof.figure("harmless", count(Verdict::harmless));
  proof.figure("detected", count(Verdict::detected));
  proof.figure("documented", count(Verdict::documented));
  proof.figure("silent", count(Verdict::silent));
  proof.figure("crashes", tally.crashes);
  return proof.finish();
}
