# Examples are the first programs that people copy: at most 60 lines of code each, public headers only; the head says
# what it shows, instead of what, and how to run it; README.md and the tests know each of them.
import re

from house import ROOT, files, finding, finish, lines

LIMIT = 60
INCLUDE = re.compile(r'#include (<durra/\w+\.h>|<boost/[\w/]+\.hpp>|<\w+(/\w+)?(\.h)?>|"tools/examples/\w+\.h")')

readme = (ROOT / "tools/examples/README.md").read_text(encoding="utf-8")
checked = 0
for path in files(".cpp", ".h"):
    if path.parts[:2] != ("tools", "examples"):
        continue
    checked += 1
    content = lines(path)
    code = [line for line in content if line.strip() and not line.strip().startswith(("//", "#"))]
    if len(code) > LIMIT:
        finding(path, 1, f"{len(code)} lines of code; {LIMIT} are enough for an example")
    for number, line in enumerate(content, 1):
        if line.startswith("#include") and not INCLUDE.match(line):
            finding(path, number, "an example uses what is installed, and the helpers beside it")
    if f"]({path.name})" not in readme:
        finding(path, 1, "tools/examples/README.md does not name it")
    if path.suffix == ".h":
        continue
    head = "\n".join(content[:8])
    for wanted in ("// Instead of ", f"//   build/example_{path.stem}"):
        if wanted not in head:
            finding(path, 1, f"its head has no line with {wanted!r}")
    if not (ROOT / f"tests/examples/{path.stem}.txt").exists():
        finding(path, 1, f"tests/examples/{path.stem}.txt does not say what it prints")
finish(checked)
