// The C face: each function is its C++ namesake, with errors as codes and no exception beyond it.
#include <durra/durra.h>
#include <durra/types.h>

#include <algorithm>
#include <cstring>
#include <new>

struct durra_store {
  durra::Store cpp;
};
struct durra_record {
  durra::Record cpp;
};
struct durra_batch {
  durra::Batch cpp;
};
struct durra_array {
  durra::Block cpp;
};

namespace {

using durra::Code;
using durra::Error;
using durra::Result;

// Stated twice, compared here.
constexpr bool is(int c, Code code) noexcept { return c == static_cast<int>(code); }
static_assert(is(DURRA_NOT_FOUND, Code::not_found) && is(DURRA_CONFLICT, Code::conflict) &&
              is(DURRA_TIMEOUT, Code::timeout) && is(DURRA_BUSY, Code::busy) && is(DURRA_FULL, Code::full) &&
              is(DURRA_MISMATCH, Code::mismatch) && is(DURRA_DAMAGED, Code::damaged) &&
              is(DURRA_SYNC_LOST, Code::sync_lost) && is(DURRA_UNSUPPORTED, Code::unsupported) &&
              is(DURRA_EVICTED, Code::evicted) && is(DURRA_FORKED, Code::forked) &&
              is(DURRA_READ_ONLY, Code::read_only) && is(DURRA_TOO_LARGE, Code::too_large) &&
              is(DURRA_INVALID, Code::invalid) && is(DURRA_IO, Code::io));
static_assert(DURRA_CREATE == static_cast<int>(durra::Mode::create) &&
              DURRA_OPEN == static_cast<int>(durra::Mode::open) &&
              DURRA_CREATE_NEW == static_cast<int>(durra::Mode::create_new) &&
              DURRA_OPEN_READ_ONLY == static_cast<int>(durra::Mode::read_only));
static_assert(DURRA_PROCESS == static_cast<int>(durra::Durability::process) &&
              DURRA_INTERVAL == static_cast<int>(durra::Durability::interval) &&
              DURRA_POWER == static_cast<int>(durra::Durability::power));

int tell(const Error& e, durra_error* error) noexcept {
  const int code = static_cast<int>(e.code);
  if (error == nullptr) return code;
  *error = {code, e.errno_value, e.detail, {}};
  try {
    const std::string message = e.message();
    std::copy_n(message.data(), std::min(message.size(), sizeof error->message - 1), error->message);
  } catch (const std::bad_alloc&) {  // the code says enough
  }
  return code;
}

// Runs what answers with a Result; its value goes to `take`.
template <class Call, class Take>
int run(durra_error* error, Call&& call, Take&& take) noexcept {
  try {
    auto done = call();
    if (!done) return tell(done.error(), error);
    take(*std::move(done));
    return DURRA_OK;
  } catch (const std::bad_alloc&) {
    if (error != nullptr) *error = {DURRA_NO_MEMORY, 0, 0, "no_memory"};
    return DURRA_NO_MEMORY;
  }
}
template <class Call>
int run(durra_error* error, Call&& call) noexcept {
  return run(error, call, [](auto&&) {});
}
// What cannot fail but for want of memory.
template <class Call>
int add(durra_error* error, Call&& call) noexcept {
  return run(error, [&] { return call(), Result<void>{}; });
}

durra::Key key_of(durra_key k) noexcept {
  return k.text != nullptr ? durra::Key(std::string_view(k.text, k.size)) : durra::Key(k.id);
}
durra::Bytes bytes_of(const void* bytes, std::size_t size) noexcept {
  return std::span(static_cast<const std::byte*>(bytes), size);
}
auto into(uint64_t* stamp) noexcept {
  return [=](durra::Stamp s) {
    if (stamp != nullptr) *stamp = static_cast<uint64_t>(s);
  };
}

durra::Options options_of(const durra_options& o) {
  durra::Options out;
  out.mode = static_cast<durra::Mode>(o.mode);
  out.durability = static_cast<durra::Durability>(o.durability);
  if (o.sync_interval_ms != 0) out.sync_interval = std::chrono::milliseconds(o.sync_interval_ms);
  if (o.participants != 0) out.participants = o.participants;
  if (o.max_size != 0) out.max_size = o.max_size;
  if (o.region_size != 0) out.region_size = o.region_size;
  return out;
}

// Bytes of one element; 0: no dtype of ours.
std::size_t element_size(std::string_view dtype) noexcept {
  constexpr std::string_view kAll[] = {"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8"};
  const bool known = std::ranges::find(kAll, dtype) != std::end(kAll);
  return known ? static_cast<std::size_t>(dtype[2] - '0') : 0;
}

}  // namespace

extern "C" {

durra_key durra_text(const char* text) { return {text, std::strlen(text), 0}; }
durra_key durra_id(uint64_t id) { return {nullptr, 0, id}; }

int durra_open(const char* path, const durra_options* options, durra_store** store, durra_error* error) {
  const auto refused = [&](const char* why) { return tell(Error{Code::invalid, 0, 0, why}, error); };
  if (options != nullptr && (options->mode < DURRA_CREATE || options->mode > DURRA_OPEN_READ_ONLY))
    return refused("there is no such mode");
  if (options != nullptr && (options->durability < DURRA_PROCESS || options->durability > DURRA_POWER))
    return refused("there is no such durability");
  return run(
      error, [&] { return durra::open(path, options != nullptr ? options_of(*options) : durra::Options{}); },
      [&](durra::Store s) { *store = new durra_store{std::move(s)}; });
}
void durra_close(durra_store* s) { delete s; }

int durra_put(durra_store* s, durra_key k, const void* bytes, size_t size, uint64_t* stamp, durra_error* error) {
  return run(
      error, [&] { return s->cpp.put(key_of(k), bytes_of(bytes, size)); }, into(stamp));
}
int durra_put_if(durra_store* s, durra_key k, const void* bytes, size_t size, uint64_t seen, uint64_t* stamp,
                 durra_error* error) {
  return run(
      error, [&] { return s->cpp.put_if(key_of(k), bytes_of(bytes, size), static_cast<durra::Stamp>(seen)); },
      into(stamp));
}
int durra_erase(durra_store* s, durra_key k, durra_error* error) {
  return run(error, [&] { return s->cpp.erase(key_of(k)); });
}
int durra_erase_if(durra_store* s, durra_key k, uint64_t seen, durra_error* error) {
  return run(error, [&] { return s->cpp.erase_if(key_of(k), static_cast<durra::Stamp>(seen)); });
}

int durra_get(durra_store* s, durra_key k, durra_record** record, durra_error* error) {
  return run(
      error, [&] { return s->cpp.get(key_of(k)); }, [&](durra::Record r) { *record = new durra_record{std::move(r)}; });
}
int durra_wait(durra_store* s, durra_key k, uint64_t seen, int64_t patience_ns, durra_record** record,
               durra_error* error) {
  return run(
      error,
      [&] { return s->cpp.wait(key_of(k), static_cast<durra::Stamp>(seen), std::chrono::nanoseconds(patience_ns)); },
      [&](durra::Record r) { *record = new durra_record{std::move(r)}; });
}
const void* durra_bytes(const durra_record* r, size_t* size) {
  if (size != nullptr) *size = r->cpp.bytes().size();
  return r->cpp.bytes().data();
}
uint64_t durra_stamp(const durra_record* r) { return static_cast<uint64_t>(r->cpp.stamp()); }
void durra_release(durra_record* r) { delete r; }

durra_batch* durra_batch_new(void) { return new (std::nothrow) durra_batch; }
int durra_batch_put(durra_batch* b, durra_key k, const void* bytes, size_t size, durra_error* error) {
  return add(error, [&] { b->cpp.put(key_of(k), bytes_of(bytes, size)); });
}
int durra_batch_put_if(durra_batch* b, durra_key k, const void* bytes, size_t size, uint64_t seen, durra_error* error) {
  return add(error, [&] { b->cpp.put_if(key_of(k), bytes_of(bytes, size), static_cast<durra::Stamp>(seen)); });
}
int durra_batch_erase(durra_batch* b, durra_key k, durra_error* error) {
  return add(error, [&] { b->cpp.erase(key_of(k)); });
}
int durra_batch_erase_if(durra_batch* b, durra_key k, uint64_t seen, durra_error* error) {
  return add(error, [&] { b->cpp.erase_if(key_of(k), static_cast<durra::Stamp>(seen)); });
}
int durra_put_batch(durra_store* s, const durra_batch* b, durra_error* error) {
  return run(error, [&] { return s->cpp.put(b->cpp); });
}
void durra_batch_free(durra_batch* b) { delete b; }

int durra_sync(durra_store* s, durra_error* error) {
  return run(error, [&] { return s->cpp.sync(); });
}

int durra_array_open(durra_store* s, const char* name, const char* dtype, size_t rank, const size_t* shape,
                     durra_array** array, durra_error* error) {
  const auto opened = [&]() -> Result<durra::Block> {
    const std::size_t element = element_size(dtype);
    if (element == 0) return Error{Code::invalid, 0, 0, "dtype is one of NumPy's, little-endian: \"<f8\""};
    durra::Shape dimensions(shape, shape + std::min<std::size_t>(rank, 64));
    const auto size = durra::detail::size_of_shape(dimensions, element);
    if (!size) return size.error();
    return durra::detail::Blocks::open(s->cpp, name, {"array", dtype, std::move(dimensions)}, *size);
  };
  return run(error, opened, [&](durra::Block b) { *array = new durra_array{std::move(b)}; });
}
void* durra_array_data(durra_array* a, size_t* bytes) {
  const auto memory = a->cpp.bytes();
  if (bytes != nullptr) *bytes = memory.size();
  return memory.data();
}
void durra_array_close(durra_array* a) { delete a; }
}
