// Pictures in files: binary PPM with 8 bits a colour, as `convert photo.jpg photo.ppm` makes it.
#pragma once
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace examples {

struct Picture {
  std::size_t height = 0, width = 0;
  std::vector<std::uint8_t> bytes;  // height x width x 3
};

// Throws, and says what is wrong with the file.
inline Picture read_ppm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " cannot be read");
  if (file.get() != 'P' || file.get() != '6') throw std::runtime_error(path + " is not a binary PPM");
  const auto number = [&](std::size_t n = 0) {
    while ((file >> std::ws).peek() == '#') file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    if (file.peek() == '-' || !(file >> n)) throw std::runtime_error(path + " has no size");
    return n;
  };
  Picture p;
  p.width = number();
  p.height = number();
  if (number() != 255) throw std::runtime_error(path + " has not 8 bits a colour");
  file.get();
  p.bytes.assign(std::istreambuf_iterator<char>(file), {});
  if (p.width == 0 || p.height == 0) throw std::runtime_error(path + " has no picture");
  if (p.width > p.bytes.size() / 3 / p.height) throw std::runtime_error(path + " ends before its picture does");
  p.bytes.resize(p.height * p.width * 3);
  return p;
}

inline void write_ppm(const std::string& path, const Picture& p) {
  std::ofstream file(path, std::ios::binary);
  file << "P6\n" << p.width << ' ' << p.height << "\n255\n";
  file.write(reinterpret_cast<const char*>(p.bytes.data()), static_cast<std::streamsize>(p.bytes.size()));
  if (!file.flush()) throw std::runtime_error(path + " cannot be written");
}

}  // namespace examples
