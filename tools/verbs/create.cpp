// durra create STORE: makes an empty store; never touches a file that is there.
#include <durra/care.h>
#include <fmt/core.h>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/text.h"

namespace durra::tools {

int verb_create(Call& call) {
  Options options;
  options.mode = Mode::create_new;
  std::uint64_t participants = options.participants;
  std::string permissions = "600";
  const auto by_default = [](std::uint64_t bytes) { return " [" + size_text(bytes) + "]"; };
  call.needs_store()
      .size("--max-size", options.max_size,
            ("address space to reserve, not disk; at most 64TiB" + by_default(options.max_size)).c_str())
      .size("--region-size", options.region_size,
            ("one writer's slice, a power of two, 64KiB to 1GiB" + by_default(options.region_size)).c_str())
      .option("--participants", participants, "threads at work at the same time, at most 1024 [1024]")
      .option("--permissions", permissions, "octal, exact whatever the umask [600]")
      .parse();
  std::size_t used = 0;
  try {
    options.permissions = static_cast<unsigned>(std::stoul(permissions, &used, 8));
  } catch (const std::exception&) {
  }
  if (used != permissions.size() || options.permissions > 0777)
    throw usage("--permissions " + escape(permissions) + ": expected octal digits up to 777");
  if (participants > UINT32_MAX) throw usage("--participants: at most 1024");
  options.participants = static_cast<std::uint32_t>(participants);

  const auto store = must(open(call.store, options), call.store);
  const auto made = must(stats(store), call.store);
  if (call.json) {
    answer(call, {{"format", made.format},
                  {"disk_bytes", made.disk_bytes},
                  {"reserved_bytes", made.reserved_bytes},
                  {"region_size_bytes", made.region_size},
                  {"seat_count", made.seat_count}});
  } else {
    fmt::print("created  {}: format {}, {} on disk, {} reserved, regions of {}\n", escape(call.store), made.format,
               size_text(made.disk_bytes), size_text(made.reserved_bytes), size_text(made.region_size));
  }
  return kDone;
}

}  // namespace durra::tools
