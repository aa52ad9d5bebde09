// Blurs a picture and makes it a fifth brighter: one, two and four processes take rows, without a lock.
// Instead of ImageProcessor with a lock around each pixel.
//   build/example_image_filter IN.ppm OUT.ppm
#include <durra/types.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <numeric>

#include "tools/examples/ppm.h"
#include "tools/examples/processes.h"
#include "tools/examples/tickets.h"

using Pixels = durra::Array<std::uint8_t>;
const char* const kStore = "image_filter.durra";

// Row y: each colour is the mean of 9 x 9 pixels, times 1.2.
void filter_row(const Pixels& in, std::size_t y, std::span<std::uint8_t> out) {
  const auto height = in.shape()[0], width = in.shape()[1];
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto x = i / 3, colour = i % 3;
    std::size_t sum = 0, n = 0;
    for (auto v = y - std::min<std::size_t>(y, 4); v < std::min(height, y + 5); ++v)
      for (auto u = x - std::min<std::size_t>(x, 4); u < std::min(width, x + 5); ++u, ++n) sum += in(v, u, colour);
    out[i] = static_cast<std::uint8_t>(std::min<std::size_t>(255, sum * 12 / (n * 10)));
  }
}

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("image_filter IN.ppm OUT.ppm");
  auto picture = examples::read_ppm(argv[1]);
  const durra::Shape shape{picture.height, picture.width, 3};

  std::filesystem::remove(kStore);  // a place to work in, for this picture
  auto store = durra::open(kStore).value();
  auto in = Pixels::open(store, "in", shape).value();
  std::ranges::copy(picture.bytes, in.values().begin());
  for (std::size_t y = 0, row = picture.width * 3; y < picture.height; ++y)
    filter_row(in, y, std::span(picture.bytes).subspan(y * row, row));  // serial, to compare with

  for (const int processes : {1, 2, 4}) {
    const auto name = std::to_string(processes) + " processes";
    const auto start = std::chrono::steady_clock::now();
    examples::run_workers(processes, [&](int worker) {
      auto mine = durra::open(kStore).value();
      const auto from = Pixels::open(mine, "in", shape).value();
      auto to = Pixels::open(mine, name, shape).value();
      examples::Tickets rows(mine, "rows of " + name, shape[0]);
      rows.work_off(worker, [&](std::size_t y) { filter_row(from, y, to.row(y)); });
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    auto out = Pixels::open(store, name, shape).value();
    if (!std::ranges::equal(out.values(), picture.bytes)) throw std::runtime_error(name + " made another picture");
    std::cout << name << ": the same picture, " << seconds.count() << " s\n";
  }
  std::cout << "checksum " << std::accumulate(picture.bytes.begin(), picture.bytes.end(), 0ull) << '\n';
  examples::write_ppm(argv[2], picture);
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
