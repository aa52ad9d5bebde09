// Numbered steps of the protocol: where tests let a process die.  In ordinary builds a step is nothing at all.
// The names are those of PROTOCOL.md ("put.5" = PUT, after step 5).
#pragma once
#if DURRA_STEPS
#include <atomic>
#endif

namespace durra {

#if DURRA_STEPS
// Called at every step with its name; may not return (kill).  Null: nothing.
extern std::atomic<void (*)(const char*)> step_hook;
inline void step(const char* name) noexcept {
  if (auto* hook = step_hook.load()) hook(name);
}
#else
inline void step(const char*) noexcept {}
#endif

}  // namespace durra
