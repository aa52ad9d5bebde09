// How verbs open stores: look verbs never write, change verbs make what is not there.
#pragma once
#include <durra/store.h>

#include <string>

namespace durra::tools {

Store open_to_read(const std::string& path);    // Mode::read_only
Store open_to_change(const std::string& path);  // Mode::open
Store open_or_create(const std::string& path);  // Mode::create

}  // namespace durra::tools
