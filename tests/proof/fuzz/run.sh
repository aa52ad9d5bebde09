#!/usr/bin/env bash
# G10: libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer on every target of fuzz/, from its corpus.
#   run.sh [--brief] [--seed N] [--jobs N] [--seconds N] [--only TARGET]
# Each target has its share of 4 minutes (or of --seconds).  What is new goes to build/run/fuzz/TARGET; a crash to
# build/run/fuzz/crash-TARGET-*, which `build/fuzz_replay_TARGET FILE` repeats.  --brief: the corpus alone.
set -u
cd "$(dirname "$0")/../../.." || exit 1
brief=0 seed=$((RANDOM * 32768 + RANDOM)) jobs=$(nproc) seconds=240 only=""
usage() { sed -n '2,5s/^# *//p' "$0" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    --brief) brief=1 ;;
    --seed) seed=${2:-} && shift ;;
    --jobs) jobs=${2:-} && shift ;;
    --seconds) seconds=${2:-} && shift ;;
    --only) only=${2:-} && shift ;;
    *) usage ;;
  esac
  shift || usage
done
for n in "$seed" "$jobs" "$seconds"; do [[ $n =~ ^[0-9]+$ && $n != 0 ]] || usage; done
seed=$((seed % 4294967296)) started=$SECONDS execs=0 edges=0 crashes=0 count=0
echo "fuzzing every target of fuzz/; seed $seed"
targets=()
for source in fuzz/*.cpp; do
  name=$(basename "$source" .cpp)
  [ "$name" = replay_main ] || { [ -n "$only" ] && [ "$only" != "$name" ]; } || targets+=("$name")
done
[ ${#targets[@]} != 0 ] || usage
finish() {
  echo "execs $execs, targets $count, edges $edges, crashes $crashes, seed $seed, seconds $((SECONDS - started))"
  [ "$crashes" = 0 ]
  exit
}

if [ $brief = 1 ]; then
  for name in "${targets[@]}"; do
    said=$(build/fuzz_replay_"$name" fuzz/corpus/"$name") || { echo "FAILED: $name: $said"; crashes=$((crashes + 1)); }
    execs=$((execs + $(sed -n 's/^\([0-9]*\) inputs.*/\1/p' <<<"${said:-0 inputs}"))) count=$((count + 1))
  done
  finish
fi

runtime=$(clang++-14 -print-file-name=libclang_rt.fuzzer-x86_64.a 2>/dev/null)
if [ ! -f "$runtime" ]; then
  echo "SKIP: clang 14 with libFuzzer is not here (tools/setup.sh test)"
  exit 77
fi
cache=()
if command -v ccache >/dev/null; then cache=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake -S . -B build-fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_BUILD_TYPE=Release \
  "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -g1" -DDURRA_FUZZ=ON -DDURRA_TESTS=OFF -DDURRA_TOOLS=OFF -DDURRA_INSTALL=OFF \
  "${cache[@]}" || exit 1
ninja -C build-fuzz "${targets[@]/#/fuzz_}" || exit 1

out=$PWD/build/run/fuzz
mkdir -p "$out"
share=$((seconds * jobs / ${#targets[@]}))
[ $share -gt 0 ] || share=1
fuzz() {  # NAME
  mkdir -p "$out/$1"
  build-fuzz/fuzz_"$1" -seed="$seed" -max_total_time=$share -len_control=0 -max_len=600 -timeout=60 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$out/crash-$1-" "$out/$1" fuzz/corpus/"$1" >"$out/$1.log" 2>&1
  echo $? >"$out/$1.status"
}
for name in "${targets[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
  fuzz "$name" &
done
wait

for name in "${targets[@]}"; do
  count=$((count + 1))
  n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log")
  covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$out/$name.log" | tail -1)
  execs=$((execs + ${n:-0})) edges=$((edges + ${covered:-0}))
  if [ "$(cat "$out/$name.status")" != 0 ]; then
    crashes=$((crashes + 1))
    echo "FAILED: $name: $(grep -m1 -E 'SUMMARY|^fuzz: |ERROR|terminate' "$out/$name.log")"
    grep -m1 "Test unit written to" "$out/$name.log"
  fi
  echo "$name: execs ${n:-0}, edges ${covered:-0}"
done
finish
