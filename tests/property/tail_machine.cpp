// Random histories with tails: whatever is put and erased, by whomever, and wherever a tail is left and taken up again,
// each key's versions come in order, none twice behind one saved position, and in the end every key as it is.
#include <durra/store.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;
using test::outcome;

constexpr int kKeys = 12;
std::string key_at(int k) { return "k/" + std::to_string(k); }

enum class What { put, erase, append, next, save, reopen_tail, reopen_store, tick };
struct Act {
  What what;
  int key;
  int times;
};
std::ostream& operator<<(std::ostream& out, const Act& a) {
  return out << "{" << static_cast<int>(a.what) << " " << a.key << " " << a.times << "}";
}

rc::Gen<Act> some_act() {
  const auto what = rc::gen::weightedElement<What>({{8, What::put},
                                                    {3, What::erase},
                                                    {3, What::append},
                                                    {6, What::next},
                                                    {2, What::save},
                                                    {1, What::reopen_tail},
                                                    {1, What::reopen_store},
                                                    {2, What::tick}});
  return rc::gen::build<Act>(rc::gen::set(&Act::what, what), rc::gen::set(&Act::key, rc::gen::inRange(0, kKeys)),
                             rc::gen::set(&Act::times, rc::gen::inRange(1, 40)));
}

class Machine {
 public:
  void run(const std::vector<Act>& acts) {
    for (const Act& a : acts) act(a);
    while (show_one()) {
    }
    RC_ASSERT(seen_ == now_);
    for (int i = 0; i < appended_; ++i) RC_ASSERT(events_.contains(std::to_string(i)));
  }

 private:
  using State = std::map<std::string, std::string>;  // of each key that ever was; "": erased

  void act(const Act& a) {
    const std::string key = key_at(a.key);
    switch (a.what) {
      case What::put:
        for (int i = 0; i < a.times; ++i) {
          now_[key] = std::to_string(++version_);
          (i % 2 == 0 ? *store_ : other_).put(key, now_[key]).value();
        }
        break;
      case What::erase:
        if (outcome(store_->erase(key)) == "ok") now_[key] = "";
        break;
      case What::append: store_->append("log", std::to_string(appended_++)).value(); break;
      case What::next:
        for (int i = 0; i < a.times; ++i) show_one();
        break;
      case What::save:
        tail_->save().value();
        saved_ = seen_;
        saved_stamps_ = stamps_;
        saved_events_ = events_;
        break;
      case What::reopen_tail: reopen(false); break;
      case What::reopen_store: reopen(true); break;
      case What::tick: (void)other_.snapshot().value(); break;
    }
  }
  // What was shown and not saved is shown again.
  void reopen(bool store_too) {
    tail_.reset();
    if (store_too) store_ = open(path_, test::small()).value();
    tail_ = Tail::open(*store_, "t").value();
    seen_ = saved_;
    stamps_ = saved_stamps_;
    events_ = saved_events_;
  }
  bool show_one() {
    auto r = tail_->next(0s);
    if (!r) {
      RC_ASSERT(outcome(r) == "timeout");
      return false;
    }
    const std::string key(r->key());
    Stamp& last = stamps_[key];
    RC_ASSERT(r->stamp() > last);
    last = r->stamp();
    if (key.starts_with("log/"))
      RC_ASSERT(events_.emplace(r->str(), 0).second);
    else
      seen_[key] = r->erased() ? "" : r->str();
    return true;
  }

  test::Scratch scratch_;
  const std::string path_ = scratch_ / "s.durra";
  std::optional<Store> store_ = open(path_, test::small()).value();
  Store other_ = open(path_).value();
  std::optional<Tail> tail_ = Tail::open(*store_, "t").value();
  State now_, seen_, saved_;
  std::map<std::string, Stamp> stamps_, saved_stamps_;
  std::map<std::string, int> events_, saved_events_;
  int version_ = 0, appended_ = 0;
};

RC_GTEST_PROP(TailMachine, shows_every_key_as_it_is_in_the_end_and_nothing_twice, ()) {
  Machine().run(*rc::gen::container<std::vector<Act>>(some_act()));
}

}  // namespace
}  // namespace durra
