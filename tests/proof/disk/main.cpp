// Power cuts through real file systems: a program works on a store on ext4, xfs or btrfs, the disk below keeps a log of
// writes and flushes, and at many places of that log the disk is set back to what a power cut could have left.  The
// kernel mounts it and replays its journal, in the same boot (F8), the store is opened, and must keep its promises.
//
// The programs come from the seed; when the kernel writes a page back does not, so another run cuts at other places:
// with DURRA_PROOF_KEEP=FOLDER each store is copied there as it was found.
#include <durra/care.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

#include "tests/proof/disk/log_disk.h"
#include "tests/proof/disk/server.h"
#include "tests/support/promises.h"
#include "tests/support/proof.h"
#include "tests/support/scratch.h"
#include "tests/support/workers.h"

namespace durra::test {
namespace {

constexpr std::uint64_t kDiskSize = 48_MiB;

struct FileSystem {
  const char *name, *make;  // the command that makes one; the disk's file is added
  unsigned unit;            // what it needs the disk to write whole: its superblock, which has one checksum
};
constexpr FileSystem kFileSystems[] = {
    {"ext4", "mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0,lazy_journal_init=0", 4096},
    {"xfs", "mkfs.xfs -q -f -K --unsupported", 512},
    {"btrfs", "mkfs.btrfs -q -f -K -M -m single -d single", 4096},
};

// An empty disk with that file system, or "" and why there is none.
std::string made(const FileSystem& fs, const std::string& folder, std::string& why) {
  const std::string path = folder + "/" + fs.name;
  { const std::ofstream create(path); }
  if (::truncate(path.c_str(), static_cast<off_t>(kDiskSize)) != 0) why = "no space";
  const std::string command =
      "PATH=$PATH:/usr/sbin:/sbin; " + std::string(fs.make) + " " + path + " >" + folder + "/said 2>&1";
  if (why.empty() && std::system(command.c_str()) != 0) {
    std::ifstream said(folder + "/said");
    why = "mkfs: " + std::string(std::istreambuf_iterator<char>(said), {});
    why = why.substr(0, why.find('\n'));
  }
  std::ifstream in(path, std::ios::binary);
  std::string image(std::istreambuf_iterator<char>(in), {});
  ::unlink(path.c_str());
  return why.empty() ? image : "";
}

// What children tell: the moments of a program, and what they found wrong.
struct Told {
  std::array<Moment, 256> moments;
  char story[4096];
  bool opened_clean;
  Broken broken;
};

class Bench {
 public:
  Bench(Workers& workers, Proof& proof, const Scratch& scratch)
      : workers_(workers),
        proof_(proof),
        fuse_(scratch / "fuse" + std::to_string(::getpid())),
        mount_(scratch / "mount" + std::to_string(::getpid())),
        store_(mount_ + "/s.durra"),
        disk_(kDiskSize) {
    ::mkdir(fuse_.c_str(), 0700);
    ::mkdir(mount_.c_str(), 0700);
    void* const at = ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    told_ = static_cast<Told*>(at);
  }

  void work(const FileSystem& fs, std::uint64_t seed, unsigned cuts) {
    fs_ = &fs;
    std::string why;
    const std::string image = made(fs, fuse_, why);  // its own: no two of one identity are mounted at a time
    random_.seed(seed);
    program_ = random_program(seed, {.ops = 60, .interval = seed % 4 == 0});
    std::memcpy(disk_.content(), image.data(), image.size());
    disk_.settle();
    device_.emplace(disk_, fuse_);
    if (!run_program()) return device_.reset();
    const Promises promises(program_, told_->moments);
    for (const std::uint64_t at : places(cuts)) one(promises, at);
    device_.reset();
  }

 private:
  void failure(const std::string& what) {
    proof_.failure(what + " [--only " + fs_->name + ", program " + std::to_string(program_.seed) + "]");
  }
  // A child's; "": it went well.
  std::string outcome(const std::function<std::string()>& body, unsigned seconds) {
    told_->story[0] = '\0';
    const int status = run_child([&] {
      ::alarm(seconds);
      const std::string wrong = body();
      std::snprintf(told_->story, sizeof told_->story, "%s", wrong.c_str());
      return wrong.empty() ? 0 : 2;
    });
    if (status == 0) return "";
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) return told_->story;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "it hung";
    return "it broke, wait status " + std::to_string(status);
  }

  bool mounted() { return ::mount(device_->path().c_str(), mount_.c_str(), fs_->name, MS_NOATIME, nullptr) == 0; }
  void unmount() {
    for (int i = 0; ::umount(mount_.c_str()) != 0; ++i) {
      if (i == 100) throw std::runtime_error("umount: " + std::string(std::strerror(errno)));
      ::usleep(1'000);
    }
    device_->forget();
  }

  // The program, on a fresh file system, all of it logged.
  bool run_program() {
    disk_.log(true);
    if (!mounted()) throw std::runtime_error(std::string("mount ") + fs_->name + ": " + std::strerror(errno));
    std::fill(told_->moments.begin(), told_->moments.end(), Moment{});
    const std::string wrong = outcome(
        [&] { return Execution(store_, program_, observer()).run(0, static_cast<unsigned>(program_.ops.size())); },
        120);
    unmount();
    ends_ = disk_.position();
    disk_.log(false);
    if (!wrong.empty()) failure(wrong);
    if (disk_.overflowed()) throw std::runtime_error("the log of the disk is full");
    return wrong.empty();
  }
  Observer observer() {
    const auto write_back = [&](std::uint64_t random) {
      const int fd = ::open(store_.c_str(), O_RDWR | O_CLOEXEC);
      struct stat s;
      if (fd >= 0 && ::fstat(fd, &s) == 0 && s.st_size > 0) {
        const auto from = static_cast<off_t>(random * 4096) % s.st_size;
        ::sync_file_range(fd, from, 256 * 1024, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
      }
      if (fd >= 0) ::close(fd);
    };
    return {[&](unsigned op) { told_->moments[op].begun = disk_.position(); },
            [&](unsigned op, int code) {
              told_->moments[op] = {told_->moments[op].begun, disk_.position(), code};
            },
            write_back};
  }

  std::vector<std::uint64_t> places(unsigned cuts) {
    std::vector<std::uint64_t> all;
    for (unsigned i = 0; i < cuts; ++i) {
      std::uint64_t at = random_() % (ends_ + 1);
      if (random_() % 2 == 0) {  // an operation has just been acknowledged, or is about to be
        const Moment& m = told_->moments[random_() % program_.ops.size()];
        if (m.done != Moment::kNever) at = m.done - std::min<std::uint64_t>(m.done, random_() % 4);
      }
      all.push_back(at);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  void one(const Promises& promises, std::uint64_t at) {
    const unsigned units[] = {0, 0, 4096, fs_->unit};  // 0: each write whole
    constexpr unsigned kKept[] = {0, 24, 128, 232, 256};
    const LogDisk::Cut cut{at, units[random_() % 4], kKept[random_() % 5], random_() % 2 == 0};
    workers_["writes"] += disk_.cut(cut, random_);
    const std::string wrong = look_at(promises, at);
    device_->forget();
    disk_.heal();
    ++workers_["images"];
    ++workers_[fs_->name];
    if (!wrong.empty())
      failure(wrong + "; cut at " + std::to_string(at) + " of " + std::to_string(ends_) + ", units of " +
              std::to_string(cut.unit) + ", " + std::to_string(cut.kept) + " of 256 kept" +
              (cut.reordered ? ", reordered" : ""));
  }
  std::string look_at(const Promises& promises, std::uint64_t at) {
    if (!mounted()) return std::string("the file system does not mount: ") + std::strerror(errno);
    struct stat s;
    std::string wrong;
    if (::stat(store_.c_str(), &s) != 0) {
      ++workers_["no file yet"];
      if (promises.any(at)) ++workers_["durable lost"], wrong = "the store is not there";
    } else {
      told_->broken = Broken::nothing;
      wrong = outcome([&] { return check(promises, at); }, 20);
      ++workers_[told_->opened_clean ? "clean" : "rebuilt"];
      if (told_->broken == Broken::lost) ++workers_["durable lost"];
      if (told_->broken == Broken::torn || told_->broken == Broken::half_a_batch) ++workers_["torn"];
    }
    unmount();
    return wrong;
  }

  // In a child.  What is wrong with the store, or "".
  std::string check(const Promises& promises, std::uint64_t at) {
    if (const char* folder = std::getenv("DURRA_PROOF_KEEP"))
      std::filesystem::copy_file(
          store_,
          std::string(folder) + "/" + fs_->name + "." + std::to_string(program_.seed) + "." + std::to_string(at),
          std::filesystem::copy_options::overwrite_existing);
    Options o = program_.options;
    o.mode = Mode::open;
    auto store = open(store_, o);
    if (!store) return "open: " + store.error().message();
    const auto how = stats(*store);
    if (!how) return "stats: " + how.error().message();
    told_->opened_clean = how->opened == Opened::clean;
    if (how->opened != Opened::clean && how->opened != Opened::rebuilt)
      return std::string("opened after a power cut by trusting the index: ") + name(how->opened);
    const auto verdict = promises.judge(look(*store, program_, true), at);
    told_->broken = verdict.what;
    if (verdict.what != Broken::nothing) return verdict.story;
    if (const auto put = store->put(kAfterwards, "works", {.durability = Durability::power}); !put)
      return "a put afterwards: " + put.error().message();
    if (const auto got = store->get(kAfterwards); !got || got->text() != "works") return "a get afterwards";
    const auto seen = verify(store_);
    if (!seen) return "verify: " + seen.error().message();
    if (!seen->damage.empty())
      return std::string("opened ") + name(how->opened) + ", verify finds damage: " + seen->damage[0].error.message() +
             ", " + seen->damage[0].what;
    return "";
  }

  Workers& workers_;
  Proof& proof_;
  const std::string fuse_, mount_, store_;
  LogDisk disk_;
  Told* told_;
  const FileSystem* fs_ = nullptr;
  std::mt19937_64 random_;
  Program program_;
  std::optional<BlockDevice> device_;
  std::uint64_t ends_ = 0;
};

// What keeps this machine from having a disk of ours, "" if nothing does.
std::string no_disk(const Scratch& scratch) {
  const std::string folder = scratch / "probe";
  ::mkdir(folder.c_str(), 0700);
  LogDisk disk(1 << 20);
  try {
    const BlockDevice device(disk, folder);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

int prove(Proof& proof) {
  if (::geteuid() != 0) Proof::skip("power cuts through real file systems need root");
  const Scratch scratch;
  if (const std::string why = no_disk(scratch); !why.empty()) Proof::skip(why);
  std::vector<const FileSystem*> able;
  std::vector<std::string> figures{"images", "writes", "clean", "rebuilt", "no file yet", "torn", "durable lost"};
  for (const FileSystem& fs : kFileSystems) {
    if (!proof.wants(fs.name)) continue;
    std::string why;
    if (made(fs, scratch.path(), why).empty()) {
      std::printf("SKIP %s: %s\n", fs.name, why.c_str());
      continue;
    }
    able.push_back(&fs);
    figures.emplace_back(fs.name);
  }
  if (able.empty()) Proof::skip("no file system can be made here");
  if (able.size() < std::size(kFileSystems)) std::puts("SKIP images: not of all file systems");
  Workers workers(proof, figures);
  const std::uint64_t programs = proof.brief() ? 2 : 10;
  const unsigned cuts = proof.brief() ? 20 : 100;
  for (std::uint64_t seed = proof.seed() * 1'000;; seed += programs) {
    workers.run(2 * proof.jobs(), [&] {  // they mostly wait for the kernel
      Bench bench(workers, proof, scratch);
      for (std::uint64_t n = workers.next(); n < programs * able.size(); n = workers.next()) {
        bench.work(*able[n % able.size()], seed + n / able.size(), cuts);
      }
    });
    if (!proof.goes_on()) break;
  }
  workers.report();
  return proof.finish();
}

}  // namespace
}  // namespace durra::test

int main(int argc, char** argv) {
  using namespace durra::test;
  Proof proof(argc, argv, "power cuts through real ext4, xfs and btrfs");
  const int status = run_child([&] {
    if (!get_own_mounts()) Proof::skip("this kernel lets us mount nothing");
    return prove(proof);
  });
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
