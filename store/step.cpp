// Where the hook of step.h lives, in builds that have one.
#include "store/step.h"

#if DURRA_STEPS
namespace durra {
std::atomic<void (*)(const char*)> step_hook{nullptr};
}
#endif
