// Building a Batch, and putting its changes in order.
#include "store/batch_ops.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "store/append.h"

namespace durra::detail {
namespace {

// Before each change's key and payload.
struct OpHeader {
  std::uint64_t id, payload_size, seen;
  std::uint32_t key_size;
  bool text, erase, conditional, own;
};

void write(std::vector<std::byte>& to, const void* bytes, std::size_t size) {
  const auto* from = static_cast<const std::byte*>(bytes);
  to.insert(to.end(), from, from + size);
}

// Reads one change after the other.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> ops) noexcept : left_(ops) {}
  bool next() noexcept {
    if (left_.empty()) return false;
    std::memcpy(&header, left_.data(), sizeof header);
    key = left_.subspan(sizeof header, header.key_size);
    payload = left_.subspan(sizeof header + header.key_size, header.payload_size);
    left_ = left_.subspan(sizeof header + key.size() + payload.size());
    return true;
  }
  Key name() const noexcept {
    if (!header.text) return header.id;
    return std::string_view(reinterpret_cast<const char*>(key.data()), key.size());
  }
  OpHeader header;
  std::span<const std::byte> key, payload;

 private:
  std::span<const std::byte> left_;
};

bool same_key(const BatchOp& a, const BatchOp& b) noexcept {
  return a.key.tag == b.key.tag && a.key.text == b.key.text;
}

// One change a key: the last, under the key's only condition.  A tail may save as often as it likes: each time the
// condition is the same.
Result<void> merge(std::vector<BatchOp>& ops) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (kept == 0 || !same_key(ops[kept - 1], ops[i])) {
      ops[kept++] = ops[i];
      continue;
    }
    const auto before = ops[kept - 1].expected;
    if (before && ops[i].expected && !ops[i].is_position())
      return Error{Code::invalid, 0, 0, "two conditions on one key"};
    ops[kept - 1] = ops[i];
    if (before) ops[kept - 1].expected = before;
  }
  ops.resize(kept);
  return {};
}

}  // namespace

void BatchOps::add(Batch& b, const Key& key, const Bytes* payload, std::optional<Stamp> seen, bool own) {
  const auto text = key.text();
  const auto bytes = payload != nullptr ? payload->span() : std::span<const std::byte>{};
  OpHeader h{};
  h.id = key.id();
  h.payload_size = bytes.size();
  h.seen = static_cast<std::uint64_t>(seen.value_or(absent));
  h.key_size = static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), ~0u));
  h.text = key.is_text();
  h.erase = payload == nullptr;
  h.conditional = seen.has_value();
  h.own = own;
  const std::size_t before = b.ops_.size();
  try {
    write(b.ops_, &h, sizeof h);
    write(b.ops_, text.data(), h.key_size);
    write(b.ops_, bytes.data(), bytes.size());
  } catch (...) {
    b.ops_.resize(before);
    throw;
  }
  ++b.count_;
}

Result<std::vector<BatchOp>> BatchOps::sorted(const Handle& h, const Batch& b, std::uint32_t align) {
  if (b.count_ > format::kBatchCountMax)
    return Error{Code::too_large, 0, format::kBatchCountMax, "the batch has too many changes"};
  std::vector<BatchOp> ops;
  ops.reserve(b.count_);
  for (Reader r(b.ops_); r.next();) {
    const Key key = r.name();
    // Judged as a single put would be; its key may be the library's own.
    if (auto no = refuse(h, r.header.own ? Key(0) : key, r.payload.size(), align)) return *no;
    BatchOp op{view(h, key), r.payload, r.header.erase, {}};
    if (r.header.conditional) op.expected = r.header.seen;
    ops.push_back(op);
  }
  const auto order = [](const BatchOp& o) { return std::tuple(o.key.tag, o.key.text); };
  std::stable_sort(ops.begin(), ops.end(), [&](const BatchOp& x, const BatchOp& y) { return order(x) < order(y); });
  if (auto done = merge(ops); !done) return done.error();
  return ops;
}

}  // namespace durra::detail

namespace durra {

Batch& Batch::put(Key key, Bytes bytes) {
  detail::BatchOps::add(*this, key, &bytes, {});
  return *this;
}
Batch& Batch::erase(Key key) {
  detail::BatchOps::add(*this, key, nullptr, {});
  return *this;
}
Batch& Batch::put_if(Key key, Bytes bytes, Stamp seen) {
  detail::BatchOps::add(*this, key, &bytes, seen);
  return *this;
}
Batch& Batch::erase_if(Key key, Stamp seen) {
  detail::BatchOps::add(*this, key, nullptr, seen);
  return *this;
}
void Batch::clear() noexcept {
  ops_.clear();
  count_ = 0;
}

}  // namespace durra
