#!/usr/bin/env bash
# A stranger's project builds with durra and runs:  run.sh find_package | pkg_config | add_subdirectory
set -eu
here=$(cd "$(dirname "$0")" && pwd)
way=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/durra.consumer.XXXXXX")
trap 'rm -rf "$work"' EXIT
CXX=${CXX:-c++}

hello() {  # PROGRAM
  local said
  said=$("$1" "$work/hello.durra")
  [ "$said" = hello ] || { echo "the program said \"$said\", not \"hello\""; exit 1; }
}
install_moved() {  # the package must not know where it was installed first
  cmake --install "$DURRA_BUILD_DIR" --prefix "$work/first" >"$work/log" || { cat "$work/log"; exit 1; }
  mv "$work/first" "$work/prefix"
}
with_cmake() {  # FOLDER [ARGUMENTS]
  cmake -S "$here/$1" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER="$CXX" "${@:2}" >"$work/log" &&
    cmake --build "$work/build" -j2 >>"$work/log" || { cat "$work/log"; exit 1; }
  hello "$work/build/hello"
}
with_the_harness() {
  TMPDIR=$work "$work/build/testing" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

case $way in
  find_package)
    install_moved
    with_cmake find_package -DCMAKE_PREFIX_PATH="$work/prefix"
    with_the_harness
    ;;
  pkg_config)
    install_moved
    PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name durra.pc)")
    export PKG_CONFIG_PATH
    version=$(sed -n 's/^project(durra VERSION \([0-9.]*\).*/\1/p' "$here/../../CMakeLists.txt")
    [ "$(pkg-config --modversion durra)" = "$version" ]
    # The public headers need no exceptions in the user's code.
    "$CXX" -std=c++20 -fno-exceptions -fsyntax-only $(pkg-config --cflags durra) "$here/hello.cpp"
    "$CXX" -std=c++20 $(pkg-config --cflags durra) "$here/hello.cpp" $(pkg-config --libs durra) -o "$work/hello"
    hello "$work/hello"
    ;;
  add_subdirectory)
    with_cmake add_subdirectory
    with_the_harness
    ;;
  *) echo "run.sh find_package | pkg_config | add_subdirectory"; exit 2 ;;
esac
echo "consumer $way: good"
