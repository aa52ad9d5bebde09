// SQLite in WAL mode: synchronous=OFF (no power is cut here), waits up to 10 s for the write lock.  One statement a
// put.
#include "tests/proof/peers/peer.h"

#if DURRA_HAVE_SQLITE
#include <sqlite3.h>
#endif

namespace durra::peers {

#if DURRA_HAVE_SQLITE
namespace {

Answer answer(int status) {
  status &= 0xff;  // without what is extended
  if (status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW) return Answer::ok;
  return status == SQLITE_FULL ? Answer::full : Answer::error;
}

class SqliteSession final : public Session {
 public:
  bool open(const std::string& folder) {
    return ::sqlite3_open((folder + "/s.sqlite").c_str(), &db_) == SQLITE_OK &&
           ::sqlite3_busy_timeout(db_, 10'000) == SQLITE_OK && run("PRAGMA journal_mode=WAL") &&
           run("PRAGMA synchronous=OFF") && run("CREATE TABLE IF NOT EXISTS t(k INTEGER PRIMARY KEY, v BLOB)") &&
           prepare("INSERT INTO t VALUES(?,?) ON CONFLICT(k) DO UPDATE SET v=excluded.v", &put_) &&
           prepare("SELECT v FROM t WHERE k=?", &get_);
  }
  ~SqliteSession() override {
    ::sqlite3_finalize(put_);
    ::sqlite3_finalize(get_);
    ::sqlite3_close(db_);
  }
  Answer put(std::uint32_t key, const std::string& value) override {
    ::sqlite3_bind_int64(put_, 1, key);
    ::sqlite3_bind_blob(put_, 2, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
    const int status = ::sqlite3_step(put_);
    ::sqlite3_reset(put_);
    return answer(status);
  }
  Answer get(std::uint32_t key, std::string& value) override {
    ::sqlite3_bind_int64(get_, 1, key);
    const int status = ::sqlite3_step(get_);
    if (status == SQLITE_ROW)
      if (const auto* bytes = static_cast<const char*>(::sqlite3_column_blob(get_, 0)))
        value.assign(bytes, static_cast<std::size_t>(::sqlite3_column_bytes(get_, 0)));
    ::sqlite3_reset(get_);
    return status == SQLITE_DONE ? Answer::absent : answer(status);
  }
  void hold() override {
    run("BEGIN");
    run("SELECT count(*) FROM t");
  }
  bool check() override {
    sqlite3_stmt* s = nullptr;
    if (!prepare("PRAGMA integrity_check", &s)) return false;
    const bool good = ::sqlite3_step(s) == SQLITE_ROW &&
                      std::string_view(reinterpret_cast<const char*>(::sqlite3_column_text(s, 0))) == "ok";
    ::sqlite3_finalize(s);
    return good;
  }

 private:
  bool run(const char* sql) { return ::sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }
  bool prepare(const char* sql, sqlite3_stmt** s) {
    return ::sqlite3_prepare_v2(db_, sql, -1, s, nullptr) == SQLITE_OK;
  }
  sqlite3* db_ = nullptr;
  sqlite3_stmt *put_ = nullptr, *get_ = nullptr;
};

std::unique_ptr<Session> open_sqlite(const std::string& folder, std::uint64_t) {
  auto session = std::make_unique<SqliteSession>();
  return session->open(folder) ? std::move(session) : nullptr;
}

}  // namespace

std::vector<Peer> sqlite_peers() { return {{"SQLite, WAL", ::sqlite3_libversion(), "s.sqlite", open_sqlite}}; }
#else
std::vector<Peer> sqlite_peers() { return {}; }
#endif

}  // namespace durra::peers
