// Tickets: work that is shared out among processes without a lock, and that no kill can lose.
#pragma once
#include <durra/types.h>

#include <cstdlib>
#include <string_view>

namespace examples {

// One word for each piece of work: 0 is free, p + 1 is taken by worker p, -(p + 1) is done by worker p.  To take one
// and to say who has it is a single instruction.  So what a killed worker was at is known, and it does that again when
// it is started again: a piece of work must not change its own input.
class Tickets {
 public:
  Tickets(durra::Store& store, std::string_view name, std::size_t n)
      : words_(durra::Array<std::int32_t>::open(store, name, {n}).value()) {}

  // Calls work(i) for each ticket that worker p gets, until none is free.
  template <class Work>
  void work_off(int p, Work&& work) {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      std::int32_t word = 0;
      if (!words_.atomic(i).compare_exchange_strong(word, p + 1) && word != p + 1) continue;
      work(i);
      words_.atomic(i).store(-(p + 1));
    }
  }
  int owner(std::size_t i) { return std::abs(words_.atomic(i).load()) - 1; }  // -1: nobody yet
  std::size_t done() {
    std::size_t n = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) n += words_.atomic(i).load() < 0;
    return n;
  }

 private:
  durra::Array<std::int32_t> words_;
};

}  // namespace examples
