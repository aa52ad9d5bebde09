// What is refused, with which code, and that nothing was changed by it.
#include <durra/store.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;
using test::noise;
using test::outcome;
using test::shown;
using test::small;

struct Limits : testing::Test {
  test::Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
};

TEST_F(Limits, a_key_has_1_to_1024_bytes) {
  EXPECT_EQ(outcome(store.put(std::string(1024, 'k'), "x")), "ok");
  const auto longer = store.put(std::string(1025, 'k'), "x");
  ASSERT_EQ(outcome(longer), "too_large");
  EXPECT_EQ(longer.error().detail, 1024u);
  EXPECT_EQ(outcome(store.get(std::string(1025, 'k'))), "too_large");
  EXPECT_EQ(outcome(store.erase(std::string(5000, 'k'))), "too_large");
  EXPECT_EQ(outcome(store.put("", "x")), "invalid");
  EXPECT_EQ(outcome(store.get("")), "invalid");
  EXPECT_EQ(outcome(store.erase("")), "invalid");
  EXPECT_EQ(outcome(store.draft("", 1)), "invalid");
  EXPECT_EQ(outcome(store.snapshot().value().get("")), "invalid");
}

TEST_F(Limits, keys_that_begin_with_byte_0_are_the_librarys_own) {
  const std::string own("\0own", 4);
  EXPECT_EQ(outcome(store.put(own, "x")), "invalid");
  EXPECT_EQ(outcome(store.put_if(own, "x", absent)), "invalid");
  EXPECT_EQ(outcome(store.get(own)), "invalid");
  EXPECT_EQ(outcome(store.erase(own)), "invalid");
  EXPECT_EQ(outcome(store.draft(own, 1)), "invalid");
  EXPECT_EQ(outcome(store.put(std::string("a\0own", 5), "x")), "ok");  // elsewhere it is a byte like any other
}

TEST_F(Limits, a_payload_has_at_most_a_quarter_of_max_size) {
  const std::size_t limit = 8_MiB / 4;
  const std::string most = noise(limit);
  ASSERT_EQ(outcome(store.put("k", most)), "ok");
  EXPECT_EQ(shown(store.get("k")), most);
  EXPECT_TRUE(store.get("k").value().intact());
  const auto more = store.put("k", noise(limit + 1));
  ASSERT_EQ(outcome(more), "too_large");
  EXPECT_EQ(more.error().detail, limit);
  EXPECT_EQ(shown(store.get("k")), most);
  EXPECT_EQ(outcome(store.draft("k", limit + 1)), "too_large");
  EXPECT_EQ(outcome(store.draft("k", ~std::size_t{0})), "too_large");
  EXPECT_EQ(outcome(store.put("k", std::string(limit + 1, 'a'), {.compress = true})), "too_large");
}

TEST_F(Limits, alignment_is_a_power_of_two_from_8_to_4096) {
  for (const std::uint32_t align : {0u, 1u, 4u, 7u, 9u, 24u, 4095u, 8192u, 1u << 31})
    EXPECT_EQ(outcome(store.put("k", "x", {.align = align})), "invalid") << align;
  EXPECT_EQ(shown(store.get("k")), "<not_found>");
}

TEST_F(Limits, options_out_of_range_create_nothing) {
  const auto refused = [&](auto change) {
    Options o = small();
    change(o);
    const std::string path = scratch / "refused";
    EXPECT_EQ(outcome(open(path, o)), "invalid");
    EXPECT_EQ(outcome(open(path, small(Mode::open))), "not_found");
  };
  refused([](Options& o) { o.region_size = 32_KiB; });
  refused([](Options& o) { o.region_size = 100'000; });
  refused([](Options& o) { o.region_size = 2_GiB; });
  refused([](Options& o) { o.max_size = 0; });
  refused([](Options& o) { o.max_size = 128 * 1024_GiB; });
  refused([](Options& o) { o.participants = 0; });
  refused([](Options& o) { o.participants = 1025; });
}

TEST_F(Limits, paths_that_are_none) {
  EXPECT_EQ(outcome(open("", small())), "invalid");
  EXPECT_EQ(outcome(open(std::string("a\0b", 3), small())), "invalid");
  EXPECT_EQ(outcome(open(scratch / "no/such/folder", small(Mode::open))), "not_found");
  EXPECT_EQ(open(scratch / "no/such/folder", small()).error().errno_value, ENOENT);
  EXPECT_EQ(outcome(open(scratch.path(), small())), "unsupported");
}

TEST_F(Limits, the_least_and_the_greatest_store) {
  for (const std::uint64_t max : {1_MiB, 64 * 1024_GiB}) {
    const std::string path = scratch / std::to_string(max);
    auto o = small(max);
    o.participants = 1;
    o.region_size = max == 1_MiB ? 64_KiB : 1_GiB;
    auto made = open(path, o);
    if (max > 1_GiB && !made) continue;  // 64 TiB of addresses: more than some machines give; said as io
    ASSERT_EQ(outcome(made), "ok");
    if (max > 1_GiB) continue;  // its first region would take 1 GiB
    EXPECT_EQ(outcome(made->put("k", "x")), "ok");
    EXPECT_EQ(shown(made->get("k")), "x");
  }
}

}  // namespace
}  // namespace durra
