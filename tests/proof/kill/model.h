// What a store must hold, and the comparison of a store with it.
#pragma once
#include <durra/care.h>

#include <map>
#include <set>
#include <string>

namespace durra::test {

// "#7" is the integer key 7.  Records that were appended stand under log/NAME/0, 1, ... in the order of their keys.
using Model = std::map<std::string, std::string>;
Key key_of(const std::string& name);

// Ends the present look with this complaint.
void require(bool holds, const std::string& complaint);

// What a scan shows.
Model glance(const Store&);
// The same, having compared it with what gets and a snapshot show of these keys.
Model content(const Store&, const std::set<std::string>& keys);
// The difference in words, "" if there is none.
std::string difference(const Model& seen, const Model& expected);

// No seat, claimed region, part of a run, or open region without a living owner, nothing sealed that holds nothing (but
// for a torn record).
void require_nothing_left(const Store&, const std::string& path);
void require_undamaged(const std::string& path);
// Whoever is alive can put, read and erase this key, alone and in a batch, without waiting for anybody; in the end it
// is what it was.
void require_usable(Store&, const std::string& key);

}  // namespace durra::test
