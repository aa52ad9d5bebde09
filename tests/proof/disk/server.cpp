// A LogDisk as a block device.  linux/fuse.h has the protocol.
#include "tests/proof/disk/server.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace durra::test {
namespace {

constexpr std::uint64_t kRoot = FUSE_ROOT_ID, kFile = 2;
constexpr std::uint32_t kWriteMax = 1 << 20;

class Server {
 public:
  Server(int fd, LogDisk& disk) : fd_(fd), disk_(disk), request_(kWriteMax + 8192) {}

  // Until the file system is unmounted.
  void serve() {
    for (;;) {
      const ssize_t n = ::read(fd_, request_.data(), request_.size());
      if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
      if (n <= 0) return;
      std::memcpy(&in_, request_.data(), sizeof in_);
      one();
    }
  }

 private:
  template <class T>
  T argument() const {
    T t;
    std::memcpy(static_cast<void*>(&t), request_.data() + sizeof in_, sizeof t);
    return t;
  }
  void one() {
    switch (in_.opcode) {
      case FUSE_INIT: return init();
      case FUSE_LOOKUP: return lookup();
      case FUSE_GETATTR:
      case FUSE_SETATTR: return attributes();
      case FUSE_OPEN:
      case FUSE_OPENDIR: return open();
      case FUSE_READ: return read();
      case FUSE_WRITE: return write();
      case FUSE_FSYNC: disk_.flush(); [[fallthrough]];
      case FUSE_FLUSH:
      case FUSE_RELEASE:
      case FUSE_RELEASEDIR: return answer(0, nullptr, 0);
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT: return;  // nobody waits for an answer
      default: return answer(-ENOSYS, nullptr, 0);
    }
  }
  void init() {
    const auto asked = argument<fuse_init_in>();
    fuse_init_out out{};
    out.major = FUSE_KERNEL_VERSION;
    out.minor = FUSE_KERNEL_MINOR_VERSION;
    out.max_readahead = asked.max_readahead;
    out.flags = asked.flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS);
    out.max_write = kWriteMax;
    out.max_pages = kWriteMax / 4096;
    out.time_gran = 1;
    answer(out);
  }
  fuse_attr attr(std::uint64_t node) const {
    fuse_attr a{};
    a.ino = node;
    a.mode = node == kRoot ? S_IFDIR | 0700 : S_IFREG | 0600;
    a.nlink = 1;
    a.size = node == kRoot ? 0 : disk_.size();
    a.blocks = a.size / 512;
    a.blksize = 4096;
    return a;
  }
  void lookup() {
    if (std::strcmp(reinterpret_cast<const char*>(request_.data() + sizeof in_), "disk") != 0)
      return answer(-ENOENT, nullptr, 0);
    fuse_entry_out out{};
    out.nodeid = kFile;
    out.attr_valid = out.entry_valid = 1'000'000;
    out.attr = attr(kFile);
    answer(out);
  }
  void attributes() {
    fuse_attr_out out{};
    out.attr_valid = 1'000'000;
    out.attr = attr(in_.nodeid);
    answer(out);
  }
  void open() {
    fuse_open_out out{};
    out.open_flags = in_.opcode == FUSE_OPEN ? FOPEN_DIRECT_IO : 0;  // every write comes here at once
    answer(out);
  }
  void read() {
    const auto r = argument<fuse_read_in>();
    const std::uint64_t size = r.offset < disk_.size() ? std::min<std::uint64_t>(r.size, disk_.size() - r.offset) : 0;
    answer(0, disk_.content() + r.offset, size);
  }
  void write() {
    const auto w = argument<fuse_write_in>();
    if (w.offset > disk_.size() || w.size > disk_.size() - w.offset) return answer(-EFBIG, nullptr, 0);
    disk_.write(w.offset, reinterpret_cast<const std::byte*>(request_.data()) + sizeof in_ + sizeof w, w.size);
    fuse_write_out out{};
    out.size = w.size;
    answer(out);
  }
  template <class T>
  void answer(const T& t) {
    answer(0, &t, sizeof t);
  }
  void answer(int error, const void* what, std::size_t size) {
    reply_.resize(sizeof(fuse_out_header) + size);
    const fuse_out_header out{static_cast<std::uint32_t>(reply_.size()), error, in_.unique};
    std::memcpy(reply_.data(), &out, sizeof out);
    if (size != 0) std::memcpy(reply_.data() + sizeof out, what, size);
    if (::write(fd_, reply_.data(), reply_.size()) < 0) return;  // it was interrupted, and nobody waits
  }

  const int fd_;
  LogDisk& disk_;
  std::vector<char> request_, reply_;
  fuse_in_header in_{};
};

[[noreturn]] void cannot(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

}  // namespace

BlockDevice::BlockDevice(LogDisk& disk, const std::string& folder) : folder_(folder) {
  const int fuse = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fuse < 0) cannot("/dev/fuse");
  const std::string options = "fd=" + std::to_string(fuse) + ",rootmode=40000,user_id=0,group_id=0";
  if (::mount("durra-disk", folder.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    ::close(fuse);
    cannot("mounting by FUSE");
  }
  server_ = ::fork();
  if (server_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // with it go the mount and the loop device
    Server(fuse, disk).serve();
    ::_exit(0);
  }
  ::close(fuse);
  const int backing = ::open((folder + "/disk").c_str(), O_RDWR | O_CLOEXEC);
  try {
    if (server_ < 0 || backing < 0) cannot("the file of a FUSE file system");
    attach(backing);
  } catch (...) {
    if (backing >= 0) ::close(backing);
    stop();
    throw;
  }
  ::close(backing);
}

BlockDevice::~BlockDevice() { stop(); }

void BlockDevice::stop() noexcept {
  if (loop_ >= 0) ::close(loop_);  // it detaches itself from the file
  ::umount2(folder_.c_str(), MNT_DETACH);
  if (server_ < 0) return;
  ::usleep(1'000);
  ::kill(server_, SIGKILL);  // if the unmounting has not ended it
  ::waitpid(server_, nullptr, 0);
}

void BlockDevice::attach(int backing) {
  for (int tries = 0; tries < 100; ++tries) {  // another may be given the same free one
    const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) cannot("/dev/loop-control");
    const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
    ::close(control);
    if (number < 0) cannot("a free loop device");
    path_ = "/dev/loop" + std::to_string(number);
    loop_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (loop_ < 0) cannot(path_);
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(backing);
    config.block_size = 512;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(loop_, LOOP_CONFIGURE, &config) == 0) return;
    const int why = errno;
    ::close(loop_);
    loop_ = -1;
    errno = why;
    if (why != EBUSY) cannot("setting up " + path_);
  }
  cannot("a free loop device");
}

void BlockDevice::forget() const {
  if (::ioctl(loop_, BLKFLSBUF, 0) != 0) cannot("BLKFLSBUF");
}

}  // namespace durra::test
