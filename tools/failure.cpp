// What the library answered, in the words of the command: what, what was left, what next.
#include "tools/failure.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tools/text.h"

namespace durra::tools {
namespace {

// " (begins ff d8 ff e0)" or " (empty)": so that people see what they named by mistake.
std::string first_bytes(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    if (fd >= 0) close(fd);
    return "";
  }
  std::array<unsigned char, 4> bytes{};
  const auto got = read(fd, bytes.data(), bytes.size());
  close(fd);
  if (got <= 0) return " (empty)";
  std::string text = " (begins";
  for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) text += " " + hex_text(0x100u + bytes[i]).substr(3);
  return text + ")";
}

std::string or_else(const char* what, const char* otherwise) { return what != nullptr ? what : otherwise; }

std::string errno_text(const Error& e) {
  return e.errno_value == 0 ? "" : std::string(": ") + std::strerror(e.errno_value);
}

std::string full_text(const Error& e) {
  if (e.errno_value == EDQUOT) return "disk quota reached";
  if (e.errno_value == EFBIG) return "file size limit reached (ulimit -f)";
  return e.errno_value != 0 ? "disk full" : or_else(e.what, "full");
}

// Bytes are what the system and max_size speak of; `detail` of other limits is seats or slots.
std::string room_text(const Error& e) {
  if (e.detail == 0 || (e.errno_value == 0 && e.available == 0)) return "";
  return " (needs " + size_text(e.detail) + ", " +
         (e.errno_value == 0 ? "the limit is " + size_text(e.available) : size_text(e.available) + " free") + ")";
}

bool folder_exists(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  return folder.empty() || std::filesystem::is_directory(folder, ignored);
}

std::string words(const std::string& path, const Error& e) {
  const std::string shown = escape(path);
  switch (e.code) {
    case Code::not_found:
      if (!folder_exists(path)) return "no such folder";
      return "no such file; durra create " + shown + " makes one";
    case Code::conflict: return or_else(e.what, "another version is there") + ", nothing was changed";
    case Code::full: return full_text(e) + ", nothing was changed" + room_text(e);
    case Code::busy: return e.message() + "; nothing was changed; see: durra who " + shown;
    case Code::damaged: return e.message() + "; into a new file: durra recover " + shown + " " + shown + ".recovered";
    case Code::unsupported: {
      const bool foreign = e.what != nullptr && std::strstr(e.what, "not a durra") != nullptr;
      return foreign ? "not a durra store" + first_bytes(path) : or_else(e.what, "not supported") + errno_text(e);
    }
    case Code::invalid: return or_else(e.what, "invalid");
    case Code::io:
      if (e.errno_value == ENOENT && !folder_exists(path)) return "no such folder, nothing was changed";
      return or_else(e.what, "the system refused") + errno_text(e) + "; nothing was changed";
    case Code::read_only: return or_else(e.what, "opened for reading only") + ", nothing was changed";
    case Code::too_large:
      return or_else(e.what, "too large") + (e.detail == 0 ? "" : " (at most " + size_text(e.detail) + ")") +
             ", nothing was changed";
    case Code::mismatch:
    case Code::timeout:
    case Code::sync_lost:
    case Code::evicted:
    case Code::forked: break;
  }
  return e.message();
}

}  // namespace

Complaint complaint(std::string_view path, const Error& error) {
  return {std::string(path), error, words(std::string(path), error)};
}

Complaint usage(std::string text) { return {"", {Code::invalid}, std::move(text)}; }

}  // namespace durra::tools
