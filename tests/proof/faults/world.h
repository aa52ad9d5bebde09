// One store, what it must hold, and how its answers are judged while calls to the operating system fail.
#pragma once
#include <durra/care.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/proof/faults/injector.h"
#include "tests/support/disk.h"

namespace durra::test {

class World {
 public:
  // `folder` is the world's own and empty.  `what` is thrown as a story by whatever finds something wrong.
  World(std::string folder, Injector& injector);
  ~World();

  const std::string path;
  Injector& injector;
  std::optional<Store> store, witness;  // witness: another participant

  Options options() const;
  // Many records, some garbage, a run, a batch, some that were erased; `store` is open.
  void fill();
  // The same, then closed in order.
  void fill_and_close();
  // The same, left by a process that ends in the middle of its work: a draft, a snapshot, a batch perhaps.
  void fill_and_die();
  // An error that may come at any time from now on.
  void expect(Code c) { expected_.insert(c); }
  // From now on what a durable operation says is compared with what a power cut leaves of it.
  void watch_the_disk();

  // Operations, judged at once and noted in the model.
  void open(const Options&, std::set<Code> also = {});
  void put(const std::string& key, const std::string& value, const Put& how = {});
  void erase(const std::string& key);
  void batch(const std::map<std::string, std::optional<std::string>>& changes, const Put& how = {});
  void sync();
  void look();  // every get, a scan and a snapshot: each an answer that is true, or an error
  // Whether an answer may be: ok, an error of this fault, or one of `also`.  What else is a story.
  bool may(const Error& e, const char* what, const std::set<Code>& also = {}) const;
  template <class T>
  bool ok(const Result<T>& r, const char* what, const std::set<Code>& also = {}) const {
    return r ? true : (may(r.error(), what, also), false);
  }
  // A put, erase or batch answered so: whether it happened.
  bool happened(const Error& e, const char* what) const;
  void note(const std::string& key, std::optional<std::string> value) { model_[key] = std::move(value); }
  // It is there for everybody, and may survive a power cut or not: sync_lost.
  void note_unsure(const std::string& key, std::optional<std::string> value) {
    unsure_[key].push_back(value);
    note(key, std::move(value));
  }
  const std::map<std::string, std::optional<std::string>>& model() const { return model_; }

  // After healing: usable, as the model says, also by others, after closing, by verify, after a rebuild; nothing leaks.
  void judge();
  void compare(const Store& s, const char* where) const;

 private:
  void judge_power_cut();
  void judge_usable(Store&, const char* where);
  void judge_closed() const;
  [[noreturn]] void wrong(const std::string& story) const;

  std::set<Code> expected_;
  std::map<std::string, std::optional<std::string>> model_, durable_;
  std::map<std::string, std::vector<std::optional<std::string>>> unsure_;
  bool pairs_ = false;  // a process that died put batches of two equal records
  bool lost_ = false;   // sync_lost was answered
  std::unique_ptr<Disk> disk_;
  const std::size_t descriptors_;  // open in this process when the world began
};

}  // namespace durra::test
