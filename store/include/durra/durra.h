/* durra for C, and for languages that call C: the basics of <durra/store.h>, whose rules hold.
 *
 *   durra_store* store;
 *   if (durra_open("state.durra", NULL, &store, &error)) return puts(error.message);
 *   durra_put(store, durra_text("greeting"), "hello", 5, NULL, &error);
 *
 * Every function that can fail returns 0 or a code, and says more in *error unless that is NULL.  What a function gives
 * is released by its own function, once; NULL may be released.  A store may be used from any thread; everything else
 * by one at a time.  Link with the C++ standard library: c++ main.o -ldurra -llz4 -pthread. */
#ifndef DURRA_DURRA_H
#define DURRA_DURRA_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Codes: those of <durra/result.h>. */
enum {
  DURRA_OK = 0,
  DURRA_NOT_FOUND = 1,
  DURRA_CONFLICT = 2,
  DURRA_TIMEOUT = 3,
  DURRA_BUSY = 4,
  DURRA_FULL = 5,
  DURRA_MISMATCH = 6,
  DURRA_DAMAGED = 7,
  DURRA_SYNC_LOST = 8,
  DURRA_UNSUPPORTED = 9,
  DURRA_EVICTED = 10,
  DURRA_FORKED = 11,
  DURRA_READ_ONLY = 12,
  DURRA_TOO_LARGE = 13,
  DURRA_INVALID = 14,
  DURRA_IO = 15,
  DURRA_NO_MEMORY = 100 /* of this process */
};

typedef struct durra_error {
  int code;
  int errno_value;   /* of the failed system call, 0 if there was none */
  uint64_t detail;   /* file offset (damaged), limit (too_large), bytes missing (full), pid (busy) */
  char message[256]; /* one line, ends with 0 */
} durra_error;

typedef struct durra_store durra_store;
typedef struct durra_record durra_record;
typedef struct durra_batch durra_batch;
typedef struct durra_array durra_array;

/* A key: an integer (text NULL) or a string of 1 to 1,024 bytes, which need not end with 0. */
typedef struct durra_key {
  const char* text;
  size_t size;
  uint64_t id;
} durra_key;
durra_key durra_text(const char* text); /* ends with 0 */
durra_key durra_id(uint64_t id);

enum { DURRA_CREATE = 0, DURRA_OPEN = 1, DURRA_CREATE_NEW = 2, DURRA_OPEN_READ_ONLY = 3 };
enum { DURRA_PROCESS = 0, DURRA_INTERVAL = 1, DURRA_POWER = 2 };

/* All zeros: the defaults of durra::Options. */
typedef struct durra_options {
  int mode;
  int durability;
  uint32_t sync_interval_ms;
  uint32_t participants;
  uint64_t max_size, region_size; /* bytes */
} durra_options;

int durra_open(const char* path, const durra_options* options, durra_store** store, durra_error* error);
/* Records, batches and arrays made from it stay good. */
void durra_close(durra_store*);

/* `stamp`: the version that was put; may be NULL. */
int durra_put(durra_store*, durra_key, const void* bytes, size_t size, uint64_t* stamp, durra_error* error);
/* Only if the version is still `seen` (0: the key is absent), else DURRA_CONFLICT. */
int durra_put_if(durra_store*, durra_key, const void* bytes, size_t size, uint64_t seen, uint64_t* stamp,
                 durra_error* error);
int durra_erase(durra_store*, durra_key, durra_error* error);
int durra_erase_if(durra_store*, durra_key, uint64_t seen, durra_error* error);

/* The newest version, in place: its bytes stay where they are until it is released. */
int durra_get(durra_store*, durra_key, durra_record** record, durra_error* error);
/* A version newer than `seen`, at once if there is one; else after at most `patience_ns` (negative: none). */
int durra_wait(durra_store*, durra_key, uint64_t seen, int64_t patience_ns, durra_record** record, durra_error* error);
const void* durra_bytes(const durra_record*, size_t* size);
uint64_t durra_stamp(const durra_record*);
void durra_release(durra_record*);

/* All of it or nothing.  NULL where there is no memory. */
durra_batch* durra_batch_new(void);
int durra_batch_put(durra_batch*, durra_key, const void* bytes, size_t size, durra_error* error);
int durra_batch_put_if(durra_batch*, durra_key, const void* bytes, size_t size, uint64_t seen, durra_error* error);
int durra_batch_erase(durra_batch*, durra_key, durra_error* error);
int durra_batch_erase_if(durra_batch*, durra_key, uint64_t seen, durra_error* error);
int durra_put_batch(durra_store*, const durra_batch*, durra_error* error);
void durra_batch_free(durra_batch*);

/* All that anyone put before the call survives a power cut when it returns. */
int durra_sync(durra_store*, durra_error* error);

/* An array of <durra/array.h>: creates or attaches.  `dtype` as NumPy writes it: "<f8", "|u1", … */
int durra_array_open(durra_store*, const char* name, const char* dtype, size_t rank, const size_t* shape,
                     durra_array** array, durra_error* error);
/* Its elements, row-major, shared with all who have it open, good until it is closed. */
void* durra_array_data(durra_array*, size_t* bytes);
void durra_array_close(durra_array*);

#ifdef __cplusplus
}
#endif
#endif
