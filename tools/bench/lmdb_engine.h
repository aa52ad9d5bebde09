// LMDB as an engine of the benchmarks: a transaction for each put, one read transaction for all gets of a task.
// MDB_WRITEMAP | MDB_NOSYNC: like durra's default, a put survives the processes and not a power cut.
#pragma once
#include <lmdb.h>

#include <stdexcept>
#include <string>

#include "tools/bench/board.h"
#include "tools/bench/workload.h"

namespace durra::bench {

class LmdbEngine {
 public:
  static constexpr bool kHasGetMany = false;
  LmdbEngine(const std::string& path, const Task& task) {
    check(mdb_env_create(&env_));
    check(mdb_env_set_mapsize(env_, (1u << 30) + task.records * (task.size + 64) * 4));
    check(mdb_env_open(env_, path.c_str(), MDB_WRITEMAP | MDB_NOSYNC, 0600));
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &txn));
    check(mdb_dbi_open(txn, nullptr, MDB_INTEGERKEY | MDB_CREATE, &dbi_));
    check(mdb_txn_commit(txn));
  }
  ~LmdbEngine() {
    if (reading_ != nullptr) mdb_txn_abort(reading_);
    mdb_env_close(env_);
  }
  LmdbEngine(const LmdbEngine&) = delete;
  LmdbEngine& operator=(const LmdbEngine&) = delete;

  void put(std::uint64_t key, std::span<const std::byte> value) {
    MDB_txn* txn = writing();
    put(txn, key, value);
    check(mdb_txn_commit(txn));
  }
  void put_batch(std::span<const std::uint64_t> keys, Value& value, std::uint64_t round) {
    MDB_txn* txn = writing();
    for (const std::uint64_t key : keys) put(txn, key, value.of(key, round));
    check(mdb_txn_commit(txn));
  }
  bool get(std::uint64_t key) {
    MDB_val k{sizeof key, &key}, v{};
    return mdb_get(reading(), dbi_, &k, &v) == MDB_SUCCESS && is_value_of(key, v.mv_data);
  }
  bool get_many(std::span<const std::uint64_t> ids) {
    bool all = true;
    for (const std::uint64_t id : ids) all &= get(id);
    return all;
  }
  std::uint64_t scan(std::uint64_t& sum) {
    MDB_cursor* cursor = nullptr;
    check(mdb_cursor_open(reading(), dbi_, &cursor));
    std::uint64_t bytes = 0;
    for (MDB_val k{}, v{}; mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == MDB_SUCCESS; bytes += v.mv_size)
      sum += sum_of(v.mv_data, v.mv_size);
    mdb_cursor_close(cursor);
    return bytes;
  }

 private:
  static void check(int e) {
    if (e != MDB_SUCCESS) throw std::runtime_error(std::string("lmdb: ") + mdb_strerror(e));
  }
  MDB_txn* writing() {
    if (reading_ != nullptr) mdb_txn_abort(std::exchange(reading_, nullptr));  // or its pages are never used again
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &txn));
    return txn;
  }
  void put(MDB_txn* txn, std::uint64_t key, std::span<const std::byte> value) {
    MDB_val k{sizeof key, &key}, v{value.size(), const_cast<std::byte*>(value.data())};
    check(mdb_put(txn, dbi_, &k, &v, 0));
  }
  MDB_txn* reading() {
    if (reading_ == nullptr) check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &reading_));
    return reading_;
  }
  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
  MDB_txn* reading_ = nullptr;
};

}  // namespace durra::bench
