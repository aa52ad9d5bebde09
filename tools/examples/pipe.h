// What a pipe does: bytes, copied into the kernel and out of it.  To compare with.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <span>
#include <stdexcept>

namespace examples {

// Another process writes, this one reads; from the start when the other one was killed: half of a stream is nothing.
inline void through_pipe(std::span<const double> from, std::span<double> to) {
  for (bool whole = false; !whole;) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    if (fork() == 0) {
      close(ends[0]);  // or it would wait for itself to read when the reader is gone
      FILE* const out = fdopen(ends[1], "w");
      const bool written = std::fwrite(from.data(), from.size_bytes(), 1, out) == 1;
      _exit(written && std::fclose(out) == 0 ? 0 : 1);
    }
    close(ends[1]);
    FILE* const in = fdopen(ends[0], "r");
    whole = std::fread(to.data(), to.size_bytes(), 1, in) == 1;
    std::fclose(in);
    wait(nullptr);
    if (!whole) std::cerr << "the writer of a pipe was killed and is started again\n";
  }
}

}  // namespace examples
