// How verbs open stores.
#include "tools/opening.h"

#include "tools/failure.h"

namespace durra::tools {
namespace {

Store open_in(Mode mode, const std::string& path) {
  Options options;
  options.mode = mode;
  return must(open(path, options), path);
}

}  // namespace

Store open_to_read(const std::string& path) { return open_in(Mode::read_only, path); }
Store open_to_change(const std::string& path) { return open_in(Mode::open, path); }
Store open_or_create(const std::string& path) { return open_in(Mode::create, path); }

}  // namespace durra::tools
