/* Every function of durra.h, from C.  basics FILE: exit 0 is good. */
#include <durra/durra.h>
#include <stdio.h>
#include <string.h>

static int failed = 0;
#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      printf("line %d: %s\n", __LINE__, #condition); \
      failed = 1; \
    } \
  } while (0)

static int is(durra_store* store, durra_key key, const char* expected) {
  durra_record* record = NULL;
  durra_error error;
  size_t size;
  int same;
  const int code = durra_get(store, key, &record, &error);
  if (expected == NULL) return code == DURRA_NOT_FOUND;
  if (code != DURRA_OK) return 0;
  same = memcmp(durra_bytes(record, &size), expected, strlen(expected)) == 0 && size == strlen(expected);
  durra_release(record);
  return same;
}

static void records(durra_store* store) {
  durra_error error;
  durra_record* record = NULL;
  uint64_t first = 0, second = 0;
  CHECK(durra_put(store, durra_text("a"), "one", 3, &first, &error) == DURRA_OK);
  CHECK(durra_put(store, durra_id(7), "seven", 5, NULL, NULL) == DURRA_OK);
  CHECK(is(store, durra_text("a"), "one") && is(store, durra_id(7), "seven") && is(store, durra_text("7"), NULL));
  CHECK(durra_put_if(store, durra_text("a"), "two", 3, first, &second, &error) == DURRA_OK && second > first);
  CHECK(durra_put_if(store, durra_text("a"), "x", 1, first, NULL, &error) == DURRA_CONFLICT);
  CHECK(error.code == DURRA_CONFLICT && strncmp(error.message, "conflict", 8) == 0);
  CHECK(durra_put_if(store, durra_text("b"), "", 0, 0, NULL, &error) == DURRA_OK && is(store, durra_text("b"), ""));
  CHECK(durra_get(store, durra_text("a"), &record, &error) == DURRA_OK && durra_stamp(record) == second);
  CHECK(durra_erase_if(store, durra_text("a"), first, NULL) == DURRA_CONFLICT);
  CHECK(durra_erase(store, durra_text("a"), &error) == DURRA_OK && is(store, durra_text("a"), NULL));
  CHECK(memcmp(durra_bytes(record, NULL), "two", 3) == 0); /* kept in place while it is held */
  durra_release(record);
  CHECK(durra_erase(store, durra_text("a"), &error) == DURRA_NOT_FOUND);
  CHECK(durra_put(store, durra_text(""), "x", 1, NULL, &error) == DURRA_INVALID);
  CHECK(durra_wait(store, durra_id(7), 0, 0, &record, &error) == DURRA_OK);
  first = durra_stamp(record);
  durra_release(record);
  CHECK(durra_wait(store, durra_id(7), first, 1000000, &record, &error) == DURRA_TIMEOUT);
}

static void batches(durra_store* store) {
  durra_error error;
  durra_batch* batch = durra_batch_new();
  CHECK(durra_put(store, durra_text("gone"), "x", 1, NULL, &error) == DURRA_OK);
  CHECK(durra_batch_put(batch, durra_text("p"), "1", 1, &error) == DURRA_OK);
  CHECK(durra_batch_put_if(batch, durra_text("q"), "2", 1, 0, &error) == DURRA_OK);
  CHECK(durra_batch_erase(batch, durra_text("gone"), &error) == DURRA_OK);
  CHECK(durra_put_batch(store, batch, &error) == DURRA_OK);
  CHECK(is(store, durra_text("p"), "1") && is(store, durra_text("q"), "2") && is(store, durra_text("gone"), NULL));
  CHECK(durra_put_batch(store, batch, &error) == DURRA_CONFLICT); /* q is there now */
  durra_batch_free(batch);
  batch = durra_batch_new();
  CHECK(durra_batch_erase_if(batch, durra_text("p"), 1, &error) == DURRA_OK);
  CHECK(durra_put_batch(store, batch, &error) == DURRA_CONFLICT && is(store, durra_text("p"), "1"));
  durra_batch_free(batch);
}

static void arrays(durra_store* store) {
  const size_t shape[2] = {3, 4}, other[2] = {4, 3}, empty[1] = {0};
  durra_error error;
  durra_array *array = NULL, *same = NULL;
  size_t bytes = 0;
  CHECK(durra_array_open(store, "m", "<f8", 2, shape, &array, &error) == DURRA_OK);
  ((double*)durra_array_data(array, &bytes))[11] = 2.5;
  CHECK(bytes == 96);
  CHECK(durra_array_open(store, "m", "<f8", 2, shape, &same, &error) == DURRA_OK);
  CHECK(((double*)durra_array_data(same, NULL))[11] == 2.5);
  CHECK(durra_array_open(store, "m", "<f8", 2, other, &same, &error) == DURRA_MISMATCH);
  CHECK(strstr(error.message, "(3, 4)") != NULL && strstr(error.message, "(4, 3)") != NULL);
  CHECK(durra_array_open(store, "n", "float", 2, shape, &array, &error) == DURRA_INVALID);
  CHECK(durra_array_open(store, "n", "<f8", 1, empty, &array, &error) == DURRA_INVALID);
  durra_array_close(same);
  durra_array_close(array);
}

int main(int argc, char** argv) {
  durra_error error;
  durra_store *store = NULL, *reader = NULL;
  durra_options options;
  if (argc != 2) return 2;
  memset(&options, 0, sizeof options);
  options.mode = DURRA_CREATE_NEW;
  options.max_size = 64u << 20;
  options.region_size = 64u << 10;
  CHECK(durra_open(argv[1], &options, &store, &error) == DURRA_OK);
  if (store == NULL) return 1;
  records(store);
  batches(store);
  arrays(store);
  CHECK(durra_sync(store, &error) == DURRA_OK || error.code == DURRA_UNSUPPORTED);
  options.mode = DURRA_OPEN_READ_ONLY;
  CHECK(durra_open(argv[1], &options, &reader, &error) == DURRA_OK);
  CHECK(durra_put(reader, durra_id(1), "x", 1, NULL, &error) == DURRA_READ_ONLY && is(reader, durra_id(7), "seven"));
  options.mode = 9;
  CHECK(durra_open(argv[1], &options, &reader, &error) == DURRA_INVALID);
  CHECK(durra_open("/nowhere/at/all", NULL, &reader, &error) != DURRA_OK && error.message[0] != 0);
  durra_close(reader);
  durra_close(store);
  durra_close(NULL);
  durra_release(NULL);
  durra_batch_free(NULL);
  durra_array_close(NULL);
  return failed;
}
