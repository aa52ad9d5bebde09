// How verbs open stores.
#include "tools/opening.h"

#include "tools/failure.h"

namespace durra::tools {
namespace {

Result<Store> try_open(Mode mode, const std::string& path) {
  Options options;
  options.mode = mode;
  return open(path, options);
}

}  // namespace

Store open_to_read(const std::string& path) {
  auto store = try_open(Mode::read_only, path);
  if (store || store.error().code != Code::read_only) return must(std::move(store), path);
  auto rebuilt = try_open(Mode::open, path);
  const bool may_not = !rebuilt && rebuilt.error().code == Code::io;
  return must(std::move(may_not ? store : rebuilt), path);
}

Store open_to_change(const std::string& path) { return must(try_open(Mode::open, path), path); }
Store open_to_rebuild(const std::string& path) {
  Options options;
  options.mode = Mode::open;
  options.rebuild = true;
  return must(open(path, options), path);
}
Store open_or_create(const std::string& path) { return must(try_open(Mode::create, path), path); }

}  // namespace durra::tools
