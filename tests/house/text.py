# Every text file: no leftovers, no paths of somebody's machine, lines of at most 120 columns, and a first line that says
# what the file is for.
import re

from house import files, finding, finish, lines

CODE = {".h", ".cpp", ".py", ".sh", ".pml"}
TEXT = CODE | {".md", ".txt", ".cmake", ".yml", ""}
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX)\b")
MACHINE = re.compile(r"(?<![\w.])/(home|root|work|Users|mnt|opt)/\w")
HIDDEN = re.compile(r"GTEST_SKIP\(\)(?! <<)|DISABLED_\w|#if 0\b")  # what a machine cannot do is skipped with its reason

checked = 0
for path in files():
    if path.suffix not in TEXT or path.name == "LICENSE" or "corpus" in path.parts or "golden" in path.parts:
        continue
    if str(path) == "tests/house/text.py":
        continue
    checked += 1
    content = lines(path)
    if path.suffix in CODE:
        first = content[1] if content and content[0].startswith("#!") else content[0] if content else ""
        if not first.startswith(("//", "# ", "/*", '"""')):
            finding(path, 1, "the first line says what the file is responsible for")
    for number, line in enumerate(content, 1):
        if path.suffix in CODE and len(line) > 120 and "http" not in line:
            finding(path, number, f"{len(line)} columns; 120 are enough")
        if line != line.rstrip():
            finding(path, number, "white space at the end of the line")
        if "\t" in line:
            finding(path, number, "a tab")
        if LEFTOVER.search(line):
            finding(path, number, "an unfinished place; finish it or open an issue")
        if MACHINE.search(line):
            finding(path, number, "a path of one machine")
        if path.parts[0] in ("tests", "fuzz") and HIDDEN.search(line):
            finding(path, number, "a test that does not run")
finish(checked)
