#!/usr/bin/env bash
# The main job on real input: four processes load this machine's own Debian package index into one file at the same
# time, round after round, while one after the other is killed with kill -9 in the middle of its work and started again.
#   bash tools/demo.sh          from a fresh clone; installs what is missing (Debian 12), builds, ends with the figures
# Where the stores go: scratch.sh says; DURRA_SCRATCH=DIR names another place.
set -eu
cd "$(dirname "$0")/.."
writers=4 kills_wanted=20

bash tools/setup.sh build index
. tools/scratch.sh
scratch 1536

echo "build: build/durra"
[ -f build/build.ninja ] || cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DDURRA_TESTS=OFF >"$SCRATCH/log"
ninja -C build durra_command >"$SCRATCH/log" 2>&1 || { cat "$SCRATCH/log" >&2; exit 1; }
durra=$PWD/build/durra
cd "$SCRATCH"

apt-cache dumpavail >packages
mib() { echo $(($(stat -c %s "$1") >> 20)) MiB; }
packages=$(grep -c '^Package: ' packages)
[ "$packages" -ge 1000 ] || { echo "demo: apt-cache dumpavail knows hardly any package" >&2; exit 1; }
echo "input: $packages package records, $(mib packages)"

# Each round puts all records anew, with a line that says which round it is; what a writer acknowledges goes to
# acknowledged/ROUND.WRITER.LIFE, one key a line, written after the put returned.
mkdir acknowledged
killed=0
declare -A pid life
load() {  # STORE INPUT WRITER: in the background only, it becomes the writer that strike kills
  exec 2>>import.log "$durra" import "$1" "$2" --format paragraphs --key-field Package --part "$3/$writers" \
    --acknowledge
}
start() {  # WRITER
  life[$1]=$((${life[$1]:-0} + 1))
  load store.durra input "$1" >"acknowledged/$round.$1.${life[$1]}" &
  pid[$1]=$!
}
at_work() {  # WRITER: it lives and has acknowledged something
  [ -n "${pid[$1]:-}" ] && [ -s "acknowledged/$round.$1.${life[$1]}" ] && kill -0 "${pid[$1]}" 2>/dev/null
}
failed() { echo "demo: writer $1 failed" >&2; tail -5 import.log >&2; exit 1; }
strike() {  # one that is at work, if there is one; counts it only if it died of this
  local w=$((RANDOM % writers)) tries=0 status=0
  until at_work $w; do
    w=$(((w + 1) % writers)) tries=$((tries + 1))
    [ $tries -lt $writers ] || return 0
  done
  kill -9 "${pid[$w]}" 2>/dev/null
  wait "${pid[$w]}" 2>/dev/null || status=$?
  unset "pid[$w]"
  [ $status != 0 ] || return 0  # it had just finished
  [ $status = 137 ] || failed $w
  killed=$((killed + 1))
  start $w
}

# A load into a store of its own says how long a round takes here, and the strikes of each are spread over that time:
# after pauses of fixed length the writers of a fast machine would be gone.
now_ms() { local us=${EPOCHREALTIME//[.,]/}; echo $((us / 1000)); }
undisturbed=$(now_ms)
for ((w = 0; w < writers; ++w)); do load trial.durra packages "$w" >/dev/null & done
wait
undisturbed=$(($(now_ms) - undisturbed))
rm -f trial.durra  # a failure is told by round 1

pause() {  # a quarter of a round on average
  local ms=$((RANDOM % (undisturbed / 2 + 1)))
  sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

round=0 started=$SECONDS
while [ "$killed" -lt "$kills_wanted" ]; do
  round=$((round + 1)) before=$killed
  sed "s/^Package: .*/&\nDemo-Round: $round/" packages >input.new && mv input.new input
  for ((w = 0; w < writers; ++w)); do start "$w"; done
  for ((strikes = 0; strikes < 4; ++strikes)); do pause; strike; done
  for w in "${!pid[@]}"; do
    wait "${pid[$w]}" || failed "$w"
  done
  pid=()
  echo "round $round: $((killed - before)) killed and restarted; $(cat acknowledged/"$round".* | wc -l) acknowledged"
  [ $round -lt 40 ] || { echo "demo: hardly any kill found a writer at work" >&2; exit 1; }
done
echo "loaded: $round rounds in $((SECONDS - started)) s, $killed killed; store.durra is $(mib store.durra)"

# Every acknowledged key: as acknowledged last, or later; and nothing that was in no input.
check() {  # STORE
  "$durra" dump "$1" | /usr/bin/python3 -c '
import glob, json, re, sys
rounds = int(sys.argv[1])
known = {}
for paragraph in open("packages", encoding="utf-8", errors="surrogateescape").read().split("\n\n"):
    if paragraph.strip():
        name = re.search(r"^Package: (.*)", paragraph, re.M).group(1).strip()
        known.setdefault(name, set()).add(paragraph.strip("\n") + "\n")
promised, acknowledged = {}, 0
for name in glob.glob("acknowledged/*"):
    now = int(name.split("/")[1].split(".")[0])
    for key in open(name).read().split("\n")[:-1]:
        key = key.removeprefix("s:")  # the string "2048" as a command line takes it
        promised[key] = max(now, promised.get(key, 0))
        acknowledged += 1
good = wrong = 0
for line in sys.stdin:
    record = json.loads(line)
    key, text = record["key"], record["text"]
    seen = re.search(r"^Demo-Round: (\d+)\n", text, re.M)
    plain = text.replace(seen.group(0), "", 1) if seen else ""
    if plain in known.get(key, ()) and promised.get(key, 0) <= int(seen.group(1)) <= rounds:
        good += promised.pop(key, None) is not None
    else:
        wrong += 1
        print("wrong:", key, "acknowledged in round", promised.get(key, 0), "has", repr(text[:100]), file=sys.stderr)
print(acknowledged, len(promised) + wrong, good)
' "$round"
}
read -r acknowledged lost keys <<<"$(check store.durra)"
echo "checked: $keys keys, $lost lost or wrong"
damage="none"
"$durra" verify store.durra || damage="seen"

"$durra" backup store.durra copy.durra
echo "backup: $(mib copy.durra)"
"$durra" verify copy.durra || damage="in the backup"
for store in store.durra copy.durra; do "$durra" dump $store | LC_ALL=C sort >"$store.dump"; done
cmp store.durra.dump copy.durra.dump || damage="in the backup"

"$durra" info --rebuild store.durra
"$durra" dump store.durra | LC_ALL=C sort | cmp - store.durra.dump || damage="after the rebuild"
read -r _ lost_after keys_after <<<"$(check store.durra)"
echo "rebuilt: $keys_after of $keys keys, $lost_after lost or wrong"
[ "$lost_after" -le "$lost" ] || lost=$lost_after

echo "demo: $acknowledged acknowledged, $lost lost, $killed killed, damage $damage"
[ "$lost" = 0 ] && [ "$damage" = none ] && [ "$keys_after" = "$keys" ]
