// The power runner: a store under it, which loses nothing that it promised, and what is built wrongly, which it must
// find.
#include <durra/store.h>
#include <durra/testing/power.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <stdexcept>

#include "tests/support/disk.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::testing {
namespace {

// ---- A store -----------------------------------------------------------------------------------------------------
struct Bank {
  test::TmpfsIsADisk disk;
  test::Scratch scratch;
  std::string path = scratch / "bank.durra";
  std::optional<Store> s;
  Store open() const { return durra::open(path, test::small(2_MiB, 8)).value(); }
  CutOptions opened(std::uint64_t images) {
    return {
        .trace = {.first =
                      [this] {
                        s = open();
                        s->put(Batch().put("anna", "100").put("ben", "0"), {.durability = Durability::power}).value();
                      }},
        .images = images,
        .failures_max = 3};
  }
};

// Anna has this as soon as it is acknowledged, or what she had before.
std::string wrong_with_anna(const Bank& bank, const Cut& cut) {
  const auto anna = bank.open().get("anna");
  if (!anna) return "anna is gone";
  if (anna->text() != "60" && anna->text() != "100") return "anna has " + anna->str();
  return !cut.said.empty() && anna->text() != "60" ? "anna has " + anna->str() + " still" : "";
}

Cuts put_with(Durability durability, std::uint64_t seed = 1) {
  Bank bank;
  auto options = bank.opened(2'000);
  options.seed = seed;
  return cut_everywhere(
             bank.path,
             [&] {
               bank.s->put("anna", "60", {.durability = durability}).value();
               mark("anna has 60");
             },
             [&](const Cut& cut) { return wrong_with_anna(bank, cut); }, options)
      .value();
}

TEST(CutEverywhere, what_is_acknowledged_with_power_is_there_after_every_cut) {
  const Cuts cuts = put_with(Durability::power);
  EXPECT_EQ(cuts.failures, std::vector<std::string>{});
  EXPECT_EQ(cuts.images, 2'000u);
  EXPECT_GT(cuts.different, 100u);
  EXPECT_EQ(cuts.looks, cuts.different);
}

TEST(CutEverywhere, what_is_acknowledged_without_is_found_missing) {
  const Cuts cuts = put_with(Durability::process);
  ASSERT_EQ(cuts.failures.size(), 3u);
  EXPECT_LT(cuts.looks, cuts.different);
  const std::string& story = cuts.failures[0];
  EXPECT_EQ(story.rfind("power cut after instruction ", 0), 0u) << story;
  for (const char* words : {"seed 1, cut ", ", blocks of ", ", said \"anna has 60\"): anna has 100 still"})
    EXPECT_NE(story.find(words), std::string::npos) << story;
}

TEST(CutEverywhere, a_batch_is_whole_or_absent) {
  Bank bank;
  for (const auto durability : {Durability::process, Durability::power}) {
    const auto cuts = cut_everywhere(
        bank.path, [&] { bank.s->put(Batch().put("anna", "60").put("ben", "40"), {.durability = durability}).value(); },
        [&](const Cut&) -> std::string {
          const Store s = bank.open();
          const int total = std::stoi(s.get("anna").value().str()) + std::stoi(s.get("ben").value().str());
          return total == 100 ? "" : "the total is " + std::to_string(total);
        },
        bank.opened(2'000));
    ASSERT_TRUE(cuts) << cuts.error().message();
    EXPECT_EQ(cuts->failures, std::vector<std::string>{});
    ::unlink(bank.path.c_str());
  }
}

TEST(CutEverywhere, a_store_that_is_made_is_whole_or_absent) {
  Bank bank;
  std::uint64_t* const absences = static_cast<std::uint64_t*>(
      ::mmap(nullptr, sizeof *absences, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const auto cuts = cut_everywhere(
      bank.path,
      [&] {
        bank.open().put("anna", "60", {.durability = Durability::power}).value();
        mark("put");
      },
      [&](const Cut& cut) -> std::string {
        *absences += !cut.exists;
        if (cut.exists != (::access(bank.path.c_str(), F_OK) == 0)) return "not as said";
        if (!cut.exists && !cut.said.empty()) return "the file is gone";
        const Store s = bank.open();
        return cut.said.empty() || s.get("anna") ? "" : "anna is gone";
      },
      {.images = 1'000});
  ASSERT_TRUE(cuts) << cuts.error().message();
  EXPECT_EQ(cuts->failures, std::vector<std::string>{});
  EXPECT_GT(cuts->looks, 100u);
  EXPECT_EQ(*absences, 1u);
  ::munmap(absences, sizeof *absences);
}

// ---- Two pages by hand: a value, and a word that says that it is there --------------------------------------------
struct Pages {
  test::Scratch scratch;
  std::string path = scratch / "pages";
  char* memory = nullptr;

  static constexpr std::size_t kPage = 4096;
  static constexpr const char* kValue = "a value that is longer than a word of the disk";
  Pages() { std::ofstream(path) << std::string(2 * kPage, '\0'); }
  CutOptions mapped(std::uint64_t images = 1'000) {
    return {.trace = {.first =
                          [this] {
                            const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
                            memory = static_cast<char*>(
                                ::mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
                          }},
            .images = images};
  }
  void write_value() const { std::strcpy(memory + kPage, kValue); }
  void write_word() const { *reinterpret_cast<volatile std::uint64_t*>(memory) = 1; }
  void flush(std::size_t page) const { ::msync(memory + page * kPage, kPage, MS_SYNC); }

  std::string look(const Cut& cut) const {
    std::string bytes(2 * kPage, '?');
    std::ifstream(path).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (bytes[0] == 0) return cut.said.empty() ? "" : "it was acknowledged and is gone";
    return bytes.c_str() + kPage == std::string(kValue) ? "" : "the word says so, but the value is not there";
  }
  Cuts cut(const std::function<void()>& code) {
    return cut_everywhere(
               path, code, [this](const Cut& c) { return look(c); }, mapped())
        .value();
  }
  // How many of the failures say this.
  static auto count(const Cuts& cuts, const std::string& words) {
    return std::count_if(cuts.failures.begin(), cuts.failures.end(),
                         [&](const std::string& f) { return f.find(words) != std::string::npos; });
  }
};

TEST(CutEverywhere, the_right_order_of_flushes_has_nothing_wrong) {
  Pages p;
  const Cuts cuts = p.cut([&] { p.write_value(), p.flush(1), p.write_word(), p.flush(0), mark("done"); });
  EXPECT_EQ(cuts.failures, std::vector<std::string>{});
  EXPECT_GT(cuts.looks, 5u);
}

TEST(CutEverywhere, a_missing_flush_is_found) {
  Pages p;
  EXPECT_GT(Pages::count(p.cut([&] { p.write_value(), p.write_word(), p.flush(0), mark("done"); }), "is not there"), 0);
  Pages q;
  EXPECT_GT(Pages::count(q.cut([&] { q.write_value(), q.flush(1), q.write_word(), mark("done"); }), "is gone"), 0);
}

TEST(CutEverywhere, flushes_in_the_wrong_order_are_found) {
  Pages p;
  const Cuts cuts = p.cut([&] { p.write_value(), p.write_word(), p.flush(0), p.flush(1), mark("done"); });
  EXPECT_GT(Pages::count(cuts, "is not there"), 0);
  EXPECT_EQ(Pages::count(cuts, "is gone"), 0);
}

TEST(CutEverywhere, an_acknowledgement_before_the_flush_is_found) {
  Pages p;
  const Cuts cuts = p.cut([&] { p.write_value(), p.flush(1), p.write_word(), mark("done"), p.flush(0); });
  EXPECT_GT(Pages::count(cuts, "is gone"), 0);
  EXPECT_EQ(Pages::count(cuts, "is not there"), 0);
}

TEST(CutEverywhere, what_a_shorter_file_had_is_gone_when_it_grows_again) {
  Pages p;
  std::ofstream(p.path) << std::string(2 * Pages::kPage, 'x');
  const auto cuts = cut_everywhere(
      p.path,
      [&] {
        const int fd = ::open(p.path.c_str(), O_RDWR | O_CLOEXEC);
        if (::ftruncate(fd, 100) != 0 || ::ftruncate(fd, 2 * Pages::kPage) != 0 || ::fsync(fd) != 0) throw fd;
        mark("flushed");
      },
      [&](const Cut& cut) -> std::string {
        std::ifstream in(p.path);
        const std::string bytes{std::istreambuf_iterator<char>(in), {}};
        const auto whole = std::string(100, 'x') + std::string(2 * Pages::kPage - 100, '\0');
        return cut.said.empty() || bytes == whole ? "" : "not as it was flushed";
      },
      {.images = 500});
  ASSERT_TRUE(cuts) << cuts.error().message();
  EXPECT_EQ(cuts->failures, std::vector<std::string>{});
}

TEST(CutEverywhere, a_file_that_is_made_may_be_there_before_its_flush_and_is_behind_it) {
  const test::Scratch scratch;
  const std::string path = scratch / "new";
  const auto cut = [&](const char* wrong) {
    ::unlink(path.c_str());
    return cut_everywhere(
               path,
               [&] {
                 const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
                 if (::write(fd, wrong, 8) != 8) throw std::runtime_error("write");
                 mark("written");
                 if (::fsync(fd) != 0) throw std::runtime_error("fsync");
                 mark("flushed");
               },
               [&](const Cut& c) -> std::string {
                 struct stat s;
                 const bool there = ::stat(path.c_str(), &s) == 0;
                 if (there != c.exists) return "not as said";
                 if (c.said.size() == 2) return there && s.st_size == 8 ? "" : "it was flushed and is gone";
                 return there && wrong[0] == '!' && s.st_size == 0 ? "empty" : there ? "" : "absent";
               },
               {.images = 500})
        .value();
  };
  const Cuts cuts = cut("!1234567");
  EXPECT_EQ(Pages::count(cuts, "not as said"), 0);
  EXPECT_EQ(Pages::count(cuts, "is gone"), 0);
  EXPECT_GT(Pages::count(cuts, "no file): absent"), 0);
  EXPECT_GT(Pages::count(cuts, "no file, said \"written\"): absent"), 0);
  EXPECT_GT(Pages::count(cuts, "empty"), 0);
}

// ---- Who looks ---------------------------------------------------------------------------------------------------
TEST(CutEverywhere, the_same_seed_finds_the_same_and_another_something_else) {
  EXPECT_EQ(put_with(Durability::process, 7).failures.size(), 3u);
  Pages p;
  const auto trace = record(
      p.path, [&] { p.write_value(), p.write_word(), p.flush(0), mark("done"); }, p.mapped().trace);
  ASSERT_TRUE(trace) << trace.error().message();
  const auto look = [&](const Cut& c) { return p.look(c); };
  const auto failures = [&](std::uint64_t seed) {
    auto stories = cut_everywhere(p.path, *trace, look, {.seed = seed}).failures;
    for (auto& story : stories) story.erase(0, story.find(", cut "));  // behind the seed's number
    return stories;
  };
  const auto first = failures(1);
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(failures(1), first);
  EXPECT_NE(failures(2), first);
}

TEST(CutEverywhere, each_look_has_a_new_file) {
  Pages p;
  const auto inode = [&] {
    struct stat s;
    return ::stat(p.path.c_str(), &s) == 0 ? s.st_ino : 0;
  };
  const auto before = inode();
  const auto cuts = cut_everywhere(
      p.path, [&] { p.write_value(), p.flush(1); },
      [&](const Cut&) { return inode() == before ? "the same inode" : ""; }, p.mapped());
  ASSERT_TRUE(cuts) << cuts.error().message();
  EXPECT_EQ(cuts->failures, std::vector<std::string>{});
}

TEST(CutEverywhere, looks_that_die_or_do_not_end_are_failures_and_the_others_go_on) {
  Pages p;
  auto options = p.mapped();
  options.patience = std::chrono::seconds(1);
  auto* const looks = static_cast<unsigned*>(
      ::mmap(nullptr, sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const auto cuts = cut_everywhere(
      p.path, [&] { p.write_value(), p.write_word(); },
      [&](const Cut&) -> std::string {
        const unsigned look = (*looks)++;
        if (look == 1) std::abort();
        if (look == 2) throw std::runtime_error("thrown on purpose");
        if (look == 3) std::_Exit(0);
        while (look == 4) {
          static volatile unsigned spins = 0;
          spins = spins + 1;
        }
        return look == 5 ? "told on purpose" : "";
      },
      options);
  ASSERT_TRUE(cuts) << cuts.error().message();
  ASSERT_EQ(cuts->failures.size(), 5u);
  for (const char* words :
       {"dies of Aborted", "thrown on purpose", "ends the process", "does not come to an end", "told on purpose"})
    EXPECT_EQ(Pages::count(*cuts, words), 1) << words;
  EXPECT_EQ(cuts->looks, cuts->different);
  EXPECT_EQ(*looks, cuts->looks);
  ::munmap(looks, sizeof(unsigned));
}

TEST(CutEverywhere, code_that_makes_no_file_is_an_error) {
  const test::Scratch scratch;
  const auto cuts = cut_everywhere(
      scratch / "none", [] {}, [](const Cut&) { return ""; });
  ASSERT_FALSE(cuts);
  EXPECT_EQ(cuts.error().code, Code::not_found);
}

// As that of a wrong path: nothing would be looked at, and nothing wrong be found.
TEST(CutEverywhere, a_trace_without_a_file_is_refused) {
  const test::Scratch scratch;
  const auto trace = record(scratch / "none", [] { mark("done"); }).value();
  EXPECT_THROW(cut_everywhere(scratch / "none", trace, [](const Cut&) { return ""; }), std::invalid_argument);
}

}  // namespace
}  // namespace durra::testing
