// Which words of a file a piece of code reads.
//
// The pages of every mapping of the file are taken away.  An access faults: the handler notes where, gives the page
// back for one instruction (trap flag), and takes it away again.  What pread copies is followed too: of a large buffer
// the whole pages are taken away in the same manner, the rest of it counts as read.  An access counts as 64 bytes, more
// than any instruction reads at once, and a store counts as a read.
//
// So what is not noted was not read; and what code does not read cannot change what it does.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace durra::test {

// One flag per 8 bytes of the file.
using Words = std::vector<bool>;

// Runs `body` and notes in `read` what it reads of the file (as it is at the path now).  x86-64 only; one thread.
bool can_trace() noexcept;
// `into_buffers`: follow what pread copies; else all of that counts as read.
void trace_reads(const std::string& path, Words& read, bool into_buffers, const std::function<void()>& body);

}  // namespace durra::test
