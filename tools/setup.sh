#!/usr/bin/env bash
# The only place that installs anything: what durra needs on Debian 12, by groups.
#   bash tools/setup.sh [build] [test] [proof] [python] [index]     without arguments: build and test
# build: to compile the library and the command.  test: for all tests.  proof: what the proofs would skip without.
# python (--with-python): Zarr and Dask, which read a store's arrays.  index: Debian's package lists, the demo's data.
# Says what it installs; does nothing when all is there; needs root or sudo only when something is missing.
set -eu

build="build-essential cmake ninja-build pkg-config git python3 libboost-dev liblz4-dev libxxhash-dev libcli11-dev
  nlohmann-json3-dev libfmt-dev liblmdb-dev"
test="libgtest-dev librapidcheck-dev libsqlite3-dev python3-xxhash python3-lz4
  clang-14 libclang-rt-14-dev clang-format-16
  spin valgrind"
proof="e2fsprogs xfsprogs btrfs-progs"
python="python3-zarr python3-dask python3-fsspec python3-numcodecs"

wanted="" index=0
[ $# -gt 0 ] || set -- build test
for group in "$@"; do
  case $group in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $build $test" ;;
    proof) wanted="$wanted $proof" ;;
    python | --with-python) wanted="$wanted $python" ;;
    index) index=1 ;;
    *) echo "setup: no group \"$group\"; there are build, test, proof, python and index" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: this is not Debian; install by hand the equivalents of:" $wanted >&2
  exit 1
fi

installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' 2>/dev/null || true)"
missing=""
for package in $wanted; do
  case "$installed$missing " in
    *" installed:$package "* | *" $package "*) ;;
    *) missing="$missing $package" ;;
  esac
done
# Lists are there when apt knows more than what is installed.
if [ $index = 1 ] && ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then index=0; fi
[ -n "$missing" ] || [ $index = 1 ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: neither root nor sudo here.  As root: apt-get update && apt-get install$missing" >&2
    exit 1
  fi
  as_root="sudo"
fi
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { "$@" >"$log" 2>&1 || { cat "$log" >&2; echo "setup: failed: $*" >&2; exit 1; }; }

echo "setup: apt-get update"
quietly apt update
if [ -n "$missing" ]; then
  echo "setup: installing$missing"
  quietly apt install -y --no-install-recommends $missing
fi
