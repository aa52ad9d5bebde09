// What a stranger's own tests build: random histories of a store, deaths, power cuts, what several saw.
#include <durra/testing/commands.h>
#include <durra/testing/crash.h>
#include <durra/testing/history.h>
#include <durra/testing/power.h>

#include <iostream>

using namespace durra::testing;

int main() {
  const bool histories = rc::check("a store is a map", [] {
    Stores stores;
    rc::state::check(Model{}, stores, any_command());
  });

  const Folder folder;
  const std::string path = folder / "s.durra";
  const auto put = [&] { durra::open(path, small_store()).value().put("k", "v").value(); };
  const auto deaths = kill_everywhere(path, put, [](const Death&) { return ""; });
  const auto cuts = cut_everywhere(path, put, [](const Cut&) { return ""; }, {.images = 100});
  if (!deaths || !cuts) std::cout << (deaths ? cuts.error() : deaths.error()).message() << '\n';

  Operation seen = get("k");
  seen.seen[0].value = "v";
  seen.invoked = 1;
  seen.respond(2);
  const bool explained = linearizable({seen}, {{"k", "v"}}) && !linearizable({seen});
  return histories && deaths && deaths->looks > 1 && cuts && cuts->looks > 1 && explained ? 0 : 1;
}
