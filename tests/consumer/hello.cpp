// What every consumer test builds: one record put and read back.
#include <durra/care.h>

#include <iostream>

int main(int, char** arguments) {
  auto store = durra::open(arguments[1]).value();
  store.put("greeting", "hello").value();
  std::cout << store.get("greeting").value().str() << '\n';
  return durra::verify(arguments[1]).value().damage.empty() ? 0 : 1;
}
