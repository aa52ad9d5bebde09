// Text tables.
#include <gtest/gtest.h>

#include "tools/table.h"

namespace durra::tools {
namespace {

TEST(Table, columns_are_as_wide_as_their_widest_cell) {
  Table table({"KEY", ">BYTES", "NOTE"});
  table.add({"user/1", "14", ""});
  table.add({"né", "123456", "x"});  // two characters, three bytes
  EXPECT_EQ(table.text(),
            "KEY      BYTES  NOTE\n"
            "user/1      14\n"
            "né      123456  x\n");
}

}  // namespace
}  // namespace durra::tools
