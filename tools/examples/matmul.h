// The arithmetic of the example matmul: operands in a store, and a product in tiles.
#pragma once
#include <durra/types.h>

#include <algorithm>
#include <cmath>

namespace examples {

using Matrix = durra::Array<double>;
using Indices = durra::Array<std::uint64_t>;
constexpr std::size_t kM = 480, kK = 300, kN = 400;  // C, M x N, is A, M x K, times B, K x N

struct Partition {
  const char* name;
  std::size_t rows, columns;  // of a tile of C
  bool sparse = false;
  std::size_t across() const { return (kN + columns - 1) / columns; }
  std::size_t tiles() const { return (kM + rows - 1) / rows * across(); }
};

struct Inputs {  // A has a value in every seventh place, and is there once more as CSR
  durra::Store store = durra::open("matmul.durra").value();
  Matrix a = Matrix::open(store, "a", {kM, kK}).value(), b = Matrix::open(store, "b", {kK, kN}).value();
  Matrix value = Matrix::open(store, "csr values", {(kM * kK + 6) / 7}).value();
  Indices column = Indices::open(store, "csr columns", {value.size()}).value();
  Indices start = Indices::open(store, "csr starts", {kM + 1}).value();
  void fill() {
    for (std::size_t i = 0; i < b.size(); ++i) b.values()[i] = std::sin(static_cast<double>(i));
    for (std::size_t n = 0; n < value.size(); column(n) = 7 * n % kK, ++n)
      value(n) = a.values()[7 * n] = std::cos(static_cast<double>(n));
    for (std::size_t i = 0; i <= kM; ++i) start(i) = (i * kK + 6) / 7;
  }
};

// One tile of C, from zero: so it may be done again.
inline void multiply(const Inputs& in, const Partition& how, std::size_t tile, std::span<double> c) {
  const auto i0 = tile / how.across() * how.rows, j0 = tile % how.across() * how.columns;
  for (auto i = i0; i < std::min(kM, i0 + how.rows); ++i) {
    const auto out = c.subspan(i * kN + j0, std::min(kN - j0, how.columns));
    std::ranges::fill(out, 0);
    const auto add = [&](double x, std::size_t k) {
      const auto row = in.b.row(k).subspan(j0);
      for (std::size_t j = 0; j < out.size(); ++j) out[j] += x * row[j];
    };
    for (auto n = in.start(i); how.sparse && n < in.start(i + 1); ++n) add(in.value(n), in.column(n));
    for (std::size_t k = 0; !how.sparse && k < kK; ++k) add(in.a(i, k), k);
  }
}

}  // namespace examples
