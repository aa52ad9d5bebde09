// The files that are broken: small stores in every state that a file can be left in, and what they hold.
#pragma once
#include <durra/care.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "format/head.h"
#include "format/region.h"

namespace durra::test {

struct Held {
  std::string text;
  // Was being put when its process died: this may be there instead of the text, or nothing where the text is empty.
  std::string in_flight{};
};
using Content = std::map<std::string, Held>;  // "#7" is the integer key 7
Key key_of(const std::string& name);
std::string name_of(const Record&);

struct Image {
  std::string name;
  std::vector<std::uint64_t> words{};
  Content content{};
  std::vector<std::string> erased{};  // keys that were there once: never shown
  bool elsewhere = false;             // its identity is another file's: the index must not be believed

  std::uint64_t bytes() const { return words.size() * 8; }
  template <class T>
  const T& at(std::uint64_t offset) const {
    return *reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(words.data()) + offset);
  }
  const format::Superblock& super() const { return at<format::Superblock>(0); }
  const format::Descriptor& descriptor(std::uint64_t r) const {
    return at<format::Descriptor>(super().descriptors_offset + r * sizeof(format::Descriptor));
  }
};

Options image_options();
// closed, killed, copied, reclaimed, run.
std::vector<Image> images();

// What is at this offset: "Control.clock", "Descriptor.tail", "payload", "leaf", "hole".
std::string place_of(const Image&, std::uint64_t offset);
// A word of the index, or what an undecided batch is to supersede: a get may not see rot there (store/PROTOCOL.md,
// known gaps).
bool in_index(const Image&, std::uint64_t offset);
// Covered by an orderly close or a sync.  What is not, a rebuild takes for the torn tail of a power cut.
bool is_synced(const Image&, std::uint64_t offset);

}  // namespace durra::test
