// The last values of one writer, for any number of readers who come and go: positions, ticks, measurements.  push never
// waits and needs no lock; a reader gets whole values or none.
//
//   auto out = durra::Ring<Pose>::writer(store, "pose", 1024).value();      auto in = durra::Ring<Pose>::reader(…);
//   out.push(pose);                                                         for (const Pose& p : in.last(10)) …
//
// Each slot is a seqlock (Lameter, "Effective synchronization on Linux/NUMA systems", 2005) with a check over its
// value.  A writer that is killed in a push leaves that value out; the next writer goes on behind the last whole one.
// After a power cut each slot is as of the last sync or later, and one that is not whole is left out.
#pragma once
#include <durra/block.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>

namespace durra {
namespace detail {

// The right to write under a name, while this lives: {seat, generation} of the owner in a word of the file.  A dead
// owner is succeeded.
class SoleWriter {
 public:
  // `busy`, with the pid, while another lives.  `word` lies in the block of that name and outlives this.
  static Result<SoleWriter> take(Store&, std::string_view name, std::uint64_t* word);
  SoleWriter(SoleWriter&&) noexcept;
  SoleWriter& operator=(SoleWriter&&) = delete;
  ~SoleWriter();
  // Until a successor takes it.  Relaxed: what one who was overtaken still pushes is one value, and its check tells.
  bool is_mine() const noexcept { return std::atomic_ref(*word_).load(std::memory_order_relaxed) == me_; }

 private:
  SoleWriter() = default;
  Handle* handle_ = nullptr;  // null: moved from
  std::string name_;
  std::uint64_t* word_ = nullptr;
  std::uint64_t me_ = 0;
};

// What lies at the beginning of a ring's block.
struct RingHead {
  std::uint64_t writer;
  std::atomic<std::uint64_t> pushed;
  std::array<std::uint64_t, 6> zero;
};
static_assert(sizeof(RingHead) == 64);

// NumPy's name for plain bytes of this size.
std::string opaque_dtype(std::size_t size);

}  // namespace detail

// Move-only; one thread at a time.  Not in a forked child.
template <class T>
  requires Storable<T>
class Ring {
 public:
  // Creates with `n` slots, or goes on where the last writer ended.  `busy` while another writer lives, in whatever
  // process; `mismatch` if the name has another n or size of T; else as Block::open.
  static Result<Ring> writer(Store& store, std::string_view name, std::size_t n) {
    const auto size = detail::size_of_shape({n}, sizeof(Slot));
    if (!size) return size.error();
    if (*size > ~std::size_t{0} - sizeof(detail::RingHead)) return Error{Code::too_large};
    auto block = detail::Blocks::open(store, name, {"ring", detail::opaque_dtype(sizeof(T)), {n}},
                                      *size + sizeof(detail::RingHead));
    if (!block) return block.error();
    Ring ring(*std::move(block));
    auto sole = detail::SoleWriter::take(store, name, &ring.head_->writer);
    if (!sole) return sole.error();
    ring.sole_.emplace(*std::move(sole));
    return ring;
  }
  // `not_found` before there was a writer; `mismatch` if it is no ring of values of this size, or not as large as it
  // says.
  static Result<Ring> reader(Store& store, std::string_view name) {
    const std::string dtype = detail::opaque_dtype(sizeof(T));
    auto block = detail::Blocks::attach(store, name, {"ring", dtype, {}},
                                        {.rank = 1, .element = sizeof(Slot), .before = sizeof(detail::RingHead)});
    if (!block) return block.error();
    return Ring(*std::move(block));
  }

  // False, and nothing pushed, by a reader, or when another has become the writer: where locks go with descriptors
  // (overlayfs), whoever closed those of the store is taken for dead, and its calls answer `evicted`.
  bool push(const T& value) noexcept {
    if (!sole_ || !sole_->is_mine()) return false;
    const std::uint64_t k = head_->pushed.load(std::memory_order_relaxed);
    Slot& slot = slots_[k % count_];
    Words words{};
    std::memcpy(words.data(), &value, sizeof value);
    slot.turn.store(2 * k + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);  // whoever sees a new word sees that the turn is odd
    for (std::size_t i = 0; i < words.size(); ++i) slot.words[i].store(words[i], std::memory_order_relaxed);
    slot.check.store(check(k, words), std::memory_order_relaxed);
    slot.turn.store(2 * k + 2, std::memory_order_release);
    head_->pushed.store(k + 1, std::memory_order_release);
    return true;
  }
  // The newest n values that are whole, oldest first; fewer where there are fewer, or where the writer passed by.
  std::vector<T> last(std::size_t n) const {
    const std::uint64_t end = pushed();
    std::vector<T> out;
    for (std::uint64_t k = end - std::min<std::uint64_t>({n, count_, end}); k < end; ++k) {
      Words words;
      if (!read(k, words)) continue;
      std::array<std::byte, sizeof(T)> bytes;
      std::memcpy(bytes.data(), words.data(), bytes.size());
      out.push_back(std::bit_cast<T>(bytes));
    }
    return out;
  }
  std::uint64_t pushed() const noexcept { return head_->pushed.load(std::memory_order_acquire); }  // ever
  std::size_t capacity() const noexcept { return count_; }

 private:
  using Words = std::array<std::uint64_t, (sizeof(T) + 7) / 8>;
  struct Slot {
    std::atomic<std::uint64_t> turn;  // 2k + 2: holds value k; odd: is being written
    std::atomic<std::uint64_t> check;
    std::array<std::atomic<std::uint64_t>, std::tuple_size_v<Words>> words;
  };
  static_assert(sizeof(Slot) == 16 + sizeof(Words) && std::atomic<std::uint64_t>::is_always_lock_free);

  explicit Ring(Block&& b) noexcept
      : block_(std::move(b)),
        head_(reinterpret_cast<detail::RingHead*>(detail::Blocks::memory(block_))),
        slots_(reinterpret_cast<Slot*>(head_ + 1)),
        count_(detail::Blocks::shape(block_)[0]) {}

  static std::uint64_t mixed(std::uint64_t h, std::uint64_t word) noexcept {
    return std::rotl((h ^ word) * 0x9e3779b97f4a7c15ULL, 29);
  }
  // Against slots that a power cut mixed: no cryptography, one multiplication a word, in two chains that a processor
  // computes at the same time.
  static std::uint64_t check(std::uint64_t k, const Words& words) noexcept {
    std::uint64_t even = k + 1, odd = ~k;
    std::size_t i = 0;
    for (; i + 1 < words.size(); i += 2) {
      even = mixed(even, words[i]);
      odd = mixed(odd, words[i + 1]);
    }
    if (i < words.size()) even = mixed(even, words[i]);
    return mixed(even, odd);
  }
  bool read(std::uint64_t k, Words& words) const noexcept {
    const Slot& slot = slots_[k % count_];
    if (slot.turn.load(std::memory_order_acquire) != 2 * k + 2) return false;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = slot.words[i].load(std::memory_order_relaxed);
    const std::uint64_t expected = slot.check.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);  // a word of a later turn: the turn is seen to be later
    return slot.turn.load(std::memory_order_relaxed) == 2 * k + 2 && expected == check(k, words);
  }

  Block block_;
  std::optional<detail::SoleWriter> sole_;
  detail::RingHead* head_;
  Slot* slots_;
  std::size_t count_;
};

}  // namespace durra
