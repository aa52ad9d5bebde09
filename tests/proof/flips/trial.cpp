// One broken file: opened, looked at, used.
#include "tests/proof/flips/trial.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "store/handle.h"

namespace durra::test {
namespace {

constexpr const char* kWays[] = {"read_only", "read_write", "rebuilt", "verified", "recovered"};
constexpr const char* kBits[] = {"refused",     "get_error", "get_rotten", "get_miss",  "get_wrong", "scan_error",
                                 "scan_rotten", "scan_miss", "scan_wrong", "put_error", "put_lost",  "changed",
                                 "told",        "rebuilt",   "odd_error",  "bad_copy"};

void must(bool held, const char* what) {
  if (held) return;
  std::perror(what);
  std::abort();
}

}  // namespace

const char* name(Way w) noexcept { return kWays[static_cast<int>(w)]; }

std::string text(const Change& c) {
  switch (c.kind) {
    case Change::Kind::bit: return "flip:" + std::to_string(c.at) + ":" + std::to_string(c.value);
    case Change::Kind::word: return "word:" + std::to_string(c.at) + ":" + std::to_string(c.value);
    case Change::Kind::cut: return "cut:" + std::to_string(c.at);
    default: return "none";
  }
}

std::string text_of_bits(std::uint32_t bits) {
  std::string all;
  for (std::size_t i = 0; i < std::size(kBits); ++i)
    if ((bits >> i & 1) != 0) all += std::string(all.empty() ? "" : " ") + kBits[i];
  return all.empty() ? "right" : all;
}

Trial::Trial(const Image& image, std::string path)
    : image_(image), path_(std::move(path)), fd_(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  must(fd_ >= 0, "cannot create a file to break");
  if (image_.elsewhere) return;
  auto identity = os::identity(os::open(path_, os::Access::read).value()).value();
  identity.check = format::identity_check(identity, format::store_seed(image_.super().uuid));
  std::memcpy(
      reinterpret_cast<std::byte*>(image_.words.data()) + format::kControlOffset + offsetof(format::Control, identity),
      &identity, sizeof identity);
}

Trial::~Trial() {
  ::close(fd_);
  ::unlink(path_.c_str());
}

void Trial::prepare(const Change& c) {
  change_ = c;
  must(::ftruncate(fd_, 0) == 0 && ::ftruncate(fd_, static_cast<off_t>(image_.bytes())) == 0, "ftruncate");
  // Runs of pages that hold something; the rest stays a hole.
  constexpr std::size_t kPage = 512;
  const auto& words = image_.words;
  const auto used = [&](std::size_t i) {
    for (std::size_t k = i; k < i + kPage; ++k)
      if (words[k] != 0) return true;
    return false;
  };
  for (std::size_t i = 0; i < words.size(); i += kPage) {
    const std::size_t begin = i;
    while (i < words.size() && used(i)) i += kPage;
    const auto size = (i - begin) * 8;
    if (size != 0)
      must(::pwrite(fd_, &words[begin], size, static_cast<off_t>(begin * 8)) == static_cast<ssize_t>(size), "pwrite");
  }
  if (c.kind == Change::Kind::bit) {
    const auto byte = static_cast<std::uint8_t>(image_.at<std::uint8_t>(c.at) ^ 1u << c.value);
    must(::pwrite(fd_, &byte, 1, static_cast<off_t>(c.at)) == 1, "pwrite");
  } else if (c.kind == Change::Kind::word) {
    must(::pwrite(fd_, &c.value, 8, static_cast<off_t>(c.at)) == 8, "pwrite");
  } else if (c.kind == Change::Kind::cut) {
    must(::ftruncate(fd_, static_cast<off_t>(c.at)) == 0, "ftruncate");
  }
}

std::uint32_t Trial::run(Way way, const Change& c) {
  prepare(c);
  const std::uint32_t bits = look(way);
  if (way == Way::read_only) check_unchanged();
  return bits | bits_;
}

std::uint32_t Trial::look(Way way) {
  bits_ = 0;
  now_ = image_.content;
  erased_ = image_.erased;
  unknown_.clear();
  switch (way) {
    case Way::read_only: {
      Options o = image_options();
      o.mode = Mode::read_only;
      if (auto s = open(path_, o)) {
        look_at(*s);
      } else {
        if (s.error().code != Code::read_only) excuse(s.error());  // its index must be rebuilt first
        set(refused);
      }
      break;
    }
    case Way::read_write: open_and_use(false); break;
    case Way::rebuilt: open_and_use(true); break;
    case Way::verified:
      if (const auto v = verify(path_); !v)
        excuse(v.error()), set(refused);
      else if (!v->damage.empty())
        set(told);
      break;
    default: recovers();
  }
  return bits_;
}

void Trial::excuse(const Error& e) {
  if (e.code != Code::damaged && e.code != Code::unsupported) set(odd_error);
}

void Trial::check_unchanged() {
  std::vector<std::uint64_t> now(image_.words.size());
  struct stat s {};
  must(::fstat(fd_, &s) == 0 && ::pread(fd_, now.data(), image_.bytes(), 0) == s.st_size, "pread");
  const auto at = change_.at / 8;
  auto expected = static_cast<off_t>(image_.bytes());
  if (change_.kind == Change::Kind::cut) {
    expected = static_cast<off_t>(change_.at);
    for (std::size_t i = at; i < now.size(); ++i) now[i] = image_.words[i];
  } else if (change_.kind != Change::Kind::none) {
    now[at] = image_.words[at];
  }
  if (s.st_size != expected || now != image_.words) set(changed);
}

// ---- Looking --------------------------------------------------------------------------------------------------------

// What a look-up says of a key that holds this, or (null) nothing.
void Trial::show(const Result<Record>& r, const std::string& key, const Held* held) {
  if (!r && r.error().code != Code::not_found) return set(get_error), void(excuse(r.error()));
  if (!r) return held == nullptr ? void() : set(get_miss);
  const std::string_view is = r->text();
  if (held != nullptr && name_of(*r) == key && (is == held->text || (is == held->in_flight && !is.empty()))) return;
  set(r->intact() ? get_wrong : get_rotten);
}

void Trial::gets(const Store& s) {
  for (const auto& [key, held] : now_) show(s.get(key_of(key)), key, &held);
  for (const auto& key : erased_) show(s.get(key_of(key)), key, nullptr);
  show(s.get("never there"), "never there", nullptr);
  std::vector<Key> keys;
  for (const auto& [key, held] : now_) keys.push_back(key_of(key));
  const auto all = s.get_many(keys);
  auto r = all.begin();
  for (const auto& [key, held] : now_) show(*r++, key, &held);
}

void Trial::records(Records& all) {
  std::set<std::string> seen;
  bool rotten = false;
  for (Record& r : all) {
    const auto key = name_of(r);
    const auto held = now_.find(key);
    const bool first = seen.insert(key).second, known = held != now_.end();
    if (unknown_.contains(key)) continue;
    const auto is = r.text();
    if (first && known && (is == held->second.text || (is == held->second.in_flight && !is.empty()))) continue;
    rotten = rotten || !r.intact();
    set(r.intact() ? scan_wrong : scan_rotten);
  }
  if (const auto status = all.status(); !status)
    set(scan_error), excuse(status.error());
  else if (seen.size() < now_.size() && !rotten)
    set(scan_miss);
}

void Trial::scan(const Store& s) {
  Records all = s.records();
  records(all);
}

void Trial::snapshot(const Store& s) {
  auto then = s.snapshot();
  if (!then) return set(get_error), void(excuse(then.error()));
  for (const auto& [key, held] : now_) show(then->get(key_of(key)), key, &held);
  for (const auto& key : erased_) show(then->get(key_of(key)), key, nullptr);
  Records all = then->records();
  records(all);
}

void Trial::look_at(const Store& s) {
  gets(s);
  scan(s);
  if (!detail::handle_of(s)->read_only) snapshot(s);
}

// ---- Using ----------------------------------------------------------------------------------------------------------

void Trial::use(Store& s) {
  // What was acknowledged must be there; what was refused may be what it was.
  const auto did = [&](const auto& result, const std::string& key, const char* text) {
    if (!result) return set(put_error), void(now_.erase(key)), void(unknown_.insert(key));
    now_[key] = {text};
  };
  did(s.put("new", "acknowledged"), "new", "acknowledged");
  did(s.put("plain", "anew"), "plain", "anew");
  did(s.put(1000, "a number"), "#1000", "a number");
  did(s.put_if("if absent", "it was", absent), "if absent", "it was");
  const auto together = s.put(Batch().put("one", "1").put("two", "2").put("kept", "kept on"));
  for (const auto& [key, text] : {std::pair("one", "1"), std::pair("two", "2"), std::pair("kept", "kept on")})
    did(together, key, text);
  if (const auto gone = s.erase("twin"); gone || gone.error().code == Code::not_found)
    now_.erase("twin"), erased_.push_back("twin");
  else
    set(put_error), now_.erase("twin"), unknown_.insert("twin");
}

void Trial::open_and_use(bool rebuild) {
  Options o = image_options();
  o.mode = Mode::open;
  o.rebuild = rebuild;
  o.patience = std::chrono::milliseconds(50);
  {
    auto s = open(path_, o);
    if (!s) return excuse(s.error()), set(refused);
    if (!rebuild && detail::handle_of(*s)->opened == Opened::rebuilt) set(rebuilt);
    look_at(*s);
    use(*s);
    look_at(*s);
  }
  o.rebuild = false;
  auto s = open(path_, o);
  if (!s) return excuse(s.error()), set(refused);
  look_at(*s);
}

void Trial::recovers() {
  const std::string fresh = path_ + ".recovered";
  const auto salvage = recover(path_, fresh);
  if (!salvage) return excuse(salvage.error()), set(refused);
  if (salvage->lost != 0 || !salvage->damage.empty()) set(told);
  {
    const auto s = open(fresh, image_options());
    if (!s)
      set(bad_copy);
    else
      gets(*s), scan(*s);
  }
  ::unlink(fresh.c_str());
}

}  // namespace durra::test
