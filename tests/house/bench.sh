#!/usr/bin/env bash
# A small benchmark runs to its end and has every figure; a build without benchmarks says so.
set -eu
status=0
said=$("$DURRA_COMMAND" bench --records 20000 --runs 1 2>&1) || status=$?
echo "$said"
last=${said##*$'\n'}
if [ $status != 0 ]; then
  [ $status = 1 ] && [ "$last" = "durra: built without benchmarks (-DDURRA_BENCHMARKS=ON)" ]
  exit
fi
for name in load put put_2 put_2_ratio batch_16 get get_2 get_many scan put_p999_ns get_p999_ns open_ms rebuild \
  file_ratio overwrite_file_ratio compact_file_ratio put_p9999_us put_p99999_us get_p999_us get_p99999_us snapshot_ns \
  resident_mib wakeup_ns wakeup_ratio counter_ratio array_ratio ring_push_ns message_ring_ns message_append_ns \
  message_pipe_ns message_socket_ns floor_ns memcpy; do
  grep -Eq "^bench: .* $name=[0-9.]*[1-9][0-9.]*( |$)" <<<"$last" || { echo "bench: no figure for $name" >&2; exit 1; }
done

if [[ "$said" != tmpfs* ]]; then  # puts that wait for a disk
  for name in power raw power_8 raw_8 power_raw_ratio power_8_raw_ratio; do
    grep -Eq "^bench: .* $name=[0-9.]*[1-9]" <<<"$last" || { echo "bench: no figure for $name" >&2; exit 1; }
  done
fi

said=$("$DURRA_COMMAND" bench --records 1000 --runs 1 --peers none --processes 1,3 --json)
/usr/bin/python3 -c '
import json, sys
answer = json.loads(sys.argv[1])
assert answer["ok"] and answer["verb"] == "bench", answer
assert answer["data"]["records"] == 1000 and answer["data"]["put_3_ratio"] > 0, answer
assert not any(name.startswith("lmdb") for name in answer["data"]), answer
' "$said"
for wrong in "--processes 0" "--processes 1,x" "--records 5" "--size 1" "--runs 0"; do
  status=0
  "$DURRA_COMMAND" bench $wrong 2>/dev/null || status=$?
  [ $status = 2 ] || { echo "bench $wrong: exit $status" >&2; exit 1; }
done
