// durra ls STORE [PREFIX]: keys, sizes and stamps.
#include <durra/store.h>

#include <algorithm>
#include <cstdio>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/table.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

struct Row {
  OwnedKey key;
  std::uint64_t bytes;
  Stamp stamp;
};

// In order of keys within each run of this many rows: a store may hold more keys than memory.
constexpr std::size_t kRowsSorted = 200'000;

void print(std::vector<Row>& rows) {
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.key < b.key; });
  Table table({"KEY", ">BYTES", ">STAMP"});
  for (const Row& row : rows) table.add({key_text(row.key), std::to_string(row.bytes), stamp_text(row.stamp)});
  std::fputs(table.text().c_str(), stdout);
  rows.clear();
}

}  // namespace

int verb_ls(Call& call) {
  std::optional<std::string> prefix;
  call.needs_store().takes("PREFIX", prefix, "only keys that begin so").parse();

  const auto store = open_to_read(call.store);
  auto records = store.records(prefix.value_or(""));
  std::vector<Row> rows;
  for (const Record& record : records) {
    Row row{OwnedKey(record), record.bytes().size(), record.stamp()};
    if (call.json) {
      auto json = key_json(row.key);
      json["bytes"] = row.bytes;
      json["stamp"] = stamp_text(row.stamp);
      std::fputs(line_of(json).c_str(), stdout);
    } else {
      rows.push_back(std::move(row));
      if (rows.size() == kRowsSorted) print(rows);
    }
  }
  if (!rows.empty()) print(rows);
  must(records.status(), call.store);
  return kDone;
}

}  // namespace durra::tools
