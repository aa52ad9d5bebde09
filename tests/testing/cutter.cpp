// What a power cut leaves of a file.
#include "tests/testing/cutter.h"

#include <algorithm>
#include <cstring>

#include "format/checksum.h"

namespace durra::testing {

namespace {
constexpr std::uint64_t kPage = 4096;
std::uint64_t up(std::uint64_t n) { return (n + kPage - 1) / kPage; }
}  // namespace

Writeback Writeback::by_chance(Chance& chance) {
  constexpr Kind kKinds[] = {Kind::some,    Kind::some, Kind::any,  Kind::any, Kind::one_not,
                             Kind::one_not, Kind::one,  Kind::none, Kind::all, Kind::some};
  constexpr unsigned kBlocks[] = {8, 64, 512, 4096}, kShares[] = {16, 64, 128, 192, 240};
  return {kKinds[chance.below(std::size(kKinds))], kBlocks[chance.below(4)], kShares[chance.below(5)]};
}

std::string Writeback::words() const {
  constexpr const char* kKinds[] = {"none", "all", "some", "any version of each", "all but one", "one"};
  return "blocks of " + std::to_string(block) + ": " + kKinds[static_cast<std::size_t>(kind)];
}

namespace {

// No processor stops within an instruction, and what was flushed before it had its name is flushed.
std::size_t after_step(const std::vector<Event>& events, std::size_t at) {
  using Kind = Event::Kind;
  while (at < events.size() && events[at].instruction == events[at - 1].instruction &&
         (events[at].kind == Kind::store || (events[at].kind == Kind::sync && events[at - 1].kind == Kind::file)))
    ++at;
  return at;
}

}  // namespace

std::vector<std::size_t> places_by_chance(const Trace& trace, std::uint64_t count,
                                          const std::vector<std::size_t>& acknowledged, Chance& chance) {
  std::vector<std::size_t> all;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::size_t at = after_step(trace.events(), chance.below(trace.events().size()) + 1);
    if (!acknowledged.empty() && chance.one_in(4)) at = acknowledged[chance.below(acknowledged.size())];
    all.push_back(at);
  }
  std::sort(all.begin(), all.end());
  return all;
}

Cutter::Cutter(const Trace& trace) : trace_(trace) {}

void Cutter::reach(std::uint64_t size) {
  const std::uint64_t pages = up(size);
  if (pages <= pages_.size()) return;
  disk_.resize(pages * kPage);
  image_.resize(pages * kPage);
  for (std::size_t p = pages_.size(); p < pages; ++p) {
    pages_.emplace_back();
    pages_.back().hash = hash_of(p, disk_);
    disk_hash_ += pages_.back().hash;
  }
}

std::uint64_t Cutter::hash_of(std::size_t page, const std::string& bytes) const {
  return format::hash64(bytes.data() + page * kPage, kPage, page);
}

void Cutter::advance(std::size_t count) {
  revert();
  for (; done_ < count; ++done_) {
    const Event& e = trace_.events()[done_];
    switch (e.kind) {
      case Event::Kind::file: {
        has_name_ = true;
        exists_ = e.instruction == 0;  // else from its first flush on
        length_ = e.size != 0 ? e.size : e.bytes.size();
        reach(length_);
        store(done_);
        if (e.instruction != 0) break;  // it was created meanwhile
        disk_length_ = length_;
        flush(0, length_);
        break;
      }
      case Event::Kind::store:
        reach(e.offset + e.bytes.size());
        store(done_);
        break;
      case Event::Kind::length:
        reach(e.size);
        if (e.size < length_) store(done_);
        length_ = e.size;
        break;
      case Event::Kind::sync: {
        const std::uint64_t to = e.size == ~0ull ? pages_.size() * kPage : e.offset + e.size;
        disk_length_ = e.size == ~0ull ? length_ : std::max(disk_length_, std::min(length_, to));
        flush(e.offset, to);
        exists_ = true;
        break;
      }
      case Event::Kind::mark: break;
    }
  }
}

void Cutter::store(std::size_t event) {
  const auto [begin, end] = range_of(trace_.events()[event]);
  for (std::uint64_t p = begin / kPage; p < up(end); ++p) {
    pages_[p].pending.push_back(static_cast<std::uint32_t>(event));
    if (!pages_[p].listed) dirty_.push_back(static_cast<std::uint32_t>(p));
    pages_[p].listed = true;
  }
}

// What an event changes.  A file that becomes shorter is zeros from there on, should it grow again.
std::pair<std::uint64_t, std::uint64_t> Cutter::range_of(const Event& e) const {
  if (e.kind == Event::Kind::length) return {e.size, pages_.size() * kPage};
  return {e.offset, e.offset + e.bytes.size()};
}

// Pages are written whole.
void Cutter::flush(std::uint64_t from, std::uint64_t to) {
  std::erase_if(dirty_, [&](std::uint32_t p) {
    Page& page = pages_[p];
    if (p < from / kPage || p >= up(to)) return false;
    for (std::size_t i = 0; i < page.pending.size(); ++i) apply(p, page.pending[i], kPage, nullptr, i, disk_);
    page.pending.clear();
    page.listed = false;
    std::memcpy(image_.data() + p * kPage, disk_.data() + p * kPage, kPage);
    disk_hash_ -= page.hash;
    page.hash = hash_of(p, disk_);
    disk_hash_ += page.hash;
    return true;
  });
}

// What event number `index` of the page did to it, in those blocks that it has reached the disk in.
void Cutter::apply(std::size_t p, std::uint32_t event, std::uint64_t block, const std::vector<std::uint16_t>* until,
                   std::size_t index, std::string& to) const {
  const Event& e = trace_.events()[event];
  const auto [from, behind] = range_of(e);
  const std::uint64_t begin = std::max(from, p * kPage), end = std::min(behind, (p + 1) * kPage);
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t next = std::min(end, (at / block + 1) * block);
    if (until == nullptr || index < (*until)[at % kPage / block]) {
      if (e.kind == Event::Kind::length)
        std::memset(to.data() + at, 0, next - at);
      else
        std::memcpy(to.data() + at, e.bytes.data() + (at - from), next - at);
    }
    at = next;
  }
}

void Cutter::revert() {
  for (const std::uint32_t p : changed_) std::memcpy(image_.data() + p * kPage, disk_.data() + p * kPage, kPage);
  changed_.clear();
}

// What one instruction stored gets to the disk together, as far as it lies in one block.
std::uint16_t Cutter::whole(const Page& page, std::size_t count) const {
  const auto instruction = [&](std::size_t i) { return trace_.events()[page.pending[i]].instruction; };
  while (count > 0 && count < page.pending.size() && instruction(count) == instruction(count - 1)) ++count;
  return static_cast<std::uint16_t>(std::min<std::size_t>(count, 65'535));
}

// `odd`: the event whose block is the one that differs; in another page: none.
void Cutter::write(std::size_t p, const Writeback& how, Chance& chance, std::size_t odd) {
  const Page& page = pages_[p];
  const std::size_t n = page.pending.size();
  const auto all = static_cast<std::uint16_t>(std::min<std::size_t>(n, 65'535));
  until_.assign(kPage / how.block, how.kind == Writeback::Kind::all || how.kind == Writeback::Kind::one_not ? all : 0);
  for (auto& u : until_) {
    if (how.kind == Writeback::Kind::some) u = chance.below(256) < how.share ? all : 0;
    if (how.kind == Writeback::Kind::any) u = whole(page, chance.below(n + 1));
  }
  if (odd < n) {
    const Event& e = trace_.events()[page.pending[odd]];
    auto& u = until_[std::max(range_of(e).first, p * kPage) % kPage / how.block];
    u = u == 0 ? all : whole(page, odd);
  }
  for (std::size_t i = 0; i < n; ++i) apply(p, page.pending[i], how.block, &until_, i, image_);
  changed_.push_back(static_cast<std::uint32_t>(p));
}

std::string_view Cutter::cut(const Writeback& how, Chance& chance) {
  revert();
  hash_ = disk_hash_;
  const bool one = how.kind == Writeback::Kind::one || how.kind == Writeback::Kind::one_not;
  const std::size_t odd_page = one && !dirty_.empty() ? dirty_[chance.below(dirty_.size())] : ~std::size_t{0};
  for (const std::uint32_t p : dirty_) {
    const std::size_t odd = p == odd_page ? chance.below(pages_[p].pending.size()) : ~std::size_t{0};
    if (how.kind == Writeback::Kind::none || (how.kind == Writeback::Kind::one && p != odd_page)) continue;
    write(p, how, chance, odd);
    hash_ += hash_of(p, image_) - pages_[p].hash;
  }
  std::uint64_t length = length_;
  const auto [shorter, longer] = std::minmax(disk_length_, length_);
  if (shorter < longer && how.kind != Writeback::Kind::all && chance.one_in(2))
    length = chance.one_in(2) ? disk_length_ : shorter + chance.below((longer - shorter) / kPage + 1) * kPage;
  if (how.kind == Writeback::Kind::none) length = disk_length_;
  hash_ = format::mix64(hash_ ^ format::mix64(length));
  return std::string_view(image_).substr(0, length);
}

}  // namespace durra::testing
