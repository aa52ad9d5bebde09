// Following the records of a batch: whole only when all came, in their order, as they were put.
#include "format/batch.h"

#include <gtest/gtest.h>

#include "format/walk.h"
#include "tests/unit/format/made.h"

namespace durra::format {
namespace {

constexpr std::uint64_t kBase = 12 << 20;

struct BatchFormat : testing::Test {
  MadeRegion region{99, 3, 5, kBase, 64 << 10};
  std::uint64_t begin = region.append_batch({{.key = "a", .payload = "first", .stamp = 0},
                                             {.id = 7, .stamp = 0, .kind = RecordKind::tombstone},
                                             {.key = "b", .payload = "third", .stamp = 0}},
                                            decision(Verdict::fixed, 4));

  // Walks the region from its envelope on.
  BatchWalk follow() {
    Walk w(region.bytes, region.base, region.seed, region.tail);
    BatchWalk batch;
    while (w.next()) {
      const auto& r = w.record();
      if (r.shape.kind == RecordKind::envelope) {
        Envelope e;
        std::memcpy(&e, r.payload.data(), sizeof e);
        batch = BatchWalk(r.at, e, region.seed);
      } else if (!batch.add(r.at, r.header, r.shape, in_batch(r.shape.kind) ? r.link() : BatchLink{}, w.intact())) {
        return batch;
      }
    }
    return batch;
  }
};

TEST_F(BatchFormat, is_whole_as_it_was_put) {
  const auto batch = follow();
  EXPECT_TRUE(batch.whole());
  EXPECT_FALSE(batch.open());
  EXPECT_EQ(batch.envelope_at(), kBase + begin);
}

TEST_F(BatchFormat, is_not_whole_while_records_are_to_come) {
  region.tail = begin + kEnvelopeSize;
  EXPECT_TRUE(follow().open());
  EXPECT_FALSE(follow().whole());
}

TEST_F(BatchFormat, every_changed_byte_of_it_is_noticed) {
  std::vector<bool> covered(region.tail, false);  // but prev, stamp and word, and the padding
  Walk w(region.bytes, region.base, region.seed, region.tail);
  for (w.next(); w.next();) {
    const std::uint64_t at = w.record().at - kBase;
    const std::uint64_t end = at + payload_start(w.record().shape, w.record().at) + w.record().shape.payload_size;
    for (std::uint64_t i = at; i < end; ++i) covered[i] = i < at + 24 || i >= at + 48;
  }
  for (std::uint64_t i = begin + kEnvelopeSize; i < region.tail; ++i) {
    region.bytes[i] ^= std::byte{1};
    EXPECT_EQ(follow().whole(), !covered[i]) << i;
    region.bytes[i] ^= std::byte{1};
  }
}

TEST_F(BatchFormat, records_of_another_batch_do_not_count) {
  BatchWalk batch;
  EXPECT_FALSE(batch.add(kBase, {}, {.kind = RecordKind::batch_put}, {}, true)) << "no batch is open";
  batch = BatchWalk(kBase, {2, 144, 0}, region.seed);
  EXPECT_FALSE(batch.add(kBase + kEnvelopeSize, {}, {.kind = RecordKind::put}, {}, true)) << "a single";
  batch = BatchWalk(kBase, {2, 144, 0}, region.seed);
  EXPECT_FALSE(batch.add(kBase + kEnvelopeSize, {}, {.kind = RecordKind::batch_put}, {80, 0}, true));
  EXPECT_FALSE(batch.open()) << "broken for good";
}

TEST_F(BatchFormat, a_count_beyond_the_limit_is_no_batch) {
  EXPECT_TRUE(BatchWalk(kBase, {kBatchCountMax, 0, 0}, 1).open());
  EXPECT_FALSE(BatchWalk(kBase, {kBatchCountMax + 1, 0, 0}, 1).open());
  EXPECT_FALSE(BatchWalk(kBase, {0, 0, 0}, 1).open());
}

TEST(Decision, says_what_was_packed) {
  for (int v = 0; v <= 7; ++v) EXPECT_EQ(verdict_of(decision(static_cast<Verdict>(v), 77)), static_cast<Verdict>(v));
  EXPECT_EQ(value_of(decision(Verdict::fixed, 77)), 77u);
  EXPECT_EQ(verdict_of(decision(Verdict::fixed, 0)), Verdict::none);
  for (const std::uint64_t rot : {8ull, 0xffffull, ~0ull}) EXPECT_EQ(verdict_of(rot), Verdict::none);
}

}  // namespace
}  // namespace durra::format
