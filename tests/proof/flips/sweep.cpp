// Which changes are tried.
#include "tests/proof/flips/sweep.h"

#include <algorithm>
#include <set>

#include "format/checksum.h"
#include "format/record.h"

namespace durra::test {
namespace {

// What a whole number has at its edges, and what a word could be mistaken for.
std::set<std::uint64_t> values_for(const Image& image, std::uint64_t at) {
  const std::uint64_t now = image.words[at / 8];
  std::set<std::uint64_t> values{0, 1, ~0ull, ~0ull >> 1, 1ull << 63, now + 1, now - 1, now ^ 1ull << 63, at};
  if (at >= 8) values.insert(image.words[at / 8 - 1]);
  values.erase(now);
  return values;
}

// Bytes of which there are many alike, zeros between zeros first of all: one bit in 64, another with each seed.
bool is_bulk(const Image& image, Way way, std::uint64_t at) {
  const auto& w = image.words;
  const std::uint64_t i = at / 8;
  if (w[i] == 0 && i >= 2 && i + 1 < w.size() && w[i - 1] == 0 && w[i - 2] == 0 && w[i + 1] == 0) return true;
  if (at < image.super().regions_offset) return false;
  const std::string place = place_of(image, at);
  if (way == Way::recovered && (place == "beyond tail" || place == "free region" || place == "index node")) return true;
  return place == "key or payload" && image.words[at / 8] == image.words[at / 8 - 8];
}

void add_flips(Sweep& sweep, const Words& read, const Plan& plan) {
  const Image& image = *sweep.image;
  for (std::uint64_t w = 0; w < read.size(); ++w) {
    const std::uint64_t at = w * 8;
    if (!read[w]) {
      sweep.unread += 64;
      continue;
    }
    const bool bulk = is_bulk(image, sweep.way, at);
    const std::uint64_t only = format::mix64(plan.seed ^ format::mix64(w)) % 64;
    for (std::uint64_t bit = 0; bit < 64; ++bit) {
      if (bulk && bit != only)
        ++sweep.left_out;
      else
        sweep.changes.push_back({Change::Kind::bit, at + bit / 8, bit % 8});
    }
    if (bulk) continue;
    for (const std::uint64_t v : values_for(image, at)) sweep.changes.push_back({Change::Kind::word, at, v});
  }
}

// The first image at every length, each in one of the ways by turns; all at the edges of what is read.
void add_cuts(Sweep& sweep, const Words& read, const Plan& plan) {
  const Image& image = *sweep.image;
  constexpr auto kWays = static_cast<std::uint64_t>(Way::count_);
  for (std::uint64_t length = 0; length < image.bytes(); ++length) {
    const bool edge = read[length / 8] && (length % 8 == 0 || length % 8 == 4) && !is_bulk(image, sweep.way, length);
    const bool turn = image.name == "closed" && (length + plan.seed) % kWays == static_cast<std::uint64_t>(sweep.way);
    if (edge || turn) sweep.changes.push_back({Change::Kind::cut, length, 0});
  }
}

void add_checks(Sweep& sweep, const Words& read, const Plan& plan) {
  std::uint64_t random = format::mix64(plan.seed + static_cast<std::uint64_t>(sweep.way));
  for (int i = 0; i < 1000; ++i) {
    random = format::mix64(random + 1);
    const std::uint64_t at = random % sweep.image->bytes();
    if (!read[at / 8]) sweep.changes.push_back({Change::Kind::bit, at, random >> 61}), ++sweep.checks;
  }
}

void make_brief(Sweep& sweep, const Plan& plan) {
  constexpr std::uint64_t kOneOf = 400;
  std::vector<Change> some;
  std::uint64_t checks = 0, random = format::mix64(plan.seed);
  for (std::size_t i = 0; i < sweep.changes.size(); ++i) {
    random = format::mix64(random + i);
    if (random % kOneOf != 0) continue;
    some.push_back(sweep.changes[i]);
    checks += sweep.is_check(i);
  }
  sweep.changes = std::move(some);
  sweep.checks = checks;
}

// How many bytes, at most, of data regions lie behind what was synced.
bool has_unsynced_behind(const Image& image, std::uint64_t length) {
  const auto& super = image.super();
  for (std::uint64_t r = 0; r < super.region_count; ++r) {
    const auto& d = image.descriptor(r);
    const auto w = format::unpack(d.state);
    if (w.type != format::RegionType::data || w.state == format::RegionState::free) continue;
    const std::uint64_t base = super.regions_offset + r * super.region_size;
    const std::uint64_t synced = format::untag(d.synced, w.generation) * 8;
    if (synced < d.tail && base + d.tail > length) return true;
  }
  return false;
}

}  // namespace

Sweep sweep_of(const Image& image, Way way, const Plan& plan, const std::string& path) {
  Sweep sweep{.image = &image, .way = way, .changes = {}};
  Trial trial(image, path);
  Words read(image.words.size());
  const std::uint32_t bits = trial.run(way, {});
  if ((bits & ~std::uint32_t{refused | rebuilt}) != 0 || ((bits & (refused | rebuilt)) != 0 && !image.elsewhere)) {
    sweep.broken = text_of_bits(bits);
    return sweep;
  }
  trial.prepare({});
  trace_reads(trial.path(), read, way != Way::recovered, [&] {  // which looks at all bytes, for lost records
    if (trial.look(way) != bits) sweep.broken = "another outcome while it was traced";
  });
  add_flips(sweep, read, plan);
  add_cuts(sweep, read, plan);
  add_checks(sweep, read, plan);
  if (plan.brief) make_brief(sweep, plan);
  return sweep;
}

bool may_be_missed_by_index(const Sweep& sweep, const Change& change) {
  return (sweep.way == Way::read_only || sweep.way == Way::read_write) && change.kind != Change::Kind::cut &&
         in_index(*sweep.image, change.at);
}

bool may_be_missed_by_clock(const Sweep& sweep, const Change& change) {
  return sweep.way == Way::read_write && place_of(*sweep.image, change.at) == "Control.clock";
}

bool may_be_torn_tail(const Sweep& sweep, const Change& change, std::uint32_t bits) {
  if (sweep.way != Way::rebuilt && (bits & rebuilt) == 0) return false;
  if (change.kind == Change::Kind::cut) return has_unsynced_behind(*sweep.image, change.at);
  return !is_synced(*sweep.image, change.at);
}

bool may_be_lost_copy(const Sweep& sweep, const Change& change, std::uint32_t bits) {
  if (sweep.way != Way::rebuilt && sweep.way != Way::recovered && (bits & rebuilt) == 0) return false;
  if (change.kind != Change::Kind::word || change.value != 0 || change.at % 8 != 0) return false;
  if (place_of(*sweep.image, change.at) != "RecordHeader.word") return false;
  const auto& header = sweep.image->at<format::RecordHeader>(change.at - offsetof(format::RecordHeader, word));
  return format::unpack_shape(header.shape).relocated;
}

}  // namespace durra::test
