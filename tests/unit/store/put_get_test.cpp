// put, get, erase, get_many: what was put is what is got, under any key and of any size.
#include <durra/store.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "format/checksum.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;
using test::shown;
using test::small;

struct PutGet : testing::Test {
  test::Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
};

TEST_F(PutGet, a_get_answers_with_what_was_put) {
  const Stamp stamp = store.put("greeting", "hello").value();
  const auto record = store.get("greeting");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->text(), "hello");
  EXPECT_EQ(record->bytes().size(), 5u);
  EXPECT_EQ(record->key(), "greeting");
  EXPECT_TRUE(record->is_text());
  EXPECT_EQ(record->id(), 0u);
  EXPECT_EQ(record->stamp(), stamp);
  EXPECT_NE(stamp, absent);
  EXPECT_TRUE(record->intact());
}

TEST_F(PutGet, an_absent_key_is_not_found) {
  EXPECT_EQ(shown(store.get("nothing")), "<not_found>");
  EXPECT_EQ(shown(store.get(7)), "<not_found>");
}

TEST_F(PutGet, the_newest_put_wins_and_stamps_rise) {
  Stamp last = absent;
  for (int i = 0; i < 1000; ++i) {
    const Stamp now = store.put("k", std::to_string(i)).value();
    ASSERT_GT(now, last);
    ASSERT_EQ(shown(store.get("k")), std::to_string(i));
    last = now;
  }
}

TEST_F(PutGet, stamps_of_one_writer_rise_whatever_it_puts) {
  Stamp last = absent;
  for (int i = 0; i < 100; ++i) {
    const Stamp now = store.put("k" + std::to_string(i), "v").value();
    ASSERT_GT(now, last);
    last = now;
  }
}

TEST_F(PutGet, integers_and_their_digits_are_different_keys) {
  store.put(7, "integer").value();
  store.put("7", "text").value();
  EXPECT_EQ(shown(store.get(7)), "integer");
  EXPECT_EQ(shown(store.get("7")), "text");
  EXPECT_EQ(store.get(7).value().id(), 7u);
  EXPECT_FALSE(store.get(7).value().is_text());
  store.erase(7).value();
  EXPECT_EQ(shown(store.get(7)), "<not_found>");
  EXPECT_EQ(shown(store.get("7")), "text");
}

TEST_F(PutGet, minus_one_and_the_greatest_integer_are_one_key) {
  store.put(-1, "edge").value();
  EXPECT_EQ(shown(store.get(std::numeric_limits<std::uint64_t>::max())), "edge");
  EXPECT_EQ(store.get(-1).value().id(), std::numeric_limits<std::uint64_t>::max());
  store.put(0, "zero").value();
  EXPECT_EQ(shown(store.get(0u)), "zero");
}

// The seed is known to whoever has the file, so a text can be made whose hash is an integer's: it must not be taken for
// it.  Here the other way round: the integer whose hash is the text's.
TEST_F(PutGet, an_integer_and_a_text_of_one_hash_both_live) {
  const std::uint64_t seed = format::store_seed(stats(store).value().uuid);
  const std::uint64_t twin = format::id_of(format::tag_of("text", seed), seed);
  store.put("text", "of the text").value();
  EXPECT_EQ(shown(store.get(twin)), "<not_found>");
  store.put(twin, "of the integer").value();
  EXPECT_EQ(shown(store.get("text")), "of the text");
  EXPECT_EQ(shown(store.get(twin)), "of the integer");
  store.erase("text").value();
  EXPECT_EQ(shown(store.get(twin)), "of the integer");
  EXPECT_EQ(shown(store.get("text")), "<not_found>");
}

TEST_F(PutGet, keys_of_every_length_are_kept_apart) {
  for (std::size_t n = 1; n <= 1024; ++n) store.put(std::string(n, 'k'), std::to_string(n)).value();
  for (std::size_t n = 1; n <= 1024; ++n) {
    const auto record = store.get(std::string(n, 'k'));
    ASSERT_EQ(shown(record), std::to_string(n));
    ASSERT_EQ(record->key().size(), n);
  }
}

TEST_F(PutGet, keys_are_bytes) {
  const std::string odd("\xff\x00\n\"\\", 5);
  store.put(odd, "odd").value();
  EXPECT_EQ(shown(store.get(odd)), "odd");
  const auto record = store.get(odd).value();
  EXPECT_EQ(record.key(), odd);
  EXPECT_EQ(shown(store.get(odd.substr(0, 1))), "<not_found>");
}

TEST_F(PutGet, payloads_of_every_small_size) {
  for (std::size_t n = 0; n < 600; ++n) {
    store.put(n, noise(n, n)).value();
    const auto record = store.get(n);
    ASSERT_EQ(shown(record), noise(n, n));
    ASSERT_TRUE(record->intact());
  }
}

TEST_F(PutGet, a_payload_of_0_bytes_is_a_record) {
  const Stamp stamp = store.put("empty", "").value();
  ASSERT_TRUE(store.get("empty"));
  EXPECT_EQ(shown(store.get("empty")).size(), 0u);
  EXPECT_EQ(store.get("empty").value().stamp(), stamp);
  EXPECT_TRUE(store.get("empty").value().intact());
}

TEST_F(PutGet, payloads_larger_than_regions) {
  for (const std::size_t size : {65'000ul, 65'472ul, 65'473ul, 65'536ul, 70'000ul, 131'072ul, 200'000ul, 1'000'000ul}) {
    store.put("large", noise(size, size)).value();
    const auto record = store.get("large");
    ASSERT_EQ(record->text(), noise(size, size)) << size;
    ASSERT_TRUE(record->intact()) << size;
    store.put("small", std::to_string(size)).value();
    ASSERT_EQ(shown(store.get("small")), std::to_string(size));
  }
}

TEST_F(PutGet, erased_keys_are_gone_and_can_come_back) {
  EXPECT_EQ(outcome(store.erase("k")), "not_found");
  const Stamp first = store.put("k", "1").value();
  EXPECT_EQ(outcome(store.erase("k")), "ok");
  EXPECT_EQ(shown(store.get("k")), "<not_found>");
  EXPECT_EQ(outcome(store.erase("k")), "not_found");
  const Stamp second = store.put("k", "2").value();
  EXPECT_GT(second, first);
  EXPECT_EQ(shown(store.get("k")), "2");
}

TEST_F(PutGet, alignment_is_of_the_payloads_first_byte) {
  for (std::uint32_t align = 8; align <= 4096; align *= 2)
    for (const std::size_t size : {0ul, 1ul, 100ul, 5000ul, 100'000ul}) {
      store.put("aligned", noise(size, align), {.align = align}).value();
      const auto record = store.get("aligned");
      ASSERT_EQ(shown(record), noise(size, align)) << align;
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(record->bytes().data()) % align, 0u) << align << " " << size;
      ASSERT_TRUE(record->intact());
    }
}

TEST_F(PutGet, typed_values_come_back_as_they_were) {
  struct Point {
    std::int32_t x, y;
  };
  const Point p{-3, 4};
  store.put("point", bytes_of(p)).value();
  const auto record = store.get("point").value();
  EXPECT_EQ(record.as<Point>().value().x, -3);
  EXPECT_EQ(record.as<Point>().value().y, 4);
  EXPECT_EQ(outcome(record.as<std::int32_t>()), "mismatch");

  const std::vector<double> numbers{1.5, 2.5, 3.5};
  store.put("numbers", numbers).value();
  const auto many = store.get("numbers").value();
  ASSERT_EQ(outcome(many.span<double>()), "ok");
  EXPECT_EQ(many.span<double>().value().size(), 3u);
  EXPECT_EQ(many.span<double>().value()[2], 3.5);
  using Pair = std::array<std::uint64_t, 2>;
  EXPECT_EQ(outcome(many.span<Pair>()), "mismatch");  // 24 bytes are no whole number of 16
}

// ---- Compression ----------------------------------------------------------------------------------------------------
TEST_F(PutGet, compressed_payloads_are_got_unpacked) {
  const std::string long_text(300'000, 'a');
  store.put("packed", long_text, {.compress = true}).value();
  const auto record = store.get("packed").value();
  EXPECT_EQ(record.text(), long_text);
  EXPECT_TRUE(record.intact());
  EXPECT_LT(stats(store).value().live_bytes, 10'000u);
}

TEST_F(PutGet, what_does_not_shrink_is_kept_as_it_is) {
  const std::string raw = noise(50'000);
  store.put("noise", raw, {.compress = true}).value();
  EXPECT_EQ(shown(store.get("noise")), raw);
  const auto bytes = stats(store).value().live_bytes;
  EXPECT_GE(bytes, raw.size());
  EXPECT_LT(bytes, raw.size() + 100);
  store.put("empty", "", {.compress = true}).value();
  EXPECT_EQ(shown(store.get("empty")), "");
  store.put("one", "x", {.compress = true}).value();
  EXPECT_EQ(shown(store.get("one")), "x");
}

// ---- get_many -------------------------------------------------------------------------------------------------------
TEST_F(PutGet, get_many_answers_in_the_order_of_its_keys) {
  for (int i = 0; i < 100; i += 2) store.put(i, std::to_string(i)).value();
  std::vector<Key> keys;
  for (int i = 99; i >= 0; --i) keys.emplace_back(i);
  keys.emplace_back("");  // refused on its own, without the others
  keys.emplace_back(4);
  const auto found = store.get_many(keys);
  ASSERT_EQ(found.size(), 102u);
  for (int i = 0; i < 100; ++i) {
    const int key = 99 - i;
    EXPECT_EQ(shown(found[static_cast<std::size_t>(i)]), key % 2 == 0 ? std::to_string(key) : "<not_found>");
  }
  EXPECT_EQ(shown(found[100]), "<invalid>");
  EXPECT_EQ(shown(found[101]), "4");
  EXPECT_TRUE(store.get_many({}).empty());
}

TEST_F(PutGet, get_many_leaves_no_pin_behind_for_what_it_did_not_find) {
  store.put(1, "one").value();
  const std::vector<Key> keys{Key(1), Key(2), Key(""), Key(3)};
  {
    const auto found = store.get_many(keys);
    EXPECT_EQ(participants(store).value().at(0).pins, 1u);
  }
  EXPECT_EQ(participants(store).value().at(0).pins, 0u);
}

}  // namespace
}  // namespace durra
