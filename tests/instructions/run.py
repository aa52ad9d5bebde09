#!/usr/bin/env python3
"""Counts the instructions of each operation with callgrind and compares them with ceilings.txt: a figure that no load
of the machine moves, so that what makes an operation dearer is seen when it is made.  Some must be equal.

    DURRA_BUILD_DIR=build /usr/bin/python3 -B tests/instructions/run.py

Exit status 0: none is above its ceiling.  Needs a Release build and valgrind (tools/setup.sh test)."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = pathlib.Path(os.environ.get("DURRA_BUILD_DIR", HERE.parents[1] / "build")) / "instructions"
SAME = [("array", "pointer")]  # an element of an Array costs what one behind a pointer costs
COLLECTED = re.compile(r"^==\d+== Collected : (\d+)$", re.M)


def ceilings():
    """{operation: instructions}, from lines `operation ceiling`."""
    rows = [line.split() for line in (HERE / "ceilings.txt").read_text().splitlines() if line and line[0] != "#"]
    return {name: int(limit.replace(",", "")) for name, limit in rows}


def instructions(kind, folder):
    """Of one operation, on average."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/{kind}.out", "--collect-atstart=no",
         f"--toggle-collect=count_{kind}", PROGRAM, kind, f"{folder}/{kind}.durra"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    collected = COLLECTED.search(done.stderr)
    if done.returncode != 0 or not collected or int(collected[1]) == 0:
        sys.exit(f"{kind}: nothing was counted, exit status {done.returncode}\n{done.stderr[-2000:]}")
    return int(collected[1]) / int(done.stdout)


def main():
    above, counts = 0, {}
    with tempfile.TemporaryDirectory(prefix="durra-instructions-") as folder:
        for kind, limit in ceilings().items():
            counts[kind] = count = instructions(kind, folder)
            above += count > limit
            print(f"{kind:10} {count:9,.1f} instructions, ceiling {limit:6,}{'' if count <= limit else '  ABOVE'}")
    for a, b in SAME:
        if round(counts[a], 1) != round(counts[b], 1):  # but for what is done once
            above += 1
            print(f"{a} {counts[a]:.1f} and {b} {counts[b]:.1f}: NOT THE SAME")
    sys.exit(1 if above else 0)


if __name__ == "__main__":
    main()
