#!/usr/bin/env python3
"""Checks the models of the protocol with spin: each scene of a true model must be exhausted without an error, each
mutant must be killed by a violated assertion or an invalid end state.  Both are listed in the head of each model.

    /usr/bin/python3 -B tests/models/run.py [--quick] [MODEL...]

--quick: only the scenes marked so (about a minute on two cores); without it all of them (at most ten minutes).
Exit status 0: all as it must be; 77: skipped.  Needs spin and gcc (tools/setup.sh test)."""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
COMPILE = ["gcc", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=2048", "-DVECTORSZ=1024"]
SCENE = re.compile(r"^ \* scene (\w+)( quick)?:(.*)$", re.M)
MUTANT = re.compile(r"^ \* mutant (\w+) in (\w+): \S", re.M)
USED = re.compile(r"\bMUTANT_(\w+)")
ERROR = re.compile(r"^pan:\d+: (.*?) \(at depth", re.M)
KILLS = ("assertion violated", "invalid end state")


@dataclasses.dataclass
class Run:
    """One search: a scene of a model, true or as one of its mutants."""
    model: str
    scene: str
    mutant: str | None
    flags: list
    large: bool = False
    states: int = 0
    seconds: float = 0.0
    error: str | None = None  # what spin found
    broken: str | None = None  # why the search says nothing

    def good(self):
        if self.broken:
            return False
        return bool(self.error) == bool(self.mutant)

    def name(self):
        return f"{self.model}/{self.scene}" + (f" as {self.mutant}" if self.mutant else "")


def read(path):
    """The scenes {name: (quick, flags)} and mutants {name: scene} that the head of a model names."""
    text = path.read_text(encoding="utf-8")
    scenes = {name: (bool(quick), flags.split()) for name, quick, flags in SCENE.findall(text)}
    mutants = dict(MUTANT.findall(text))
    body = text.split("*/", 1)[1]
    if not scenes or not mutants:
        sys.exit(f"{path.name}: no scenes or no mutants in its head")
    if set(USED.findall(body)) != set(mutants):
        sys.exit(f"{path.name}: mutants of the head and of the text differ: {set(USED.findall(body)) ^ set(mutants)}")
    if unknown := set(mutants.values()) - set(scenes):
        sys.exit(f"{path.name}: mutants in unknown scenes: {unknown}")
    if not any(quick for quick, _ in scenes.values()):
        sys.exit(f"{path.name}: no scene is quick")
    return scenes, mutants


def plan(models, quick):
    runs = []
    for path in models:
        scenes, mutants = read(path)
        for name, (is_quick, flags) in scenes.items():
            if is_quick or not quick:
                runs.append(Run(path.stem, name, None, flags, large=not is_quick))
        for name, scene in mutants.items():
            runs.append(Run(path.stem, scene, name, [*scenes[scene][1], f"-DMUTANT_{name}"]))
    return runs


def judge(run, output):
    """Fills in what the output of the search says."""
    if states := re.search(r"^\s*(\S+) states, stored", output, re.M):
        run.states = int(float(states[1]))
    found = ERROR.search(output)
    if found and found[1].startswith(KILLS):
        run.error = found[1][:60]
    elif found:
        run.broken = found[1]
    elif "max search depth too small" in output:
        run.broken = "the depth of the search was too small"
    elif not re.search(r"errors: 0$", output, re.M) or "Search not completed" in output:
        run.broken = "the search did not end: " + output.strip()[-300:]


def search(run):
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="durra-model-") as folder:
        def call(words):
            done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != 0 and words[0] != "./pan":
                run.broken = f"{words[0]}: {done.stdout.strip()[-400:]}"
            return done.stdout

        level = "-O1" if run.large else "-O0"  # a small search costs less than its optimisation
        for words in (["spin", *run.flags, "-a", str(HERE / f"{run.model}.pml")],
                      [*COMPILE, level, "-o", "pan", "pan.c"]):
            if not run.broken:
                call(words)
        if not run.broken:
            judge(run, call(["./pan", "-m1000000", "-w22"]))
    run.seconds = time.monotonic() - began
    return run


def drift(runs, quick):
    """What the table of tests/README.md says otherwise: [text]."""
    table = (HERE.parent / "README.md").read_text(encoding="utf-8")
    differs = []
    for model in sorted({r.model for r in runs}):
        true = [r for r in runs if r.model == model and not r.mutant]
        mutants = sum(r.model == model for r in runs) - len(true)
        figures = f"{len(true)} | {sum(r.states for r in true):,} |"
        row = re.search(rf"^\| {model} \| (.*?\|.*?\|) (.*?\|.*?\|) (.*) \|$", table, re.M)
        if not row or row[1 if quick else 2] != figures or row[3] != f"{mutants} of {mutants}":
            differs.append(f"tests/README.md: {model} is {figures} {mutants} of {mutants}")
    return differs


def report(runs, took):
    """A line for each true scene, and whether each mutant was killed."""
    print(f"{'model':18} {'scene':12} {'states':>12} {'seconds':>8}  mutants killed")
    for run in runs:
        if run.mutant:
            continue
        mutants = [r for r in runs if (r.model, r.scene) == (run.model, run.scene) and r.mutant]
        killed = f"{sum(r.good() for r in mutants)} of {len(mutants)}" if mutants else ""
        print(f"{run.model:18} {run.scene:12} {run.states:12,} {run.seconds:8.1f}  {killed}")
    bad = [r for r in runs if not r.good()]
    for run in bad:
        print(f"FAILED {run.name()}: {run.broken or run.error or 'nothing was found: the mutant lives'}")
    true = [r for r in runs if not r.mutant]
    print(f"{len({r.model for r in runs})} models, {len(true)} scenes, {sum(r.states for r in true):,} states; "
          f"{len(runs) - len(true)} mutants; {len(bad)} failed; {took:.0f} s")
    return not bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="each search as it ends")
    parser.add_argument("models", nargs="*")
    words = parser.parse_args()
    for tool in ("spin", "gcc"):
        if not shutil.which(tool):
            print(f"SKIP: {tool} is not here: bash tools/setup.sh test")
            sys.exit(77)
    paths = sorted(HERE.glob("*.pml"))
    if words.models:
        paths = [p for p in paths if p.stem in words.models]
    if not paths:
        sys.exit("no such model")
    began = time.monotonic()
    runs = plan(paths, words.quick)
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for run in pool.map(search, runs):
            if words.verbose:
                found = run.error or run.broken or ""
                print(f"{run.name():44} {run.states:12,} {run.seconds:6.1f} s  {found}", flush=True)
    good = report(runs, time.monotonic() - began)
    differs = drift(runs, words.quick) if good else []
    print("".join(line + "\n" for line in differs), end="")
    sys.exit(0 if good and not differs else 1)


if __name__ == "__main__":
    main()
