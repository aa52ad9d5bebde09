// The list of peers, and the values that all of them are given.
#include "tests/proof/peers/peer.h"

#include <cstring>

#include "format/checksum.h"

namespace durra::peers {
namespace {

struct Head {
  std::uint32_t key, version;
};

}  // namespace

std::vector<Peer> all_peers() {
  std::vector<Peer> all;
  for (const auto& more : {durra_peers(), lmdb_peers(), sqlite_peers(), boost_peers()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string value_of(std::uint32_t key, std::uint32_t version) {
  const Head head{key, version};
  const std::uint64_t seed = format::mix64(std::uint64_t{key} << 32 | version);
  std::string bytes(sizeof head + seed % 1000, '\0');
  std::memcpy(bytes.data(), &head, sizeof head);
  for (std::size_t i = sizeof head; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(format::mix64(seed + i / 8) >> i % 8 * 8);
  return bytes;
}

std::optional<std::uint32_t> version_of(std::uint32_t key, std::string_view bytes) {
  Head head;
  if (bytes.size() < sizeof head) return {};
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.key != key || value_of(key, head.version) != bytes) return {};
  return head.version;
}

}  // namespace durra::peers
