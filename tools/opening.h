// How verbs open stores: look verbs never write, change verbs make what is not there.
#pragma once
#include <durra/store.h>

#include <string>

namespace durra::tools {

// Mode::read_only.  Where the index is in doubt (a copy, the first open since a reboot) nobody can read before it was
// rebuilt; then it is opened, and so rebuilt, as anybody would who may write: there must be nothing to repair.
Store open_to_read(const std::string& path);
Store open_to_change(const std::string& path);   // Mode::open
Store open_to_rebuild(const std::string& path);  // Mode::open, Options::rebuild
Store open_or_create(const std::string& path);   // Mode::create

}  // namespace durra::tools
