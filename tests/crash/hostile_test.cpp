// Every 8-byte word of a small store set to extreme values, one at a time: an answer or an error, never a signal, a
// hang or bytes that nobody put.  G9 of the reliability goals.
#include <durra/care.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "format/fields.h"
#include "format/leaf.h"
#include "format/walk.h"
#include "tests/crash/world.h"

namespace durra::test {
namespace {

// ---- The file -------------------------------------------------------------------------------------------------------

struct Image {
  std::vector<std::uint64_t> words;
  Model model;
  std::string either;  // was being erased when its process died: may be there or not
  std::uint64_t beat_ns = 0;

  std::uint64_t bytes() const { return words.size() * 8; }
  template <class T>
  const T& at(std::uint64_t offset) const {
    return *reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(words.data()) + offset);
  }
};

Image read_image(const World& w, const std::string& either) {
  Image image;
  image.either = either;
  const int fd = ::open(w.path.c_str(), O_RDONLY);
  struct stat s {};
  EXPECT_EQ(::fstat(fd, &s), 0);
  image.words.resize(static_cast<std::size_t>(s.st_size) / 8);
  EXPECT_EQ(::pread(fd, image.words.data(), image.bytes(), 0), s.st_size);
  ::close(fd);
  image.model = w.model;
  const auto& super = image.at<format::Superblock>(0);
  for (std::uint32_t n = 0; n < super.seat_count; ++n)
    image.beat_ns =
        std::max(image.beat_ns, image.at<format::Seat>(super.seats_offset + n * sizeof(format::Seat)).beat_ns);
  return image;
}

// What a word is: "Control.clock", "Descriptor.tail", "payload", "leaf", "hole".
std::string place(const Image& image, std::uint64_t at) {
  const auto& super = image.at<format::Superblock>(0);
  const auto field = [](const char* structure, std::uint64_t inside) -> std::string {
    for (const format::Field& f : format::kFields)
      if (std::string_view(f.structure) == structure && inside >= f.offset && inside < f.offset + f.size)
        return std::string(structure) + "." + f.name;
    return std::string(structure) + " gap";
  };
  if (at < sizeof(format::Superblock)) return field("Superblock", at);
  if (at < format::kControlOffset) return "gap";
  if (at < format::kControlOffset + sizeof(format::Control)) {
    const std::uint64_t inside = at - format::kControlOffset;
    const std::uint64_t identity = offsetof(format::Control, identity);
    return inside < identity ? field("Control", inside) : field("Identity", inside - identity);
  }
  if (at < format::kRootOffset) return "gap";
  if (at < format::kRootOffset + super.root_words * 8) return "root";
  if (at < super.seats_offset) return "gap";
  if (at < super.seats_offset + super.seat_count * sizeof(format::Seat))
    return field("Seat", (at - super.seats_offset) % sizeof(format::Seat));
  if (at < super.descriptors_offset) return "gap";
  if (at < super.descriptors_offset + super.region_count * sizeof(format::Descriptor))
    return field("Descriptor", (at - super.descriptors_offset) % sizeof(format::Descriptor));
  if (at < super.regions_offset) return "gap";
  const std::uint64_t r = (at - super.regions_offset) / super.region_size;
  const std::uint64_t base = super.regions_offset + r * super.region_size;
  const auto& d = image.at<format::Descriptor>(super.descriptors_offset + r * sizeof(format::Descriptor));
  const auto w = format::unpack(d.state);
  if (w.state == format::RegionState::free) return "free region";
  if (w.state == format::RegionState::body) return "payload";
  if (at < base + format::kRegionData) return field("RegionHeader", at - base);
  if (at >= base + d.tail) return "beyond tail";
  if (w.type == format::RegionType::index) return "leaf";
  const std::uint64_t seed = format::region_seed(format::store_seed(super.uuid), r, w.generation);
  const std::uint64_t size = d.tail;
  format::Walk walk({&image.at<std::byte>(base), size}, base, seed, size);
  while (walk.next())
    if (at < base + walk.end()) {
      const std::uint64_t inside = at - walk.record().at;
      if (inside < sizeof(format::RecordHeader)) return field("RecordHeader", inside);
      return "payload";
    }
  return "unreadable";
}

// Every word that is not zero, and its neighbours.
std::vector<std::uint64_t> places(const Image& image) {
  std::vector<std::uint64_t> all;
  const auto& words = image.words;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] != 0 || (i > 0 && words[i - 1] != 0) || (i + 1 < words.size() && words[i + 1] != 0))
      all.push_back(i * 8);
  return all;
}

struct Mutation {
  std::uint64_t at, value;
};

std::vector<Mutation> mutations(const Image& image) {
  std::vector<Mutation> all;
  for (const std::uint64_t at : places(image)) {
    const std::uint64_t now = image.words[at / 8];
    std::set<std::uint64_t> values{0, ~0ull, 1, ~0ull - 1, ~0ull >> 1, now + 1};
    values.erase(now);
    for (const std::uint64_t v : values) all.push_back({at, v});
  }
  return all;
}

// What no orderly close or sync covered: after a rebuild, rot there is a torn tail.
bool is_synced(const Image& image, std::uint64_t at) {
  const auto& super = image.at<format::Superblock>(0);
  if (at < super.regions_offset) return true;
  const std::uint64_t r = (at - super.regions_offset) / super.region_size;
  const auto& d = image.at<format::Descriptor>(super.descriptors_offset + r * sizeof(format::Descriptor));
  const std::uint64_t synced = format::untag(d.synced, format::generation_of(d.state)) * 8;
  return at - super.regions_offset - r * super.region_size < synced;
}

// ---- One trial, in a child ------------------------------------------------------------------------------------------

enum class How { read_only, read_write, rebuilt, recovered };
constexpr const char* kHow[] = {"read_only", "read_write", "rebuilt", "recovered"};
void PrintTo(How how, std::ostream* out) { *out << kHow[static_cast<int>(how)]; }

// What happened, as far as it is not simply right.
enum Bit : std::uint32_t {
  refused = 1,        // open (or recover) answered with an error
  get_error = 2,      // a get did
  get_rotten = 4,     // other bytes than were put, and intact() says so
  get_miss = 8,       // a key that is there was not found, without an error
  get_wrong = 16,     // other bytes, and intact() does not say so
  scan_error = 32,    // a scan said that it skipped something
  scan_rotten = 64,   // a scan showed what nobody put, and intact() says so
  scan_miss = 128,    // a scan did not show a key, without an error
  scan_wrong = 256,   // a scan showed something that nobody put
  put_error = 512,    // a put was refused
  put_lost = 1024,    // a put was acknowledged, and is not there
  lost_later = 2048,  // reopened, a key is not there, without an error
  changed = 4096,     // a read-only opener changed the file
  told = 8192,        // verify (or recover) found damage
};
constexpr const char* kBits[] = {"refused",    "get_error",   "get_rotten", "get_miss",   "get_wrong",
                                 "scan_error", "scan_rotten", "scan_miss",  "scan_wrong", "put_error",
                                 "put_lost",   "lost_later",  "changed",    "told"};

std::string text(std::uint32_t bits) {
  std::string all;
  for (std::size_t i = 0; i < std::size(kBits); ++i)
    if ((bits >> i & 1) != 0) all += std::string(all.empty() ? "" : " ") + kBits[i];
  return all.empty() ? "right" : all;
}

Options patient_for_a_moment(Mode mode, bool rebuild) {
  Options o = small_store();
  o.mode = mode;
  o.rebuild = rebuild;
  o.patience = std::chrono::milliseconds(50);
  return o;
}

class Trial {
 public:
  Trial(const Image& image, const std::string& path, How how) : image_(image), path_(path), how_(how) {}

  std::uint32_t run(const Mutation& m) {
    bits_ = 0;
    acknowledged_ = 0;
    write_file(m);
    if (how_ == How::recovered) return recovers(), bits_;
    if (const auto v = verify(path_); !v || !v->damage.empty()) set(told);
    opens();
    if (how_ == How::read_only)
      check_unchanged(m);
    else
      look_again();
    return bits_;
  }

 private:
  void set(Bit b) { bits_ |= b; }

  void write_file(const Mutation& m) {
    const int fd = ::open(path_.c_str(), O_RDWR);
    const auto size = static_cast<off_t>(image_.bytes());
    if (::ftruncate(fd, size) != 0 || ::pwrite(fd, image_.words.data(), image_.bytes(), 0) != size ||
        ::pwrite(fd, &m.value, 8, static_cast<off_t>(m.at)) != 8)
      std::abort();
    // As if it had been written when its participants last worked: else it is distrusted, and rebuilt.
    const timespec t{static_cast<time_t>(image_.beat_ns / 1'000'000'000), 0};
    const timespec times[2] = {t, t};
    ::futimens(fd, times);
    ::close(fd);
  }

  void check_unchanged(const Mutation& m) {
    std::vector<std::uint64_t> now(image_.words.size());
    const int fd = ::open(path_.c_str(), O_RDONLY);
    const bool all = ::pread(fd, now.data(), image_.bytes(), 0) == static_cast<ssize_t>(image_.bytes());
    ::close(fd);
    now[m.at / 8] = image_.words[m.at / 8];
    if (!all || now != image_.words) set(changed);
  }

  void opens() {
    const bool reads = how_ == How::read_only;
    auto s = open(path_, patient_for_a_moment(reads ? Mode::read_only : Mode::open, how_ == How::rebuilt));
    if (!s) return set(refused);
    gets(*s, get_miss);
    scan(*s);
    if (!reads) puts(*s);
  }

  // By who comes later: as it is, and rebuilt.
  void look_again() {
    for (const bool rebuild : {false, true}) {
      auto s = open(path_, patient_for_a_moment(Mode::open, rebuild));
      if (!s) continue;
      gets(*s, lost_later);
      expect_puts(*s);
    }
  }

  void recovers() {
    const std::string fresh = path_ + ".recovered";
    const auto salvage = recover(path_, fresh);
    if (!salvage) return set(refused);
    if (salvage->lost != 0 || !salvage->damage.empty()) set(told);
    {
      const Store s = open(fresh).value();
      gets(s, get_miss);
      scan(s);
    }
    ::unlink(fresh.c_str());
  }

  void gets(const Store& s, Bit miss) {
    for (const auto& [k, v] : image_.model) {
      auto r = s.get(key_of(k));
      if (!r)
        set(r.error().code == Code::not_found ? miss : get_error);
      else if (r->text() != v)
        set(r->intact() ? get_wrong : get_rotten);
    }
  }

  void scan(const Store& s) {
    Records all = s.records();
    std::set<std::string> seen;
    bool rotten = false;
    for (Record& r : all) {
      const auto k = name_of(r);
      if (k == image_.either) continue;
      const auto m = image_.model.find(k);
      const bool first = seen.insert(k).second;
      if (first && m != image_.model.end() && m->second == r.text()) continue;
      rotten = rotten || !r.intact();
      set(r.intact() ? scan_wrong : scan_rotten);
    }
    if (!all.status())
      set(scan_error);
    else if (seen.size() < image_.model.size() && !rotten)
      set(scan_miss);
  }

  void puts(Store& s) {
    for (; acknowledged_ < 3; ++acknowledged_)
      if (auto put = s.put(1000 + acknowledged_, "acknowledged"); !put) {
        set(put_error);
        break;
      }
    if (auto put = s.put("k5", image_.model.at("k5")); !put) set(put_error);
    expect_puts(s);
  }
  void expect_puts(const Store& s) {
    for (int i = 0; i < acknowledged_; ++i) {
      auto r = s.get(1000 + i);
      if (r ? r->text() != "acknowledged" : r.error().code == Code::not_found) set(put_lost);
    }
  }

  const Image& image_;
  const std::string& path_;
  const How how_;
  std::uint32_t bits_ = 0;
  int acknowledged_ = 0;
};

// Null, or what is wrong with an outcome.
const char* wrong(const Image& image, const Mutation& m, How how, std::uint32_t bits) {
  if ((bits & (get_wrong | scan_wrong)) != 0 && how != How::recovered) return "bytes that nobody put, without a word";
  if ((bits & put_lost) != 0) return "an acknowledged put is gone";
  if ((bits & changed) != 0) return "a read-only opener wrote";
  const bool misses = (bits & (get_miss | scan_miss | lost_later | get_wrong | scan_wrong)) != 0;
  if (!misses) return nullptr;
  if (how == How::recovered) return (bits & told) != 0 ? nullptr : "recover lost something and does not say so";
  // Documented: rot in an index word is not seen by a get, but by a scan and by verify; a rebuild mends it.
  const std::string where = place(image, m.at);
  if (where == "root" || where == "leaf")
    return (bits & told) != 0 && (bits & scan_miss) == 0 ? nullptr : "a silent miss";
  // Documented: to a rebuild, rot above the synced mark is a torn tail.
  if (how != How::read_only && !is_synced(image, m.at)) return nullptr;
  return "a silent miss";
}

// ---- All trials -----------------------------------------------------------------------------------------------------

struct Board {
  static constexpr std::size_t kMax = 100'000;
  std::atomic<std::size_t> next;
  std::uint32_t outcomes[kMax];
};
static_assert(sizeof(Board) <= SharedPage::kSize);

constexpr auto kBudget = std::chrono::seconds(15);
constexpr unsigned kHangSeconds = 10;

void limit_child() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#if defined(__has_feature)  // clang's way to say it
#define DURRA_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DURRA_SANITIZED 1
#else
#define DURRA_SANITIZED 0
#endif
#if !DURRA_SANITIZED  // sanitizers reserve terabytes
  const rlimit space{2ull << 30, 2ull << 30};
  ::setrlimit(RLIMIT_AS, &space);
#endif
}

// Tries them in children, until the time is up; a child that dies is replaced.  Wait statuses of the dead, by mutation.
std::map<std::size_t, int> try_all(const Image& image, const std::string& path, How how,
                                   const std::vector<Mutation>& all, Board& board) {
  std::map<std::size_t, int> died;
  const auto until = std::chrono::steady_clock::now() + kBudget;
  const auto more = [&] { return board.next < all.size() && std::chrono::steady_clock::now() < until; };
  while (more()) {
    const int status = run_child([&] {
      limit_child();
      Trial trial(image, path, how);
      for (; more(); ++board.next) {
        ::alarm(kHangSeconds);
        board.outcomes[board.next] = trial.run(all[board.next]);
      }
      ::_exit(0);
      return 0;
    });
    if (status != 0) died[board.next++] = status;
  }
  return died;
}

std::string end_of(int status) {
  if (!WIFSIGNALED(status)) return "exit " + std::to_string(WEXITSTATUS(status));
  return WTERMSIG(status) == SIGALRM ? "a hang" : strsignal(WTERMSIG(status));
}

// A store that was closed in order, or whose last writer was killed just after it had published an erase.  Returns the
// key that may be either way.
std::string fill(World& w, bool killed) {
  const Operation op = operation(killed ? "erase" : "put_new");
  auto s = make(w, op);
  s->put("packed", std::string(4'000, 'p'), {.compress = true}).value();
  w.model["packed"] = std::string(4'000, 'p');
  Batch together;
  for (const char* k : {"one", "two", "three"}) together.put(k, w.model[k] = std::string("batched ") + k);
  s->put(together.erase("k9")).value();
  w.model.erase("k9");
  s.reset();
  if (killed) {
    EXPECT_TRUE(ends_at([&] { op.run(w); }, {"put.5"}));
    w.model.erase(op.key);
    return op.key;
  }
  w.model.erase("warm");
  return "";
}

class HostileFile : public testing::TestWithParam<std::tuple<bool, How>> {};

TEST_P(HostileFile, gives_an_answer_or_an_error) {
  const auto [killed, how] = GetParam();
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  World w;
  const std::string either = fill(w, killed);
  const Image image = read_image(w, either);
  auto all = mutations(image);
  std::shuffle(all.begin(), all.end(), std::mt19937(seed));  // so that a slow machine tries others each time
  const SharedPage page;
  auto& board = page.as<Board>();
  ASSERT_LE(all.size(), Board::kMax);
  const auto died = try_all(image, w.path, how, all, board);
  const std::size_t tried = board.next;

  for (const auto& [i, status] : died)
    ADD_FAILURE() << place(image, all[i].at) << " at " << all[i].at << " := " << all[i].value << ": " << end_of(status);
  std::map<std::string, int> counts;
  for (std::size_t i = 0; i < tried; ++i) {
    if (died.contains(i)) continue;
    ++counts[text(board.outcomes[i])];
    if (const char* why = wrong(image, all[i], how, board.outcomes[i]))
      ADD_FAILURE() << why << ": " << place(image, all[i].at) << " at " << all[i].at << " := " << all[i].value << ": "
                    << text(board.outcomes[i]);
  }
  EXPECT_GT(tried, 100u);
  EXPECT_GT(counts.size(), 2u) << "rot was never noticed: was it there?";
  std::printf("%s, %s: %zu of %zu values tried\n", killed ? "killed" : "closed", kHow[static_cast<int>(how)], tried,
              all.size());
  for (const auto& [what, n] : counts) std::printf("%8d  %s\n", n, what.c_str());
}

INSTANTIATE_TEST_SUITE_P(Files, HostileFile,
                         testing::Combine(testing::Bool(), testing::Values(How::read_only, How::read_write,
                                                                           How::rebuilt, How::recovered)),
                         [](const auto& p) {
                           return std::string(std::get<0>(p.param) ? "killed_" : "closed_") +
                                  kHow[static_cast<int>(std::get<1>(p.param))];
                         });

}  // namespace
}  // namespace durra::test
