# The top level is fixed, so that nobody has to look for anything.
from house import ROOT, files, finding, finish

FIXED = {"CMakeLists.txt", "store", "format", "tools", "tests", "fuzz", "README.md", "LICENSE"}

seen = {path.parts[0] for path in files()}
for name in sorted(seen - FIXED):
    if not name.startswith("."):
        finding(name, 1, "the top level is fixed; this belongs into a folder")
for name in sorted(FIXED):
    if not (ROOT / name).exists():
        finding(name, 1, "missing")
finish(len(seen))
