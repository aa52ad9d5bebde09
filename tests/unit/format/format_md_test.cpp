// FORMAT.md says what the compiler says: offsets, sizes, bits and decision tables are compared, both ways.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "format/decide.h"
#include "format/fields.h"
#include "format/leaf.h"

namespace durra::format {
namespace {

using Row = std::vector<std::string>;

std::vector<std::string> lines_of_format_md() {
  std::ifstream in(DURRA_SOURCE_DIR "/format/FORMAT.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Row cells_of(const std::string& line) {
  Row cells;
  std::stringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) {
    const auto first = cell.find_first_not_of(' '), last = cell.find_last_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

// The rows, without head, of the first table after the line that begins with `mark`.
std::vector<Row> table_after(const std::string& mark) {
  const auto lines = lines_of_format_md();
  std::size_t i = 0;
  while (i < lines.size() && lines[i].rfind(mark, 0) != 0) ++i;
  while (i < lines.size() && lines[i].rfind("|", 0) != 0) ++i;
  std::vector<Row> rows;
  for (i += 2; i < lines.size() && lines[i].rfind("|", 0) == 0; ++i) rows.push_back(cells_of(lines[i]));
  return rows;
}

TEST(FormatMd, offsets_and_sizes_of_every_field) {
  std::map<std::string, std::vector<Row>> expected;
  for (const Field& f : kFields)
    expected[f.structure].push_back({std::to_string(f.offset), std::to_string(f.size), f.name});
  EXPECT_EQ(expected.size(), 11u);
  for (const auto& [structure, fields] : expected) {
    auto rows = table_after("### " + structure + " (");
    for (auto& row : rows) row.resize(3);
    EXPECT_EQ(rows, fields) << structure;
  }
}

TEST(FormatMd, sizes_of_every_structure) {
  const std::map<std::string, std::size_t> sizes{
      {"Superblock", sizeof(Superblock)},     {"Control", sizeof(Control)},
      {"Identity", sizeof(Identity)},         {"Seat", sizeof(Seat)},
      {"Descriptor", sizeof(Descriptor)},     {"RegionHeader", sizeof(RegionHeader)},
      {"RecordHeader", sizeof(RecordHeader)}, {"TailPosition", sizeof(TailPosition)},
      {"BatchLink", sizeof(BatchLink)},       {"Envelope", sizeof(Envelope)},
      {"BlockHead", sizeof(BlockHead)}};
  const auto lines = lines_of_format_md();
  for (const auto& [structure, size] : sizes)
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "### " + structure + " (" + std::to_string(size) + " bytes)"), 1)
        << structure;
}

// Every structure is covered by fields.h: what lies between two fields is padding up to a cache line.
TEST(FormatMd, fields_leave_no_gap_but_to_the_next_line) {
  const Field* last = nullptr;
  for (const Field& f : kFields) {
    if (last != nullptr && std::string_view(last->structure) == f.structure) {
      const auto end = last->offset + last->size;
      EXPECT_TRUE(f.offset == end || f.offset == align_up(end, kLine)) << f.structure << '.' << f.name;
    } else {
      EXPECT_EQ(f.offset, 0u) << f.structure << '.' << f.name;
    }
    last = &f;
  }
}

// "0–43" → the bits 0 to 43; "62" → bit 62.
std::uint64_t bits_of(const std::string& text) {
  const std::string dash = "–";
  const auto cut = text.find(dash);
  const int first = std::stoi(text);
  const int last = cut == std::string::npos ? first : std::stoi(text.substr(cut + dash.size()));
  return (~0ULL >> (63 - last)) & (~0ULL << first);
}
// Compares a table of bits with the word in which one field has all its bits set.
void expect_bits(const std::string& table, const std::map<std::string, std::uint64_t>& words) {
  std::map<std::string, std::uint64_t> said;
  for (const Row& row : table_after("<!-- bits: " + table + " -->")) said[row.at(1)] = bits_of(row.at(0));
  EXPECT_EQ(said, words) << table;
}

TEST(FormatMd, bits_of_a_state_word) {
  constexpr std::uint64_t below_crc = (1ULL << 56) - 1;
  expect_bits("RegionWord", {{"state", pack({.state = RegionState::body}) & below_crc},
                             {"type", pack({.type = static_cast<RegionType>(3)}) & below_crc},
                             {"run", pack({.run = true}) & below_crc},
                             {"owner", pack({.owner = 1023}) & below_crc},
                             {"generation", pack({.generation = kGenerationMax}) & below_crc},
                             {"crc", ~below_crc}});
}

TEST(FormatMd, bits_of_a_shape) {
  const auto word = [](Shape s) { return pack(s); };
  const Shape none{.kind = RecordKind::none};
  Shape payload = none, key = none, kind = none, align = none, compressed = none, relocated = none;
  payload.payload_size = kPayloadSizeMax;
  key.key_size = 0x7ff;
  kind.kind = static_cast<RecordKind>(7);
  align.align_log2 = 15 + 3;
  compressed.compressed = true;
  relocated.relocated = true;
  expect_bits("Shape", {{"payload_size", word(payload)},
                        {"key_size", word(key)},
                        {"kind", word(kind)},
                        {"align_log2", word(align)},
                        {"compressed", word(compressed)},
                        {"relocated", word(relocated)}});
}

TEST(FormatMd, bits_of_a_decision) {
  expect_bits("Decision",
              {{"verdict", decision(static_cast<Verdict>(0xffff))}, {"value", decision(Verdict::none, ~0ULL)}});
}

TEST(FormatMd, bits_of_the_index) {
  expect_bits("Slot", {{"offset", slot_word(0, kOffsetMask << 3)},
                       {"freeze", kFreeze},
                       {"hash", slot_word((1u << kSlotHashBits) - 1, 0)}});
  expect_bits("NodeWord", {{"offset", pack(NodeWord{kOffsetMask << 3, 0, false})},
                           {"freeze", kFreeze},
                           {"inner", pack(NodeWord{0, 0, true})},
                           {"slots", pack(NodeWord{0, 1023 * 8, false})}});
}

std::string word_of(Ask a) { return a == Ask::any ? "·" : a == Ask::yes ? "yes" : "no"; }

TEST(FormatMd, the_rows_of_rebuild) {
  std::vector<Row> rows;
  for (const RegionRow& r : region_rows())
    rows.push_back({word_of(r.crc_ok), r.life ? name(*r.life) : "·", word_of(r.index), word_of(r.used),
                    word_of(r.synced), name(r.action), r.reason});
  EXPECT_EQ(table_after("<!-- table: rebuild -->"), rows);
}

TEST(FormatMd, the_rows_of_trust) {
  std::vector<Row> rows;
  for (const TrustRow& r : trust_rows())
    rows.push_back({word_of(r.lived_in), word_of(r.asked), word_of(r.touched), word_of(r.same_file), word_of(r.clean),
                    word_of(r.same_boot), name(r.trust), r.reason});
  EXPECT_EQ(table_after("<!-- table: trust -->"), rows);
}

}  // namespace
}  // namespace durra::format
