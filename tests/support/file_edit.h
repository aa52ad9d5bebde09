// A store file that nobody has open, as bytes: finds its structures by format/ and changes them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/head.h"
#include "format/record.h"
#include "format/region.h"
#include "format/seat.h"

namespace durra::test {

struct FoundRecord {
  std::uint64_t at, payload_at, size;  // file offsets; bytes with padding
  std::uint64_t region;
  std::string key;   // "" for integers
  std::uint64_t id;  // of an integer
  std::uint64_t stamp;
  format::Shape shape;
};

class FileEdit {
 public:
  explicit FileEdit(std::string path);
  const format::Superblock& super() const { return super_; }
  std::uint64_t seed() const { return seed_; }
  std::uint64_t size() const;

  std::string read(std::uint64_t offset, std::size_t size) const;
  void write(std::uint64_t offset, const std::string& bytes) const;
  template <class T>
  T get(std::uint64_t offset) const {
    T t;
    const std::string bytes = read(offset, sizeof t);
    __builtin_memcpy(static_cast<void*>(&t), bytes.data(), sizeof t);
    return t;
  }
  template <class T>
  void set(std::uint64_t offset, const T& t) const {
    write(offset, std::string(reinterpret_cast<const char*>(&t), sizeof t));
  }
  void flip(std::uint64_t offset, unsigned bit = 0) const;
  void cut(std::uint64_t size) const;

  std::uint64_t region_at(std::uint64_t r) const { return super_.regions_offset + r * super_.region_size; }
  std::uint64_t descriptor_at(std::uint64_t r) const {
    return super_.descriptors_offset + r * sizeof(format::Descriptor);
  }
  format::Descriptor descriptor(std::uint64_t r) const { return get<format::Descriptor>(descriptor_at(r)); }
  format::RegionWord word(std::uint64_t r) const { return format::unpack(descriptor(r).state); }
  void set_word(std::uint64_t r, const format::RegionWord& w) const { set(descriptor_at(r), format::pack(w)); }
  // Declares everything below the tail of each data region durable, as a sync would.
  void declare_synced() const;

  // Every record below a tail, in the order of the file.
  std::vector<FoundRecord> records() const;
  // The last of them with this key; fails the test if there is none.
  FoundRecord find(const std::string& key) const;

 private:
  std::string path_;
  format::Superblock super_{};
  std::uint64_t seed_ = 0;
};

}  // namespace durra::test
