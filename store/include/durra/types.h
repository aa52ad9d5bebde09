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

// What has this name is gone for those who come: a block of any type, else a cell (the record of this very name), else
// a list, else a chunked array.  Any thread.  Who has a block open keeps its memory; its space returns when nobody has.
//
// Of a list, NAME/length and NAME/0, NAME/1, … go; of a chunked array, NAME/.zarray and the chunks of its dimensions;
// whatever else lies under NAME/ stays.  Up to 65,000 of them, an eighth of the store at most, go together: a kill
// leaves all or none.  Of a longer list the rest goes afterwards: a kill leaves items that nobody sees and that the
// next push or drop takes.  Of a larger array the rest goes before, and is synced: a kill or a power cut leaves the
// array, with chunks that read as `fill`; drop it again.  Of a list that others make again under the name meanwhile
// everything stays; of an array, what it has when its head goes goes with it.
//
// Errors: `not_found`; `damaged`, and nothing is gone, if a list or array is there and a record cannot be read; else
// those of put, of which `full` may leave what a kill leaves.
Result<void> drop(Store&, std::string_view name);

}  // namespace durra
