// What the library answers, in the words of the command: what, what was left, what next.
#include "tools/failure.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tools/exit.h"

namespace durra::tools {
namespace {

std::string words(const Error& e) { return complaint("app.durra", e).text; }

TEST(Failure, says_what_was_left_and_what_next) {
  EXPECT_EQ(words({Code::not_found, ENOENT, 0, "open"}), "no such file; durra create app.durra makes one");
  EXPECT_EQ(words({Code::full, ENOSPC, 1 << 20, "fallocate", 212 << 10}),
            "disk full, nothing was changed (needs 1 MiB, 212 KiB free)");
  EXPECT_EQ(words({Code::full, EDQUOT, 4096, "write"}),
            "disk quota reached, nothing was changed (needs 4 KiB, 0 bytes free)");
  EXPECT_EQ(words({Code::full, EFBIG, 4096, "write", 1}),
            "file size limit reached (ulimit -f), nothing was changed (needs 4 KiB, 1 byte free)");
  EXPECT_EQ(words({Code::full, 0, 1024, "every participant seat is taken"}),
            "every participant seat is taken, nothing was changed");
  EXPECT_EQ(words({Code::damaged, 0, 0x4c0, "record checksum mismatch"}),
            "damaged at 0x4c0: record checksum mismatch; into a new file: durra recover app.durra app.durra.recovered");
  EXPECT_EQ(words({Code::full, 0, 1 << 20, "max_size is reached", 8 << 20}),
            "max_size is reached, nothing was changed (needs 1 MiB, the limit is 8 MiB)");
  EXPECT_EQ(words({Code::conflict, 0, 0, "the file exists already"}), "the file exists already, nothing was changed");
  EXPECT_EQ(words({Code::conflict}), "another version is there, nothing was changed");
  EXPECT_EQ(words({Code::too_large, 0, 1024, "the key is too long"}),
            "the key is too long (at most 1 KiB), nothing was changed");
  EXPECT_EQ(complaint("no/such/folder.durra", {Code::not_found}).text, "no such folder");
  EXPECT_EQ(words({Code::busy, 0, 4121, "is being rebuilt"}),
            "busy: is being rebuilt (process 4121); nothing was changed; see: durra who app.durra");
  EXPECT_EQ(words({Code::io, EACCES, 0, "open"}), "open: Permission denied; nothing was changed");
  EXPECT_EQ(words({Code::unsupported, 0, 0, "is a directory"}), "is a directory");
}

TEST(Failure, every_code_has_words) {
  for (int code = 1; code <= static_cast<int>(Code::io); ++code)
    EXPECT_FALSE(words({static_cast<Code>(code)}).empty()) << code;
}

TEST(Failure, a_foreign_file_shows_how_it_begins) {
  char path[] = "/tmp/durra-failure-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  const Error foreign{Code::unsupported, 0, 0, "not a durra file"};
  EXPECT_EQ(complaint(path, foreign).text, "not a durra store (empty)");
  std::ofstream(path) << "\xff\xd8\xff\xe0 and more";
  EXPECT_EQ(complaint(path, foreign).text, "not a durra store (begins ff d8 ff e0)");
  std::ofstream(path) << "a";
  EXPECT_EQ(complaint(path, foreign).text, "not a durra store (begins 61)");
  std::remove(path);
  EXPECT_EQ(complaint(path, foreign).text, "not a durra store");
  EXPECT_EQ(complaint("/", foreign).text, "not a durra store");
}

TEST(Failure, must_gives_the_value_or_complains) {
  EXPECT_EQ(must(Result<int>(7), "x"), 7);
  EXPECT_NO_THROW(must(Result<void>(), "x"));
  try {
    must(Result<int>(Error{Code::conflict}), "x.durra");
    FAIL();
  } catch (const Complaint& c) {
    EXPECT_EQ(c.path, "x.durra");
    EXPECT_EQ(exit_of(c.error.code), kFailed);
  }
}

}  // namespace
}  // namespace durra::tools
