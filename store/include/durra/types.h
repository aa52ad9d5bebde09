// Typed things in a store, by name: X::open(store, name, …) creates or attaches, and what another type or shape has is
// `mismatch`.
//
// Array, Counter, Gauge and Ring live in Blocks: memory that never moves, changed in place.  They survive kill -9 as
// they are; after a power cut each page is as of the last sync or later.  Cell, List and ChunkedArray are ordinary
// records: each change is atomic, versioned, and safe at a power cut.
#pragma once
#include <durra/array.h>
#include <durra/block.h>
#include <durra/cell.h>
#include <durra/chunked_array.h>
#include <durra/counter.h>
#include <durra/list.h>
#include <durra/ring.h>

namespace durra {

// What has this name — a block of any type, a list, a chunked array, a cell — is gone for those who come.  Who has a
// block open keeps its memory; its space returns when nobody has.  A list or chunked array of more than 65,000 records
// is gone at once all the same; a kill then leaves records that the next drop, or nobody, meets.  `not_found`.
Result<void> drop(Store&, std::string_view name);

}  // namespace durra
