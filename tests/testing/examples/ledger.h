// Somebody's own code on durra: accounts, and money that moves between them.  It may be killed at any time, and others
// may move money at the same time.
#pragma once
#include <durra/store.h>

#include <string>
#include <utility>

class Ledger {
 public:
  explicit Ledger(const std::string& path, const durra::Options& options = {})
      : store_(durra::open(path, options).value()) {}

  void deposit(const std::string& account, long amount) {
    const auto more = [&](const durra::Record* old) { return std::to_string((old ? amount_of(*old) : 0) + amount); };
    store_.update(account, more).value();
  }
  long balance(const std::string& account) const { return look(account).first; }

  // Moves the amount; false: there is not as much.
  bool transfer(const std::string& from, const std::string& to, long amount) { return transfer(from, to, amount, {}); }

  // The same with a bug: between the two puts the money is nowhere.
  bool careless_transfer(const std::string& from, const std::string& to, long amount) {
    const long debit = balance(from);
    if (debit < amount) return false;
    if (from == to) return true;
    store_.put(from, std::to_string(debit - amount)).value();
    store_.put(to, std::to_string(balance(to) + amount)).value();
    return true;
  }

  // The same with another: it says that it is done before the disk has it, also where the ledger promises that.
  bool hasty_transfer(const std::string& from, const std::string& to, long amount) {
    return transfer(from, to, amount, {.durability = durra::Durability::process});
  }

 private:
  bool transfer(const std::string& from, const std::string& to, long amount, const durra::Put& how) {
    for (;;) {
      const auto [debit, debit_seen] = look(from);
      const auto [credit, credit_seen] = look(to);
      if (debit < amount) return false;
      if (from == to) return true;
      durra::Batch both;
      both.put_if(from, std::to_string(debit - amount), debit_seen);
      both.put_if(to, std::to_string(credit + amount), credit_seen);
      if (auto done = store_.put(both, how); done || done.error().code != durra::Code::conflict)
        return done.value(), true;
    }
  }

  static long amount_of(const durra::Record& r) { return std::stol(r.str()); }
  // The balance and its version.
  std::pair<long, durra::Stamp> look(const std::string& account) const {
    auto r = store_.get(account);
    if (!r && r.error().code == durra::Code::not_found) return {0, durra::absent};
    return {amount_of(r.value()), r->stamp()};
  }
  durra::Store store_;
};
