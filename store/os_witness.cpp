// What became of a file's pages, asked without a flush.
#include <fcntl.h>

#include <utility>

#include "store/os.h"
#include "store/os_call.h"

namespace durra::os {

Result<Witness> Witness::open(const File& like, const std::string& path) {
  // overlayfs keeps a file's pages elsewhere: what became of them a descriptor of its own is not told.
  if (const auto fs = file_system(like); !fs || fs->locks_by_descriptor) return Error{Code::unsupported};
  const ForkGate gate;
  Witness w;
  auto file = reopen(like, path, Access::read_write);
  if (!file) return file.error();
  w.file_ = std::move(*file);
  if (auto ok = watch(w.file_); !ok) return ok.error();
  return w;
}

Witness& Witness::operator=(Witness&& o) noexcept {
  if (this != &o) {
    if (file_) close_watched(file_);
    file_ = std::move(o.file_);
  }
  return *this;
}

Witness::~Witness() {
  if (file_) close_watched(file_);
}

// Of one page, which is not written to: the error is that of the whole file.
Result<std::uint8_t> Witness::ask() const {
  if (!still_ours(file_)) return 0;
  const auto wait = [&] { return ::sync_file_range(file_.fd(), 0, 1, SYNC_FILE_RANGE_WAIT_BEFORE); };
  if (attempt(Call::ask, wait) == 0) return 1;
  const bool refused = errno == ENOSYS || errno == EPERM || errno == EACCES || errno == EINVAL || errno == EBADF ||
                       errno == ESPIPE || errno == EOPNOTSUPP;
  return refused ? Result<std::uint8_t>(0) : io("sync_file_range");
}

}  // namespace durra::os
