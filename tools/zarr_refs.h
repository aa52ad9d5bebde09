// A reference file for fsspec: where each array's chunks lie in the store's file, so that Zarr, NumPy and Dask read
// them in place.  Format: https://fsspec.github.io/kerchunk/spec.html, version 1.
#pragma once
#include <durra/care.h>

#include <string>
#include <vector>

#include "tools/json.h"

namespace durra::tools {

struct ZarrRefs {
  Json json;
  std::vector<Block> held;  // arrays in place: their memory stays while these live
  Snapshot now;             // and the chunks
};
// Chunked arrays, as the snapshot shows them, and arrays, whose names begin so.  `file`: what readers open.
ZarrRefs zarr_refs(Store&, const std::string& store, const std::string& file, const std::string& prefix);

}  // namespace durra::tools
