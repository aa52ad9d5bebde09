// A store that is used from several handles at once, and everything that may be compared with a Model.
#include <durra/testing/stores.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "format/checksum.h"
#include "tests/testing/process.h"

namespace durra::testing {
namespace {

std::uint64_t seed_of(const Store& store) { return format::store_seed(stats(store).value().uuid); }

// One root word and one hash for all of them, and no two in the same place further down: format/leaf.h.
std::uint64_t tag_of_crowd(std::uint64_t i) { return 0x42ull << 56 | (i % 64) << 50 | (i & 0xffff) << 24 | 0x5a5a5; }
std::uint64_t crowd_of_tag(std::uint64_t tag) { return tag >> 24 & 0xffff; }

std::string parent_of_folders(Folder::Where where) {
  struct statvfs s;
  if (where == Folder::Where::fast && ::access("/dev/shm", W_OK) == 0 && ::statvfs("/dev/shm", &s) == 0 &&
      s.f_bavail * s.f_frsize >= 256u << 20)
    return "/dev/shm";
  const char* tmp = std::getenv("TMPDIR");
  return tmp && *tmp ? tmp : "/tmp";
}

template <class T>
std::string text(const T& t) {
  std::ostringstream out;
  out << t;
  return out.str();
}

}  // namespace

Folder::Folder(Where where) : path_(parent_of_folders(where) + "/durra-testing-XXXXXX"), owner_(::getpid()) {
  if (!::mkdtemp(path_.data())) throw std::runtime_error("mkdtemp " + path_);
}
Folder::~Folder() {
  std::error_code ignored;
  if (::getpid() == owner_) std::filesystem::remove_all(path_, ignored);
}

Options small_store() {
  Options o;
  o.max_size = 64_MiB;
  o.region_size = 64_KiB;
  o.participants = 16;
  return o;
}

void die() {
  ::kill(::getpid(), SIGKILL);
  std::abort();
}
bool dies(const std::function<void()>& act) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    begin_child();
    end_after(std::chrono::minutes(1));
    try {
      act();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "in the process to be killed: %s\n", e.what());
    } catch (...) {
      std::fprintf(stderr, "in the process to be killed: something was thrown\n");
    }
    ::_exit(1);
  }
  int status = 0;
  if (!wait_for(child, status)) throw std::system_error(errno, std::generic_category(), "waitpid");
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

std::uint64_t crowd_key(const Store& store, std::uint64_t i) { return format::id_of(tag_of_crowd(i), seed_of(store)); }

Stores::Stores(const Options& o) : options(o) {
  handles.push_back(open(path, options).value());
  seed_ = seed_of(handles[0]);
}

Key Stores::key(const Name& n) const {
  switch (n.kind) {
    case Name::Kind::text: return Key(n.text);
    case Name::Kind::number: return Key(n.number);
    case Name::Kind::crowd: return Key(format::id_of(tag_of_crowd(n.number), seed_));
    case Name::Kind::event: break;
  }
  return Key(events_.at(n.number));
}
Name Stores::name(const Record& r) const {
  if (r.is_text()) {
    const auto event = std::ranges::find(events_, r.key());
    return event == events_.end() ? Name(std::string(r.key()))
                                  : Name::event(static_cast<std::uint64_t>(event - events_.begin()));
  }
  const std::uint64_t tag = format::tag_of(r.id(), seed_);
  return tag == tag_of_crowd(crowd_of_tag(tag)) ? Name::crowd(crowd_of_tag(tag)) : Name(r.id());
}

Stamp Stores::stamp(const Model& m, const Name& n, Condition seen, unsigned which) const {
  if (seen == Condition::stale) return stamps.stale(n, which);
  return seen == Condition::none || !m.has(n) ? absent : stamps.newest(n);
}
Batch Stores::batch(const Model& m, const Edits& all) const {
  Batch b;
  for (const Edit& c : all) {
    const Key k = key(c.name);
    if (!c.seen)
      c.value ? b.put(k, c.value->bytes()) : b.erase(k);
    else if (const Stamp s = stamp(m, c.name, *c.seen); c.value)
      b.put_if(k, c.value->bytes(), s);
    else
      b.erase_if(k, s);
  }
  return b;
}

std::string Stores::changed(const Name& n, Stamp s) {
  return stamps.add(n, s) ? "ok" : "ok, but the stamp of " + text(n) + " is not later than the one before";
}
std::string Stores::put(std::size_t by, const Name& n, const Payload& v, const Put& how) {
  const auto done = handle(by).put(key(n), v.bytes(), how);
  return done ? changed(n, *done) : outcome(done);
}
std::string Stores::append(std::size_t by, const Payload& v) {
  const auto done = handle(by).append("events", v.bytes());
  if (!done) return outcome(done);
  for (const Record& r : handle(by).records("events/")) {
    if (r.stamp() != *done || std::ranges::find(events_, r.key()) != events_.end()) continue;
    events_.emplace_back(r.key());
    return changed(Name::event(events_.size() - 1), *done);
  }
  return "ok, but no event has its stamp";
}
std::string Stores::changed(const Model& after, const Edits& all) {
  std::optional<Stamp> one;
  std::set<Name> seen;
  for (const Edit& c : all) {
    if (!after.has(c.name) || !seen.insert(c.name).second) continue;
    const auto record = handle(0).get(key(c.name));
    if (!record) return "ok, but " + text(c.name) + " is " + outcome(record);
    if (one && *one != record->stamp()) return "ok, but " + text(c.name) + " has a stamp of its own";
    one = record->stamp();
    if (const auto said = changed(c.name, *one); said != "ok") return said;
  }
  return "ok";
}
std::string Stores::look_up(const Model& m) {
  for (const auto& [n, value] : m.now) {
    const auto r = handle(0).get(key(n));
    if (!r || r->stamp() == stamps.newest(n)) continue;
    if (const auto said = changed(n, r->stamp()); said != "ok") return said;
  }
  return "ok";
}

std::string Stores::differs(const Contents& expected, const Result<Record>& found, const Name& n) const {
  const auto at = expected.find(n);
  const std::string should = at == expected.end() ? "not_found" : "ok";
  if (outcome(found) != should) return text(n) + " is " + outcome(found) + ", not " + should + "; ";
  if (!found) return {};
  if (name(*found) != n) return text(n) + " answers with " + text(name(*found)) + "; ";
  if (found->text() != at->second.bytes()) return text(n) + " is not " + text(at->second) + "; ";
  if (!found->intact()) return text(n) + " is damaged; ";
  return {};
}
std::string Stores::differs(const Contents& expected, Records records) const {
  Contents left = expected;
  for (const Record& r : records) {
    const auto at = left.find(name(r));
    if (at == left.end()) return "a scan shows " + text(name(r)) + ", unknown, erased or twice; ";
    if (r.text() != at->second.bytes()) return "a scan shows " + text(at->first) + ", not " + text(at->second) + "; ";
    left.erase(at);
  }
  if (!records.status()) return "a scan ends with " + outcome(records.status()) + "; ";
  return left.empty() ? std::string() : "a scan does not show " + text(left.begin()->first) + "; ";
}
std::string Stores::differs(const Model& m, std::size_t by) {
  std::vector<Name> names(m.ever.begin(), m.ever.end());
  std::vector<Key> keys;
  for (const Name& n : names) keys.push_back(key(n));
  const auto found = handle(by).get_many(keys);
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string wrong = differs(m.now, found[i], names[i]);
    const auto again = handle(by).get(keys[i]);
    if (wrong.empty()) wrong = differs(m.now, again, names[i]);
    if (wrong.empty() && again && again->stamp() != stamps.newest(names[i]))
      wrong = text(names[i]) + " has another stamp than its put gave; ";
    if (!wrong.empty()) return wrong;
  }
  Contents with_a;
  for (const auto& [n, value] : m.now)
    if (n.kind == Name::Kind::text && n.text.starts_with('a')) with_a[n] = value;
  const std::string wrong = differs(with_a, handle(by).records("a"));
  return wrong.empty() ? differs(m.now, handle(by).records()) : wrong;
}
std::string Stores::differs(const Contents& expected, const Snapshot& snapshot) const {
  for (const auto& [n, value] : expected)
    if (const auto wrong = differs(expected, snapshot.get(key(n)), n); !wrong.empty()) return wrong;
  return differs(expected, snapshot.records());
}

}  // namespace durra::testing
