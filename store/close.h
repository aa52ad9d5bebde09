// Leaving the file.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// Gives all seats back.  The last participant also writes everything back and leaves the CLEAN mark, so that the next
// opener, even after a reboot, uses the index as it is; not after an open that failed, whose index may be half rebuilt.
// Never waits for another opener.
void close_in_order(Handle&) noexcept;

// Whether somebody else's seat is LIVE and held: proof that inode and page cache are continuous.  An error answers
// neither question: who closes is not alone, who opens gives up.
Result<std::uint8_t> lived_in(Handle&) noexcept;

// Writes down of which file, place and boot the index is from now on.  Under RECOVER.
void mark_identity(Handle&, format::Identity now) noexcept;

}  // namespace durra::detail
