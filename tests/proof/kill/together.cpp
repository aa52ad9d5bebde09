// Survivors who find out at the same time that somebody has died: real processes, let loose together.
#include <sched.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "format/head.h"
#include "format/seat.h"
#include "store/os.h"
#include "tests/proof/kill/survivors.h"
#include "tests/support/scratch.h"
#include "tests/support/shared_page.h"

namespace durra::test {
namespace {

struct Start {
  std::atomic<unsigned> ready;
  std::atomic<bool> go;
  char story[4][512];
};

// Each takes a region, so each reaps.
void work_among_others(const Case& c, Store& s, unsigned i) {
  const std::string own = "own" + std::to_string(i);
  s.put(own, "mine").value();
  require(s.get(own).value().str() == "mine", "its own record");
  require_usable(s, own);
  s.erase(own).value();
  for (const auto& k : c.keys) {
    const auto r = s.get(key_of(k));
    require(r || r.error().code == Code::not_found, "get " + k);
  }
}

}  // namespace

std::size_t survive_together(const Case& c, const testing::Death& d, unsigned processes) {
  const SharedPage page;
  Start& start = page.as<Start>();
  std::vector<std::unique_ptr<Child>> children;
  for (unsigned i = 0; i < processes; ++i) {
    children.push_back(std::make_unique<Child>([&, i] {
      try {
        Store s = open_beside_the_dead(c.path, c.options);
        ++start.ready;
        while (!start.go.load()) ::sched_yield();
        work_among_others(c, s, i);
        return 0;
      } catch (const std::exception& e) {
        ++start.ready;
        std::snprintf(start.story[i], sizeof start.story[i], "%s", e.what());
        return 1;
      }
    }));
    while (start.ready.load() <= i) ::sched_yield();
  }
  start.go.store(true);
  std::string stories;
  for (unsigned i = 0; i < processes; ++i) {
    const int status = children[i]->wait();
    if (status != 0)
      stories += " process " + std::to_string(i) + ": " + start.story[i] + " (" + std::to_string(status) + ")";
  }
  require(stories.empty(), std::to_string(processes) + " survivors at once:" + stories);
  const Store s = open(c.path, c.options).value();
  return decide(c, s, c.before(d), c.after(d));
}

}  // namespace durra::test
