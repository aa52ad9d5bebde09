// References to chunks.
#include "tools/zarr_refs.h"

#include <durra/types.h>

#include <set>

#include "tools/failure.h"

namespace durra::tools {
namespace {

constexpr std::string_view kMeta = "/.zarray";
constexpr const char* kGroup = R"({"zarr_format": 2})";

class Refs {
 public:
  Refs(Json& to, std::string file) : to_(to), file_(std::move(file)) { to_[".zgroup"] = kGroup; }

  void text(const std::string& key, std::string text) {
    groups_of(key);
    to_[key] = std::move(text);
  }
  void range(const std::string& key, const FileRange& r) { to_[key] = {file_, r.offset, r.size}; }
  void bytes(const std::string& key, std::string_view bytes) { to_[key] = "base64:" + base64(bytes); }

 private:
  // "a/b/.zarray" lies in the groups a and (root); b is the array.
  void groups_of(const std::string& key) {
    const std::string array = key.substr(0, key.size() - kMeta.size());
    for (std::size_t slash = array.find('/'); slash != array.npos; slash = array.find('/', slash + 1))
      to_[array.substr(0, slash) + "/.zgroup"] = kGroup;
  }
  Json& to_;
  const std::string file_;
};

bool is_chunk_name(std::string_view name) noexcept {
  return !name.empty() && name.find_first_not_of("0123456789.") == name.npos;
}

// Every record whose key begins so, or a Complaint: a reader takes a chunk that is not named for one of fill values.
template <class F>
void for_all(const Snapshot& now, const std::string& prefix, const std::string& path, const F& visit) {
  Records all = now.records(prefix);
  for (const Record& r : all) visit(r);
  must(all.status(), path);
}

std::string intact_text(const Record& r, const std::string& path) {
  must(r.intact(), path);
  return r.str();
}

// A chunk is numcodecs' LZ4 as it lies there; one that compaction packed once more is given with the references.
void add_chunk(Refs& refs, const Record& r, const std::string& path) {
  const std::string key(r.key());
  if (const FileRange at = file_range(r); !at.packed)
    refs.range(key, at);
  else
    refs.bytes(key, intact_text(r, path));
}

void add_chunked(Refs& refs, const Snapshot& now, const std::string& prefix, const std::string& path) {
  std::set<std::string> arrays;
  for_all(now, prefix, path, [&](const Record& r) {
    if (r.key().ends_with(kMeta)) arrays.emplace(r.key().substr(0, r.key().size() - kMeta.size()));
  });
  for (const std::string& array : arrays) {
    const std::string meta = array + std::string(kMeta);
    refs.text(meta, intact_text(must(now.get(meta), path), path));
    for_all(now, array + "/", path, [&](const Record& r) {
      if (is_chunk_name(r.key().substr(array.size() + 1))) add_chunk(refs, r, path);
    });
  }
}

// An array in a block is one chunk, as it is.
void add_array(Refs& refs, const std::string& name, const detail::Blocks::Found& found) {
  const Shape shape = found.kind().shape;
  refs.text(name + std::string(kMeta), Json{{"chunks", shape},
                                            {"compressor", nullptr},
                                            {"dtype", found.dtype},
                                            {"fill_value", nullptr},
                                            {"filters", nullptr},
                                            {"order", "C"},
                                            {"shape", shape},
                                            {"zarr_format", 2}}
                                           .dump(4));
  std::string chunk = name + "/0";
  for (std::size_t d = 1; d < shape.size(); ++d) chunk += ".0";
  refs.range(chunk, file_range(found.block));
}

}  // namespace

ZarrRefs zarr_refs(Store& store, const std::string& path, const std::string& file, const std::string& prefix) {
  ZarrRefs out{{{"version", 1}, {"refs", Json::object()}}, {}, must(store.snapshot(), path)};
  Refs refs(out.json["refs"], file);
  for (const std::string& name : must(detail::Blocks::names(store, "array", prefix), path)) {
    auto found = must(detail::Blocks::find(store, name), path);
    add_array(refs, name, found);
    out.held.push_back(std::move(found.block));
  }
  add_chunked(refs, out.now, prefix, path);
  return out;
}

}  // namespace durra::tools
