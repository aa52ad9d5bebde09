# README.md, store/GUIDE.md and tests/testing/README.md are run: every ```cpp block compiles against the built library
# and runs, every `build/durra ...` of a ```sh block succeeds, in their order and in one folder, as a reader would.
# Scripts that they name exist.
import os
import re
import subprocess
import tempfile
from pathlib import Path

from house import BUILD, ROOT, finding, finish

WRAPPED = """#include <durra/care.h>
#include <iostream>
{includes}
int main() {{
{body}
}}
"""


def blocks(text):
    """(language, line number of the first line, body) of every fenced block."""
    for match in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.M | re.S):
        yield match[1], text.count("\n", 0, match.start()) + 2, match[2]


page = "README.md"


def run(line, command, folder):
    is_text = isinstance(command, str)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, shell=is_text)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        finding(page, line, f"exit {done.returncode}: {command if is_text else 'program'}\n{said}")
    return done.returncode == 0


def cpp(line, body, folder):
    if not re.search(r"\bint main\(", body):
        inner = body.splitlines()
        body = WRAPPED.format(includes="\n".join(l for l in inner if l.startswith("#include")),
                              body="\n".join(l for l in inner if not l.startswith("#include")))
    source = folder / "block.cpp"
    source.write_text(body)
    compiler = os.environ.get("CXX", "c++")
    headers, libraries = [f"-I{ROOT}/store/include", f"-I{ROOT}/format/include"], ["-llz4", "-pthread"]
    if page.startswith("tests/testing/"):
        headers.append(f"-I{ROOT}/tests/testing/include")
        libraries = ["-lrapidcheck", *libraries]
    archives = [str(archive) for archive in (BUILD / "libdurra_testing.a", BUILD / "libdurra.a") if archive.is_file()]
    built = run(line, [compiler, "-std=c++20", *headers, str(source), "-o", str(folder / "block"), *archives,
                       *libraries], folder)
    if built:
        run(line, [str(folder / "block")], folder)


def shell(line, body, folder):
    done = 0
    for number, command in enumerate(body.replace("\\\n", " ").splitlines(), line):
        command = re.sub(r"^\$ ", "", command.strip())
        for script in re.findall(r"\bbash (\S+\.sh)", command):
            if not (ROOT / script).is_file():
                finding(page, number, f"{script} does not exist")
        if re.search(r"(^|\|\s*)build/durra\b", command):
            done += 1
            run(number, command, folder)
    return done


checked = 0
for page in ("README.md", "store/GUIDE.md", "tests/testing/README.md"):
    with tempfile.TemporaryDirectory(prefix="durra.readme.") as name:
        folder = Path(name)
        (folder / "build").symlink_to(BUILD)
        for language, line, body in blocks((ROOT / page).read_text(encoding="utf-8")):
            if language == "cpp":
                checked += 1
                cpp(line, body, folder)
            elif language in ("sh", "bash"):
                checked += shell(line, body, folder)
finish(checked)
