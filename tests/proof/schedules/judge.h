// What may come of a schedule: judged from what the participants noted and from the store that they left.
#pragma once
#include <cstdint>
#include <string>

namespace durra::schedules {

// As the observer, after a schedule: reaps the dead, reads everything, goes on writing.  Complains of what is wrong.
void look_around();

// Whether the calls, and what the observer saw after them, can have been one after the other.  Empty: yes; else the
// story.  Equal histories are judged once.
std::string judge();

// Before a schedule.
void forget_calls();

}  // namespace durra::schedules
