# Judges the counts that a run of the tests has left:  judge.py BUILD SOURCE EXCEPTIONS.  Prints what no test reaches.
#
# A line is reached when any copy of it is (of a template, of an inline function).  A closing brace is not counted: what
# it does not reach are destructors on the way of an exception.  Branches are those of the code that was written: the
# ways that only an exception takes are left out.  An exception is "FILE | TEXT OF THE LINE | REASON", with the line
# before it and " ⏎ " in front where the text alone says too little; it must be needed, unless the reason begins with
# "by chance".
import collections
import json
import subprocess
import sys
from pathlib import Path

build, source, exceptions = (Path(argument).resolve() for argument in sys.argv[1:4])


def ours(name):
    """The file's name from the root, or None for what is not format/ or store/."""
    path = (build / name).resolve() if not Path(name).is_absolute() else Path(name)
    try:
        path = path.relative_to(source)
    except ValueError:
        return None
    return str(path) if path.parts[0] in ("format", "store") else None


def counts():
    """Every file that gcov tells of, object by object."""
    objects = sorted(build.rglob("*.gcda"))
    for at in range(0, len(objects), 40):
        done = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", *objects[at:at + 40]],
                              capture_output=True, text=True, cwd=build, check=True)
        for line in done.stdout.splitlines():
            for file in json.loads(line)["files"]:
                if name := ours(file["file"]):
                    yield name, file["lines"]


lines = collections.Counter()
branches = collections.Counter()  # (file, line, function, number): how often it was taken
for name, of_file in counts():
    for line in of_file:
        place = (name, line["line_number"])
        lines[place] += line["count"]
        written = [b for b in line["branches"] if not b["throw"]]
        for number, branch in enumerate(written if len(written) > 1 else []):
            branches[*place, number] += branch["count"]

excused = {}  # (file, text): reason
for row in exceptions.read_text().splitlines():
    if row and not row.startswith("#"):
        name, text, reason = (part.strip() for part in row.split(" | "))
        excused[name, text] = reason

texts = {}
for name in {place[0] for place in lines}:
    texts[name] = (source / name).read_text().splitlines()
used, missed = set(), 0
for (name, number), count in sorted(lines.items()):
    text = texts[name][number - 1].strip()
    if text in ("}", "};"):
        del lines[name, number]
    if count or (name, number) not in lines:
        continue
    behind = f"{texts[name][number - 2].strip()} ⏎ {text}"
    if excuse := next((t for t in (text, behind) if (name, t) in excused), None):
        used.add((name, excuse))
        continue
    missed += 1
    print(f"{name}:{number}: no test reaches: {text}")
stale = [place for place in sorted(set(excused) - used) if not excused[place].startswith("by chance")]
for name, text in stale:
    print(f"{exceptions.name}: not needed any more: {name} | {text}")
if "--branches" in sys.argv:
    for (name, number, way), count in sorted(branches.items()):
        if not count and lines[name, number]:
            print(f"{name}:{number}: way {way} not taken: {texts[name][number - 1].strip()}")

reached = sum(1 for count in lines.values() if count)
taken = sum(1 for count in branches.values() if count)
print(f"lines {100 * reached / len(lines):.2f} of {len(lines):,}, uncovered lines {missed}, exceptions {len(excused)}, "
      f"branches {100 * taken / len(branches):.1f} of {len(branches):,}")
sys.exit(1 if missed or stale else 0)
