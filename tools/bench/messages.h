// How long a message of 100 bytes takes from one process to another that waits for it.
#pragma once
#include <optional>
#include <string>

namespace durra::bench {

// From before it is sent to when the other has read it, ns: medians, taken by turns.
struct Messages {
  double ring;                  // Ring::push; the other spins on pushed()
  double append;                // Store::append; the other sleeps in Tail::next
  double pipe;                  // write; the other sleeps in read
  double socket;                // the same on a Unix socket of packets
  std::optional<double> queue;  // Python's multiprocessing.Queue; none: no python3
};
Messages measure_messages(const std::string& directory);  // for stores, which are removed

}  // namespace durra::bench
