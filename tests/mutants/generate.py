# Copies of the sources with mutants in them, each behind a switch that is read at run time: generate.py FOLDER.
#
# `original` becomes, where it is a statement,   { if (::durra::mutant(N)) { MUTATED } else { ORIGINAL } }
# and where it is an expression                  (::durra::mutant(N) ? (MUTATED) : (ORIGINAL))
# so what the sources say is compiled as it is, and nothing of this is in them.  Lines keep their numbers.  A text that
# is not found exactly once has drifted from its table: that ends the build.  Equivalent mutants are looked for, and not
# in the copies.
import re
import sys
from pathlib import Path

from tables import FOLDER, ROOT, read_all

# A function of a header is the file's own here: else the linker would take the one copy of it that a test has
# compiled without mutants.
SHARED_FUNCTION = re.compile(r"^(\[\[gnu::always_inline\]\] )?((?:inline|constexpr) [^=;{]*\()", re.M)


drifted = []


def pattern(text):
    return "".join(r"\s+" if part.isspace() else re.escape(part) for part in re.split(r"(\s+)", text) if part)


def span(edit, text, name):
    before, core, after = re.fullmatch(r"([^«]*)«(.*)»([^»]*)", edit.original, re.S).groups() \
        if "«" in edit.original else ("", edit.original, "")
    if comment := re.search(r"\s*//[^\n]*$", core):  # what is put around it must not become part of a comment
        core, after = core[:comment.start()], comment.group() + after
    found = list(re.finditer(f"{pattern(before)}({pattern(core)}){pattern(after)}", text))
    if len(found) == 1:
        return found[0].span(1)
    drifted.append(f"mutant {name}: found {len(found)} times in {edit.file}, must be once:\n{edit.original}")
    return None


def switched(original, variants):
    statement = original.rstrip().endswith((";", "}"))
    if statement:
        chosen = "".join(f"if (::durra::mutant({n}u)) {{ {mutated} }} else " for n, mutated in variants)
        return f"{{ {chosen}{{ {original} }} }}"
    chosen = "".join(f"::durra::mutant({n}u) ? ({mutated}) : " for n, mutated in variants)
    return f"({chosen}({original}))"


class Tree:
    """Edits of one file, those that lie within others below them."""

    def __init__(self, begin, end):
        self.begin, self.end, self.variants, self.below = begin, end, [], []

    def add(self, begin, end, variant, name):
        for t in self.below:
            if (t.begin, t.end) == (begin, end):
                return t.variants.append(variant)
            if t.begin <= begin and end <= t.end:
                return t.add(begin, end, variant, name)
            if begin < t.end and t.begin < end:
                sys.exit(f"mutant {name}: overlaps another; replace less of the text, or the same")
        self.below.append(Tree(begin, end))
        self.below[-1].variants.append(variant)

    def text(self, source):
        out, at = "", self.begin
        for t in sorted(self.below, key=lambda t: t.begin):
            out += source[at:t.begin] + t.text(source)
            at = t.end
        out += source[at:self.end]
        return switched(out, self.variants) if self.variants else out


def mutated_file(file, mutants, chosen):
    source = (ROOT / file).read_text(encoding="utf-8")
    tree = Tree(0, len(source))
    edits = [(*place, (m.id, " ".join(e.mutated.split())), m.name) for m in mutants for e in m.edits
             if e.file == file and (place := span(e, source, m.name)) and chosen(m)]
    for edit in sorted(edits, key=lambda e: (e[0], -e[1])):  # the larger of two that begin together first
        tree.add(*edit)
    text = tree.text(source)
    if file.endswith(".h"):
        text = SHARED_FUNCTION.sub(r"\1static \2", text)
    return f'#include "tests/mutants/mutant.h"\n#line 1 "{ROOT / file}"\n{text}'


def write(path, text):
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def files_of(mutants):
    return sorted({e.file for m in mutants for e in m.edits})


def generate(folder, chosen):
    mutants = read_all()
    texts = {file: mutated_file(file, mutants, chosen) for file in files_of(mutants)}
    if drifted:
        sys.exit("\n".join(drifted))
    wanted = files_of(m for m in mutants if chosen(m))
    for old in [p for p in folder.rglob("*.h") if p.relative_to(folder).as_posix() not in wanted]:
        old.unlink()  # a header that has no mutant any more would hide the true one
    for file in wanted:
        write(folder / file, texts[file])
    names = "".join(f'{{"{m.name}", {m.id}u}},  // {m.table}\n' for m in mutants if chosen(m))
    write(folder / "tests/mutants/names.inc", names)


def main():
    if sys.argv[1:] == ["--list"]:
        print(";".join(files_of(m for m in read_all() if not m.equivalent)), end="")
    else:
        generate(Path(sys.argv[1]), lambda m: not m.equivalent)


if __name__ == "__main__":
    main()
