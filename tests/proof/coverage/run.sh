#!/usr/bin/env bash
# G12: which lines and branches of format/ and store/ the tests reach, and why not the others.
#   bash tests/proof/coverage/run.sh [--seed N]     builds build-coverage with gcc, runs the tests, judges
# Prints each line that no test reaches and exceptions.txt does not excuse; the last line has the figures.
set -u
cd "$(dirname "$0")/../../.." || exit 1
here=tests/proof/coverage build=$PWD/build-coverage
seed=1
[ "${1-}" != --seed ] || seed=$2
command -v gcov >/dev/null || { echo "SKIP: there is no gcov here"; exit 77; }

mkdir -p "$build"
gcc -O1 -c $here/dump.c -o "$build/dump.o" || exit 1
wrap=-Wl,--wrap=_exit,--wrap=_Exit,--wrap=raise,--wrap=kill
cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=Debug -DDURRA_TESTS=ON -DDURRA_TOOLS=OFF \
  -DDURRA_INSTALL=OFF -DDURRA_MUTANTS=OFF \
  "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -DNDEBUG --coverage" \
  "-DCMAKE_EXE_LINKER_FLAGS=--coverage $wrap" "-DCMAKE_CXX_STANDARD_LIBRARIES=$build/dump.o -lgcov" >"$build/log" ||
  { cat "$build/log"; exit 1; }
tests="unit_format unit_store unit_testing testing_examples regressions crash property processes"
# shellcheck disable=SC2086
ninja -C "$build" -j2 $tests || exit 1

find "$build" -name '*.gcda' -delete
failed=""
# The first judges time, and this build is slow; the second follows gcov instruction by instruction to its end.
not_here='-*the_chain_of_a_hot_key_is_walked_once:Trace.what_it_cannot_follow_is_refused'
for test in $tests; do
  RC_PARAMS="seed=$seed max_success=100" timeout 1800 "$build/$test" --gtest_brief=1 "--gtest_filter=$not_here" ||
    failed="$failed $test"
done
[ -z "$failed" ] || { echo "these tests fail here:$failed"; exit 1; }
/usr/bin/python3 -B $here/judge.py "$build" "$PWD" $here/exceptions.txt
