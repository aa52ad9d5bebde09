# The tables of tests/mutants and what RESULTS.md says of them are about the same mutants; enough of them are killed;
# the test that a row names as its killer exists.
import re
import sys

from house import ROOT, finding, finish, lines

sys.path.insert(0, str(ROOT / "tests/mutants"))
from tables import read_all  # noqa: E402

LEAST = 60
RESULTS = "tests/mutants/RESULTS.md"
TESTS = {"unit_format": "tests/unit/format", "unit_store": "tests/unit/store", "crash": "tests/crash",
         "processes": "tests/processes", "property": "tests/property", "regressions": "tests/regressions"}
TEST = re.compile(r"(?:^|[\s:/])(\w+)\.(\w+)(?![\w*?])")

mutants = {m.name: m for m in read_all()}
text = {name: "".join(p.read_text() for p in (ROOT / folder).glob("*.cpp")) for name, folder in TESTS.items()}
for m in mutants.values():
    for killer in m.killers:
        executable, _, tests = killer.partition(" ")
        if executable != "proof" and executable not in TESTS:
            finding(f"tests/mutants/{m.table}", 1, f"{m.name}: no tests are called {executable}")
        for suite, test in TEST.findall(tests) if executable in TESTS else []:
            if not re.search(rf"\b{suite}, {test}\b", text[executable]):
                finding(f"tests/mutants/{m.table}", 1, f"{m.name}: {executable} has no test {suite}.{test}")

said = {"killed": set(), "Not killed yet": set(), "Equivalent": set()}
section = "killed"
for line in lines(RESULTS):
    section = line[3:] if line.startswith("## ") else section
    if row := re.match(r"\| (\w+) \| \w+\.txt \|", line):
        said[section].add(row.group(1))
equivalent = {name for name, m in mutants.items() if m.equivalent}
for name in sorted((set(mutants) - equivalent) ^ (said["killed"] | said["Not killed yet"])):
    finding(RESULTS, 1, f"{name} is in the tables or here, and not in both: tests/proof/mutants/run.py --all")
for name in sorted(equivalent ^ said["Equivalent"]):
    finding(RESULTS, 1, f"{name} is equivalent in the tables or here, and not in both")
if len(said["killed"]) < LEAST:
    finding(RESULTS, 1, f"{len(said['killed'])} mutants are killed; the goal is {LEAST}")
finish(len(mutants))
