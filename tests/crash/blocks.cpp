// Blocks to interrupt: made small and large, attached to, dropped, their space given back.
#include <durra/types.h>
#include <gtest/gtest.h>

#include "tests/crash/world.h"

namespace durra::test {
namespace {

Operation of(const std::string& name, std::function<void(Store&)> act) { return simple(name, "", {}, std::move(act)); }

void drop_and_free(Store& s, const std::string& name) {
  drop(s, name).value();
  compact(s).value();
}

}  // namespace

std::vector<Operation> blocks() {
  const auto made = [](const std::string& name, std::size_t size) {
    return [=](World&, Store& s) { Block::open(s, name, size).value(); };
  };
  Operation small = of("block", [](Store& s) { Block::open(s, "b", 1'000).value(); });
  Operation beside = of("block_beside", [](Store& s) { Block::open(s, "b", 1'000).value(); });
  beside.prepare = made("other", 500);
  Operation large = of("block_large", [](Store& s) { Block::open(s, "b", 150'000).value(); });
  Operation attached = of("block_attach", [](Store& s) { Block::open(s, "b", 1'000).value(); });
  attached.prepare = made("b", 1'000);
  Operation dropped = of("block_drop", [](Store& s) { drop_and_free(s, "b"); });
  dropped.prepare = made("b", 1'000);
  Operation dropped_large = of("block_drop_large", [](Store& s) { drop_and_free(s, "b"); });
  dropped_large.prepare = made("b", 150'000);
  return {small, beside, large, attached, dropped, dropped_large};
}

}  // namespace durra::test
