// A block under a key of its users, and a record under a block's name: no call of ours makes them, but another build or
// rot may.  Each is refused where it is met, and nothing is taken for what it is not.
#include <durra/care.h>
#include <durra/types.h>
#include <gtest/gtest.h>

#include <string>

#include "store/block.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct ForeignBlock : testing::Test {
  Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
  detail::Handle& handle = *detail::handle_of(store);

  void make_block(const std::string& key) {
    const format::BlockHead head{};
    const std::function<Result<void>(std::span<std::byte>)> fill = [](auto) { return Result<void>{}; };
    detail::Change c;
    c.key = detail::view(handle, key);
    c.shape = {
        .payload_size = 100, .key_size = static_cast<std::uint32_t>(key.size()), .kind = format::RecordKind::block};
    c.block = &head;
    c.fill = &fill;
    detail::append_block(handle, c).value();
  }
};

TEST_F(ForeignBlock, is_no_record_under_whatever_key) {
  make_block("k");
  EXPECT_EQ(shown(store.get("k")), "<mismatch>");
  EXPECT_EQ(shown(store.snapshot().value().get("k")), "<mismatch>");
  const Key keys[] = {"k", "nobody's"};
  const auto several = store.get_many(keys);
  EXPECT_EQ(shown(several[0]), "<mismatch>");
  EXPECT_EQ(shown(several[1]), "<not_found>");
}

// Its memory must stay in place while somebody has it open: a batch would make garbage of it.
TEST_F(ForeignBlock, is_not_superseded_by_a_batch) {
  make_block("k");
  store.put("other", "old").value();
  EXPECT_EQ(outcome(store.put(Batch().put("k", "new").put("other", "new"))), "mismatch");
  EXPECT_EQ(shown(store.get("k")), "<mismatch>");
  EXPECT_EQ(shown(store.get("other")), "old");
  EXPECT_EQ(outcome(store.put(Batch().put("other", "new"))), "ok");
}

TEST_F(ForeignBlock, a_record_under_a_blocks_name_is_no_memory) {
  const std::string key = std::string(format::kBlockKey) + "x";
  detail::Change c;
  c.key = detail::view(handle, key);
  c.shape = {.payload_size = 0, .key_size = static_cast<std::uint32_t>(key.size()), .kind = format::RecordKind::put};
  detail::append(handle, c).value();
  EXPECT_EQ(outcome(Block::open(store, "x", 100)), "damaged");
  EXPECT_EQ(outcome(Array<double>::attach(store, "x")), "damaged");
  EXPECT_TRUE(Block::open(store, "y", 100));
}

}  // namespace
}  // namespace durra::test
