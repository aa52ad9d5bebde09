// What one run leaves, the next one finds: run it twice, also with kill -9 in between.
// Instead of SharedMemory(create=True), FileExistsError, attach and unlink: open creates or attaches.
//   build/example_hello; build/example_hello
#include <durra/store.h>

#include <iostream>

int main() {
  auto store = durra::open("hello.durra").value();
  if (auto last = store.get("greeting")) std::cout << "last time: " << last->text() << '\n';
  store.put("greeting", "hello").value();
}
