// What a stranger's own tests build: random histories of a store, compared with the model.
#include <durra/testing/commands.h>
#include <durra/testing/crash.h>
#include <durra/testing/power.h>

int main() {
  using namespace durra::testing;
  return rc::check("a store is a map",
                   [] {
                     Stores stores;
                     rc::state::check(Model{}, stores, any_command());
                   })
             ? 0
             : 1;
}
