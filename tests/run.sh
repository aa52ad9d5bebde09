#!/usr/bin/env bash
# Builds everything, runs every test, and ends with one table of goals and figures.
#   bash tests/run.sh            all of it, at most an hour on 2 cores from an empty folder (15 minutes are the aim)
#   bash tests/run.sh --quick    without sanitizers and with short goals
#   bash tests/run.sh --proof    the proofs in full, beyond all that: 45 minutes are the aim
#   bash tests/run.sh --proof=kill,power [--seed N] [--hours H]
#                                some of them; from a seed; again and again, failing seeds in build/run/failing-seeds
#                                (--hours without --proof: all of them)
# Logs: build/run/STAGE.log.  A new stage is one line at the end of this file, a new goal one line of goals.txt.
set -u
cd "$(dirname "$0")/.." || exit 1
quick=0 proof="" seed="" hours=0
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=1 ;;
    --proof) proof=all ;;
    --proof=?*) proof=${1#--proof=} ;;
    --seed) seed=${2:?run.sh: --seed N} && shift ;;
    --hours) hours=${2:?run.sh: --hours H} && shift ;;
    *) echo "run.sh [--quick] | [--proof[=NAME,...]] [--seed N] [--hours H]" >&2; exit 2 ;;
  esac
  shift
done

[ "$hours" = 0 ] || [ -n "$proof" ] || proof=all

logs=$PWD/build/run
passed=0 failed=0 skips=0 started=$SECONDS
unset CXX CXXFLAGS LDFLAGS MAKEFLAGS

# stage NAME FUNCTION: runs it, says how long it took, counts its tests (a stage without ctest is one).
stage() {
  local name=$1 from=$SECONDS status=0 log=$logs/$1.log counts skipped
  "${@:2}" >"$log" 2>&1 || status=$?
  counts=$(sed -n 's/.*tests passed, \([0-9]*\) tests* failed out of \([0-9]*\).*/\1 \2/p' "$log" | tail -1)
  if [ -n "$counts" ]; then
    skipped=$(grep -c '(Skipped)$' "$log")
    failed=$((failed + ${counts% *})) skips=$((skips + skipped))
    passed=$((passed + ${counts#* } - ${counts% *} - skipped))
    counts=": ${counts#* } tests, ${counts% *} failed, $skipped skipped for what this machine cannot do"
  elif [ $status = 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
  if [ $status = 0 ]; then
    printf '%5d s  good    %s%s\n' $((SECONDS - from)) "$name" "$counts"
  elif [ $status = 77 ]; then
    failed=$((failed - 1)) skips=$((skips + 1))
    printf '%5d s  SKIPPED %s: %s\n' $((SECONDS - from)) "$name" "$(tail -1 "$log")"
  else
    printf '%5d s  FAILED  %s%s\n' $((SECONDS - from)) "$name" "$counts"
    grep -Ev '^ +Start |   Passed ' "$log" | tail -n 60 | sed 's/^/         | /'
  fi
  return $status
}

configure() {  # FOLDER [ARGUMENTS]
  cmake -S . -B "$1" -G Ninja "${@:2}"
}
clang=(-DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1"
  -DDURRA_BENCHMARKS=OFF -DDURRA_INSTALL=OFF)
run_tests() {  # FOLDER [ARGUMENTS OF CTEST]
  ctest --test-dir "$1" -j2 --output-on-failure --no-tests=error "${@:2}"
}

build_release() { configure build -DCMAKE_BUILD_TYPE=Release -DDURRA_TESTS=ON && ninja -C build -j2; }
build_headers() { ninja -C build -j2 all_verify_interface_header_sets; }  # each public header stands alone
build_sanitized() { configure build-san "${clang[@]}" -DDURRA_SANITIZE=address,undefined && ninja -C build-san -j2; }
test_sanitized() {  # a tenth of the random cases: the release build runs them all
  RC_PARAMS="max_success=10 ${RC_PARAMS:-}" ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
    UBSAN_OPTIONS=print_stacktrace=1 run_tests build-san -L '^(unit_|property|crash|processes|regressions|fuzz)'
}
build_threads() {
  configure build-tsan "${clang[@]}" -DDURRA_SANITIZE=thread -DDURRA_TOOLS=OFF &&
    ninja -C build-tsan -j2 threads_tests
}
test_threads() { TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 run_tests build-tsan -L tsan; }

# goal NAME COMMAND: the last line of its output has the figures that goals.txt judges.
goal() {
  local name=$1
  shift
  stage "goal-$name" "$@"
}

bash tools/setup.sh build test || exit 1
[ -z "$proof" ] || bash tools/setup.sh proof || echo "without these packages some proofs say SKIP"
mkdir -p "$logs" && rm -f "$logs"/*.log
. tools/scratch.sh
scratch 2048 || exit 1
export TMPDIR=$SCRATCH

# table GOALS: judges the last lines of the logs; the last line of all is the one that everybody waits for.
table() {
  local counts met missed
  counts=$(/usr/bin/python3 -B tests/goals.py "$1" "$logs" "$((SECONDS - started))" "$quick")
  echo
  echo "$counts" | sed '$d'
  read -r met missed < <(echo "$counts" | tail -1)
  echo "$((passed + met)) passed, $((failed + missed)) failed, $skips skipped"
  [ $((failed + missed)) = 0 ]
}

# The proofs: an executable each, or a script; all those of the goals, in their order, or some.
proofs() {
  local name command arguments=() from=$SECONDS seconds
  seconds=$(awk -v hours="$hours" 'BEGIN { printf "%d", hours * 3600 }')
  [ -z "$seed" ] || arguments+=(--seed "$seed")
  [ "$proof" != all ] || proof=$(sed -n '/(on demand)$/d; s/^\([a-z]*\) *|.*/\1/p' tests/proof/goals.txt | uniq)
  while :; do
    for name in ${proof//,/ }; do
      [ "$name" != run ] || continue
      command=(build/proof_"$name")
      [ ! -f tests/proof/"$name"/run.sh ] || command=(bash tests/proof/"$name"/run.sh)
      [ ! -f tests/proof/"$name"/run.py ] || command=(/usr/bin/python3 -B tests/proof/"$name"/run.py)
      goal "$name" "${command[@]}" "${arguments[@]}"
      case $? in
        0 | 77) ;;
        *) sed -n "1s/^/$name: /p; /FAILED/s/^/$name: /p; \$s/^/$name: /p" "$logs/goal-$name.log" |
             head -n 50 >>"$logs/failing-seeds" ;;
      esac
    done
    [ $((SECONDS - from)) -lt "$seconds" ] || break
    arguments=()  # a seed of its own each time
  done
}

stage build build_release || { echo "$passed passed, $failed failed"; exit 1; }
if [ -n "$proof" ]; then
  proofs
  table tests/proof/goals.txt
  exit
fi
stage headers build_headers
stage tests run_tests build
if [ $quick = 0 ]; then
  stage build-sanitized build_sanitized && stage sanitized test_sanitized
  stage build-threads build_threads && stage threads test_threads
fi

seconds=20 runs=3
[ $quick = 0 ] || seconds=5 runs=1
goal torture build/durra torture --processes 4 --seconds $seconds
goal torture-all build/durra torture --processes 6 --seconds $seconds --all
goal bench build/durra bench --runs $runs
[ $quick = 1 ] || goal demo bash tools/demo.sh

table tests/goals.txt
