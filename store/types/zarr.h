// The metadata of a chunked array as Zarr v2 writes it (NAME/.zarray).
#pragma once
#include <durra/chunked_array.h>

namespace durra::detail {

// C order, no filters, numcodecs' LZ4, chunk keys with dots.
std::string zarray_of(const Chunks::Meta&);
// `unsupported` for what is Zarr's but not ours (another compressor or order, filters), `damaged` for what is no
// metadata.  Sizes are not judged.
Result<Chunks::Meta> parse_zarray(std::string_view json);

// As it comes back: of all that are no number JSON has one word.
void make_canonical(Chunks::Meta&);

// "float chunks": "<f4 (100, 100) in chunks of (10, 10), fill 0".
std::string describe(const Chunks::Meta&);

}  // namespace durra::detail
