# durra.h is C: compiled by C compilers as C99, linked with the library, run.
set -eu
folder=$(mktemp -d "${TMPDIR:-/tmp}/durra.c.XXXXXX")
trap 'rm -rf "$folder"' EXIT
for cc in gcc clang-14; do
  $cc -std=c99 -pedantic -Wall -Wextra -Werror -I"$DURRA_SOURCE_DIR/store/include" \
    -c "$DURRA_SOURCE_DIR/tests/c_api/basics.c" -o "$folder/basics.o"
  "${CXX:-c++}" "$folder/basics.o" "$DURRA_BUILD_DIR/libdurra.a" -llz4 -pthread -o "$folder/basics"
  "$folder/basics" "$folder/$cc.durra"
done
echo "every function of durra.h from C99, by gcc and clang-14"
