// What typed things cost, beside the bare memory that they are.
#pragma once
#include <string>

namespace durra::bench {

// Medians of rounds that are taken by turns.
struct Types {
  double counter_ns;    // Counter::add
  double fetch_add_ns;  // the same on a page that processes share
  double array_ns;      // a double of an Array, read in a loop
  double pointer_ns;    // the same by a pointer into such a page
  double push_ns;       // Ring::push of 64 bytes
};
Types measure_types(const std::string& directory);  // for a store, which is removed

}  // namespace durra::bench
