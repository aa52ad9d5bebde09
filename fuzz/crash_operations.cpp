// Operations, and a death at a step of the protocol in one of them: what the file holds at that instant is what a
// kill -9 leaves.  Whoever opens it finds all that was acknowledged, the interrupted operation whole or not at all,
// and goes on.
#include <atomic>

#include "fuzz/machine.h"
#include "store/os.h"
#include "store/step.h"

namespace durra::fuzz {
namespace {

// The file at a step that an input chose.
struct Death {
  std::string path;
  std::uint64_t steps_left = ~0ull;
  std::optional<Image> image;
};
Death* death = nullptr;

void on_step(const char*) {
  if (death == nullptr || death->image || death->steps_left-- > 0) return;
  death->image = read_file(death->path);
}

struct Files {
  std::string path = scratch_path("crash"), dead = scratch_path("dead");
  Image empty;
  Files() {
    for (const auto& p : {path, dead}) ::unlink(p.c_str());
    { auto made = open(path, Machine::options()).value(); }
    empty = read_file(path);
    write_file(dead, empty);
    step_hook = on_step;
  }
  ~Files() {
    for (const auto& p : {path, dead}) ::unlink(p.c_str());
  }
};

// As if the dead had had this very file, in this boot: its index is believed.
void give_identity(Image& image, const std::string& path) {
  format::Superblock super;
  std::memcpy(&super, image.data(), sizeof super);
  format::Control control;
  std::memcpy(&control, image.data() + format::kControlOffset, sizeof control);
  if (control.identity.check == 0) return;  // in the middle of a rebuild: its index is not to be believed
  auto now = os::identity(os::open(path, os::Access::read).value()).value();
  now.check = format::identity_check(now, format::store_seed(super.uuid));
  std::memcpy(image.data() + format::kControlOffset + offsetof(format::Control, identity), &now, sizeof now);
}

bool is(const Result<Record>& r, const Values& values, const std::string& key) {
  const auto held = values.find(key);
  if (held == values.end()) return !r && r.error().code == Code::not_found;
  return r && r->text() == held->second.text && r->intact();
}

// The interrupted operation, and what is still possible of it.
struct Either {
  const Values &before, &after;
  bool old = true, fresh = true;
};

// All keys are as before, or all as after, and whoever looks again agrees.
void look(const Store& s, Either& either) {
  auto& [before, after, old, fresh] = either;
  std::set<std::string> keys;
  for (const auto& values : {before, after})
    for (const auto& [k, v] : values) keys.insert(k);
  for (const auto& k : keys) {
    const auto r = s.get(k);
    must(static_cast<bool>(r) || r.error().code == Code::not_found, "a get fails after a death");
    old = old && is(r, before, k);
    fresh = fresh && is(r, after, k);
  }
  must(old || fresh, "what a death left is neither as before nor as after");
  auto all = s.records();
  std::size_t n = 0;
  for (const Record& r : all) n += !r.key().empty();
  must(static_cast<bool>(all.status()) && n == (old ? before : after).size(), "a scan after a death");
}

void survive(const std::string& path, bool rebuild, Either& either) {
  Options o = Machine::options();
  o.mode = Mode::open;
  o.rebuild = rebuild;
  auto store = open(path, o);
  must(static_cast<bool>(store), "what a death left does not open");
  look(*store, either);
  const auto put = store->put("survivor", "goes on");
  must(put || put.error().code == Code::full, "a survivor cannot put");
  if (!put) return;
  must(store->get("survivor").value().str() == "goes on", "a survivor's put");
  const auto gone = store->erase("survivor");
  must(gone || gone.error().code == Code::full, "a survivor cannot erase");
  if (gone) look(*store, either);
}

}  // namespace
}  // namespace durra::fuzz

// {the step, whether the index is believed, operations …}
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace durra::fuzz;
  static const Files files;
  write_file(files.path, files.empty);
  Input in({data, size});
  Death mine{files.path, in.byte() + 256ull * (in.byte() % 8), {}};
  const std::uint8_t how = in.byte();
  Machine machine(files.path);
  death = &mine;
  for (int n = 0; n < 200 && !in.empty() && !mine.image; ++n) machine.step(in);
  death = nullptr;
  const Values before = machine.before(), after = machine.after();
  machine.close();
  if (!mine.image) return 0;
  if (how % 4 != 0) give_identity(*mine.image, files.dead);
  write_file(files.dead, *mine.image);
  Either either{before, after};
  survive(files.dead, how % 8 == 1, either);
  if (how % 8 == 2) survive(files.dead, true, either);
  const auto verdict = durra::verify(files.dead);
  must(verdict && verdict->damage.empty(), "a store that only met a death is damaged");
  return 0;
}
