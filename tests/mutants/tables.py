# The tables of mutants, tests/mutants/*.txt: what a row is, and how it is read.
#
#   name | file                              the mutant, and where
#     what it breaks                             one line or several
#     - text of the file                         «…» is what is replaced, without marks all of it; found once only,
#     - in one line or several                   white space counts as one blank
#     + what stands there instead                nothing: it is left out
#     @ file                                     the next - and + are of this file: a mutant may need two edits
#     ! executable filter                        what kills it first: see tests/proof/mutants/run.py
#     = why no test can see it                   an equivalent mutant: it is not run
import re
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
NAME = re.compile(r"([a-z0-9_]+) \| ([\w./]+)")


@dataclass
class Edit:
    file: str
    original: str = ""
    mutated: str = ""


@dataclass
class Mutant:
    name: str
    table: str
    meaning: str = ""
    edits: list = field(default_factory=list)
    killers: list = field(default_factory=list)
    equivalent: str = ""

    @property
    def id(self):
        return zlib.crc32(self.name.encode()) or 1


def lines_of(more, text):
    return f"{more}\n{text}" if more else text


def read_table(path):
    mutants = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark, text = line.strip()[:1], line.strip()[1:].strip()
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith("  "):
            named = NAME.fullmatch(line)
            if not named:
                sys.exit(f"{path.name}:{number}: a row begins with: name | file")
            mutants.append(Mutant(named.group(1), path.name, edits=[Edit(named.group(2))]))
        elif mark == "-":
            mutants[-1].edits[-1].original = lines_of(mutants[-1].edits[-1].original, text)
        elif mark == "+":
            mutants[-1].edits[-1].mutated = lines_of(mutants[-1].edits[-1].mutated, text)
        elif mark == "@":
            mutants[-1].edits.append(Edit(text))
        elif mark == "!":
            mutants[-1].killers.append(text)
        elif mark == "=":
            mutants[-1].equivalent = f"{mutants[-1].equivalent} {text}".strip()
        else:
            mutants[-1].meaning = f"{mutants[-1].meaning} {line.strip()}".strip()
    return mutants


def read_all():
    mutants = [m for path in sorted(FOLDER.glob("*.txt")) for m in read_table(path)]
    names, ids = set(), {}
    for m in mutants:
        if m.name in names:
            sys.exit(f"{m.table}: {m.name} is there twice")
        if m.id in ids:
            sys.exit(f"{m.table}: {m.name} and {ids[m.id]} have one number; call one of them otherwise")
        if not m.meaning or any(not e.original for e in m.edits):
            sys.exit(f"{m.table}: {m.name} does not say what it breaks, or what it replaces")
        names.add(m.name)
        ids[m.id] = m.name
    return mutants
