# Every step("...") of the code is named in PROTOCOL.md, which says what a death there leaves, and every step that
# PROTOCOL.md or a model names exists in the code.  Every model has its row there.
import re

from house import files, finding, finish, lines

CALL = re.compile(r'\bstep\("([^"]*)"\)')
NAMED = re.compile(r"`([a-z_]+\.[0-9a-z]+)`")
IN_MODEL = re.compile(r"\b([a-z_]+)\.(\w+)")
FILE_ENDINGS = ("h", "cpp", "md", "py", "pml", "txt", "sh")
PROTOCOL = "store/PROTOCOL.md"

in_code = {}
for path in files(".cpp", ".h"):
    if path.parts[0] == "store":
        for number, line in enumerate(lines(path), 1):
            for name in CALL.findall(line):
                in_code.setdefault(name, (path, number))

in_protocol = {}
for number, line in enumerate(lines(PROTOCOL), 1):
    for name in NAMED.findall(line):
        if not name.endswith(tuple("." + e for e in FILE_ENDINGS)):
            in_protocol.setdefault(name, number)

for name, (path, number) in sorted(in_code.items()):
    if name not in in_protocol:
        finding(path, number, f"step {name} is not in {PROTOCOL}: say there what a death after it leaves")
for name, number in sorted(in_protocol.items()):
    if name not in in_code:
        finding(PROTOCOL, number, f"no step {name} in the code")

rows = {line.split("|")[1].strip() for line in lines(PROTOCOL) if line.startswith("|")}
areas = {name.split(".")[0] for name in in_code}
for path in files(".pml"):
    if path.stem not in rows:
        finding(path, 1, f"{PROTOCOL} has no row for this model")
    for number, line in enumerate(lines(path), 1):
        for area, rest in IN_MODEL.findall(line):
            if area in areas and f"{area}.{rest}" not in in_code:
                finding(path, number, f"no step {area}.{rest} in the code")
finish(len(in_code))
