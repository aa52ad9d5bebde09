// Operations of several handles against a model; then closed, verified, rebuilt.
#include "fuzz/machine.h"

namespace durra::fuzz {
namespace {

// A new store's bytes, written again for each input: faster than to create one.
struct Empty {
  std::string path = scratch_path("operations");
  Image image;
  Empty() {
    ::unlink(path.c_str());
    { auto made = open(path, Machine::options()).value(); }
    image = read_file(path);
  }
  ~Empty() { ::unlink(path.c_str()); }
};

}  // namespace
}  // namespace durra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace durra::fuzz;
  static const Empty empty;
  write_file(empty.path, empty.image);
  Input in({data, size});
  Machine machine(empty.path);
  for (int n = 0; n < 200 && !in.empty(); ++n) machine.step(in);
  machine.check();
  machine.close();
  const auto verdict = durra::verify(empty.path);
  must(verdict && verdict->damage.empty(), "a store that nobody harmed is damaged");
  return 0;
}
