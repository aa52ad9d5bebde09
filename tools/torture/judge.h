// Compares what the store answers with what the ledger allows.  Anyone may ask at any time; findings go to the ledger,
// errors of the store itself come back.
#pragma once
#include <durra/care.h>

#include <string>

#include "tools/torture/ledger.h"

namespace durra::tools {

// The value of a counter key.
struct Counts {
  std::array<std::uint64_t, kWorkersMax> of{};
  std::uint64_t check = 0;
  std::uint64_t expected_check() const noexcept;
};

// Integer keys and string keys by turns.
class OwnKey {
 public:
  OwnKey(unsigned owner, unsigned k);
  operator Key() const { return text_.empty() ? Key(id_) : Key(text_); }

 private:
  std::uint64_t id_;
  std::string text_;
};
std::string counter_key(unsigned c);
std::string register_key(unsigned r);
std::string lock_key(unsigned l);
inline constexpr std::uint32_t kRegisterKey = 1000, kLockKey = 2000;  // Version::key of registers and locks

// `live`: the owner may be at work, so any version between acknowledged and intended will do; else one of the two.
// Returns what was seen: a sequence, or 0 when there was no record.
Result<std::uint64_t> judge_own(const Store&, Ledger&, unsigned owner, unsigned k, bool live);
Result<Counts> judge_counter(const Store&, Ledger&, unsigned c);
Result<void> judge_register(const Store&, Ledger&, unsigned r);
// A record that came with a scan: whatever it is, it is whole.
void judge_scanned(const Record&, Ledger&);
// The same for a record just got: `key` is Version::key.
bool judge_whole(const Record&, Ledger&, unsigned owner, std::uint32_t key);

// The parent, after worker `dead` has died: what it left open was published or never happened.  From then on the ledger
// says which, and nothing else may ever be seen.
Result<void> settle(Store&, Ledger&, unsigned dead);

// What the dead have left that nobody took back, when only the caller has the store open.
struct Leaks {
  std::uint64_t seats = 0, regions = 0, pins = 0;
};
Result<Leaks> leaks(const Store&);

}  // namespace durra::tools
