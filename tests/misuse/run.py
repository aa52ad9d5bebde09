# The must-not-compile list: every row of misuse.txt is refused, for the reason it names, by every compiler that is
# here; a control program with the right form of the same acts compiles without a warning.
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = """void use(durra::Store& store);
void use(durra::Store& store) {
%s
}
"""
HEADERS = "#include <durra/care.h>\n#include <durra/types.h>\n#include <string>\n#include <vector>\n"
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", f"-I{ROOT}/store/include",
         f"-I{ROOT}/format/include"]
CONTROL = """
  auto r = store.get(1).value(); std::string_view s = r.text(); (void)s;
  auto q = std::move(r); (void)q.span<int>(); (void)store.get(1).value().str();
  struct P { int c; int i; } p{}; (void)store.put("p", durra::bytes_of(p)); (void)store.get("p").value().as<P>();
  if (auto done = store.put("a", "b")) (void)store.put_if("a", "c", *done);
  auto d = store.draft("a", 9).value(); d.bytes()[0] = std::byte{1}; (void)std::move(d).publish();
  std::vector<double> v(3); (void)store.put(7, v); (void)store.erase("a");
"""


def precompiled(compiler, folder):
    """The flags that give a program the headers, which are parsed once."""
    header = Path(folder) / f"{Path(compiler).name}.h"
    header.write_text(HEADERS)
    subprocess.run([compiler, *FLAGS, "-x", "c++-header", str(header), "-o", f"{header}.gch"], check=True)
    return [*FLAGS, "-include", str(header)]


def refuses(command, code):
    """(whether it does not compile, what the compiler said)"""
    done = subprocess.run([*command, "-fsyntax-only", "-x", "c++", "-"], input=PROGRAM % code, capture_output=True,
                          text=True, env={**os.environ, "LC_ALL": "C"})
    return done.returncode != 0, done.stderr


rows = []
for line in (HERE / "misuse.txt").read_text().splitlines():
    if line and not line.startswith("#"):
        name, code, reason = re.split(r" \| ", line, maxsplit=2)
        rows.append((name, code, reason))
wanted = dict.fromkeys([os.environ.get("CXX", "g++"), "g++", "clang++-14"])
compilers = {os.path.realpath(shutil.which(c)): c for c in wanted if shutil.which(c)}.values()
if not rows or not compilers:
    sys.exit("no rows or no compiler: the test looks in the wrong place")

failures = []
with tempfile.TemporaryDirectory(prefix="durra.misuse.") as folder:
    for compiler in compilers:
        command = [compiler, *precompiled(compiler, folder)]
        refused, said = refuses(command, CONTROL)
        if refused:
            failures.append(f"{compiler}: the control program must compile:\n{said}")
        for name, code, reason in rows:
            refused, said = refuses(command, code)
            if not refused:
                failures.append(f"{compiler}: compiles, and must not: {name}: {code}")
            elif not re.search(reason, said):
                failures.append(f"{compiler}: refused for another reason than /{reason}/: {name}: {code}\n{said}")
print("\n".join(failures) or f"{len(rows)} rows refused by {', '.join(compilers)}")
sys.exit(1 if failures else 0)
