// The reference model of a store.
#include <durra/testing/model.h>

#include <algorithm>
#include <sstream>

#include "format/checksum.h"

namespace durra::testing {
namespace {

// Short text as it is; of all else the beginning.
std::string brief(const std::string& bytes) {
  const bool plain = std::ranges::all_of(bytes, [](char c) { return c >= ' ' && c <= '~'; });
  if (plain && bytes.size() <= 24) return '"' + bytes + '"';
  return (plain ? '"' + bytes.substr(0, 8) + "…\" of " : std::string()) + std::to_string(bytes.size()) + " bytes";
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Name& n) {
  switch (n.kind) {
    case Name::Kind::text: return out << brief(n.text);
    case Name::Kind::number: return out << n.number;
    case Name::Kind::crowd: return out << "crowd " << n.number;
    case Name::Kind::event: break;
  }
  return out << "event " << n.number;
}

Payload::Payload(std::string bytes) : Payload(std::move(bytes), {}) {}
Payload::Payload(std::string bytes, std::string recipe)
    : bytes_(std::make_shared<const std::string>(std::move(bytes))), recipe_(std::move(recipe)) {}

Payload Payload::noise(std::size_t size, std::uint64_t seed) {
  std::string s(size, '\0');
  for (std::size_t i = 0; i < size; i += 8) {
    const std::uint64_t word = format::mix64(seed * 0x9e3779b97f4a7c15u + i + 1);
    __builtin_memcpy(s.data() + i, &word, std::min<std::size_t>(8, size - i));
  }
  return {std::move(s), std::to_string(size) + " bytes #" + std::to_string(seed)};
}
Payload Payload::soft(std::size_t size, std::uint64_t seed) {
  return {std::string(size, static_cast<char>('a' + seed % 26)),
          std::to_string(size) + " soft bytes #" + std::to_string(seed)};
}

std::ostream& operator<<(std::ostream& out, const Payload& v) {
  return out << (v.recipe_.empty() ? brief(v.bytes()) : v.recipe_);
}

std::ostream& operator<<(std::ostream& out, Condition s) {
  return out << (s == Condition::current ? "current" : s == Condition::none ? "absent" : "stale");
}
std::ostream& operator<<(std::ostream& out, const Edit& c) {
  out << (c.value ? "put " : "erase ") << c.name;
  if (c.value) out << ": " << *c.value;
  if (c.seen) out << " if " << *c.seen;
  return out;
}
std::ostream& operator<<(std::ostream& out, const Edits& all) {
  out << "{";
  for (const Edit& c : all) out << " " << c << ";";
  return out << " }";
}

bool Model::holds(const Name& n, Condition seen) const {
  return has(n) ? seen == Condition::current : seen != Condition::stale;
}

std::string Model::put(const Name& n, const Payload& v) {
  now[n] = v;
  ever.insert(n);
  return "ok";
}
std::string Model::put_if(const Name& n, const Payload& v, Condition seen) {
  return holds(n, seen) ? put(n, v) : "conflict";
}
std::string Model::erase(const Name& n) { return now.erase(n) == 1 ? "ok" : "not_found"; }
std::string Model::erase_if(const Name& n, Condition seen) { return holds(n, seen) ? erase(n) : "conflict"; }
std::string Model::append(const Payload& v) { return put(Name::event(events++), v); }

// Conditions are judged by what is there before; of several changes of one key the last counts.
std::string Model::put(const Edits& all) {
  std::set<Name> conditions;
  bool good = true;
  for (const Edit& c : all) {
    if (!c.seen) continue;
    if (!conditions.insert(c.name).second) return "invalid";
    good = good && holds(c.name, *c.seen);
  }
  if (!good) return "conflict";
  for (const Edit& c : all) {
    if (c.value)
      now[c.name] = *c.value;
    else
      now.erase(c.name);
  }
  for (const Edit& c : all)
    if (has(c.name)) ever.insert(c.name);
  return "ok";
}

bool Stamps::add(const Name& n, Stamp s) {
  auto& all = known_[n];
  const bool good = s > (all.empty() ? absent : all.back());
  all.push_back(s);
  return good;
}
Stamp Stamps::newest(const Name& n) const {
  const auto at = known_.find(n);
  return at == known_.end() ? absent : at->second.back();
}
Stamp Stamps::stale(const Name& n, unsigned which) const {
  const auto at = known_.find(n);
  if (at == known_.end() || at->second.size() < 2) return Stamp{0x7777'0000};
  return at->second[which % (at->second.size() - 1)];
}

bool Followed::shown(const Name& n, const std::optional<Payload>& value, Stamp s) {
  const auto [at, fresh] = now_.try_emplace(n, Last{s, value});
  const bool good = fresh ? s != absent : s > at->second.stamp && n.kind != Name::Kind::event;
  at->second = {s, value};
  return good;
}

std::string Followed::missing(const Model& model) const {
  std::ostringstream out;
  for (const Name& n : model.ever) {
    const auto should = model.now.find(n);
    const auto was = now_.find(n);
    if (should == model.now.end() ? was == now_.end() || was->second.value.has_value()
                                  : was == now_.end() || was->second.value != should->second) {
      out << n << (should == model.now.end() ? " as erased; " : " as it is; ");
    }
  }
  return out.str();
}

}  // namespace durra::testing
