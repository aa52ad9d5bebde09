# One example of tools/examples, as people run it and as fate does.
#   run.py NAME [--seed N]           in an empty folder, then again on the store that is there
#   run.py NAME --kill [--seed N]    workers are killed at random, and the example as a whole, and started again
# What it prints must be NAME.txt; on a store that is there NAME.again.txt, if there is one.  {number} stands for a
# number, {text} for what changes from run to run.  NAME.py beside it, if it is there, says more: arguments(folder),
# before_exec(), check(folder, lines), more(build, folder), lacks() what more() needs, ON_DISK.  Kills come from outside
# and are counted where they were felt: by the example's supervisor, which says so, or in its exit status.  Without one
# of each kind this fails.
import argparse
import ctypes
import importlib.util
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("DURRA_BUILD_DIR", HERE.parents[1] / "build"))
FELT = "was killed and is started again"
PATIENCE = 50  # seconds; longer is a hang
TRIES, SECONDS = 400, 2  # at most so many killed runs; at least that long
PR_SET_CHILD_SUBREAPER = 36


def scratch(on_disk):
    """In memory where that has room, so that more kills fit in."""
    shm = Path("/dev/shm")
    if not on_disk and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 512 << 20:
        return shm
    return None


def pattern(name):
    text = re.escape((HERE / name).read_text(encoding="utf-8").rstrip("\n"))
    return re.compile(text.replace(r"\{number\}", r"-?\d+(\.\d+)?").replace(r"\{text\}", ".*"))


class Example:
    def __init__(self, name):
        self.name, self.kept = name, None
        self.first = pattern(f"{name}.txt")
        self.again = pattern(f"{name}.again.txt") if (HERE / f"{name}.again.txt").exists() else self.first
        self.extra = None
        if (HERE / f"{name}.py").exists():
            spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
            self.extra = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(self.extra)

    def folder(self):
        return Path(tempfile.mkdtemp(dir=self.kept))

    def start(self, folder):
        arguments = self.extra.arguments(folder) if hasattr(self.extra, "arguments") else []
        out, err = open(folder / "stdout", "w+b"), open(folder / "stderr", "a+b")
        return subprocess.Popen([BUILD / f"example_{self.name}", *arguments], cwd=folder, stdout=out, stderr=err,
                                preexec_fn=getattr(self.extra, "before_exec", None))

    def end(self, process, folder):
        """Its exit status, once nobody of it is left."""
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail(folder, f"still running after {PATIENCE} s")
        until = time.monotonic() + PATIENCE
        try:  # its workers: they are ours now, and die with it
            while os.waitpid(-1, os.WNOHANG)[0] != 0 or time.monotonic() < until:
                time.sleep(0.001)
        except ChildProcessError:
            return status
        for worker in children(os.getpid()):
            os.kill(worker, signal.SIGKILL)
        self.fail(folder, f"a worker outlives it by {PATIENCE} s")

    def judge(self, status, folder, *expected):
        said = "\n".join(line.rstrip() for line in (folder / "stdout").read_text(encoding="utf-8").splitlines())
        if status != 0:
            self.fail(folder, f"exit {status}")
        if not any(e.fullmatch(said) for e in expected):
            self.fail(folder, f"this was expected:\n{expected[0].pattern}\n")
        if hasattr(self.extra, "check"):
            wrong = self.extra.check(folder, said.splitlines())
            if wrong:
                self.fail(folder, wrong)

    def fail(self, folder, why):
        for name in ("stdout", "stderr"):
            print(f"--- {name}\n{(folder / name).read_text(encoding='utf-8', errors='replace')[-4000:]}")
        sys.exit(f"example {self.name}: {why}")

    def whole(self, folder, *expected):
        start = time.monotonic()
        self.judge(self.end(self.start(folder), folder), folder, *expected)
        return time.monotonic() - start


def children(parent):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) > parent:
            try:
                with open(f"/proc/{name}/stat", "rb") as f:
                    if int(f.read().rsplit(b")", 1)[1].split()[1]) == parent:
                        found.append(int(name))
            except OSError:
                pass  # ended meanwhile
    return found


def kill_while_it_runs(example, chance, seconds, whom):
    """One run with kills at random times; how many were felt, and the folder."""
    folder, felt = example.folder(), 0
    process = example.start(folder)
    begin = time.monotonic()
    for at in sorted(seconds * chance.random() ** 2 for _ in range(chance.randint(1, 3))):  # workers come first
        time.sleep(max(0.0, begin + at - time.monotonic()))
        if whom == "all":
            process.kill()
            felt += example.end(process, folder) == -signal.SIGKILL
            process = example.start(folder)
            continue
        while process.poll() is None:
            workers = children(process.pid)
            if workers:
                try:
                    os.kill(chance.choice(workers), signal.SIGKILL)
                except ProcessLookupError:
                    pass
                break
    expected = (example.first, example.again) if whom == "all" else (example.first,)
    example.judge(example.end(process, folder), folder, *expected)
    if whom == "worker":
        felt = (folder / "stderr").read_text(encoding="utf-8", errors="replace").count(FELT)
    return felt, folder


def run_and_kill(example, chance):
    folder = example.folder()
    seconds = example.whole(folder, example.first)
    has_workers = "run_workers(" in (HERE.parents[1] / f"tools/examples/{example.name}.cpp").read_text(encoding="utf-8")
    felt = {"worker": 0, "all": 0} if has_workers else {"all": 0}
    start, tries = time.monotonic(), 0
    while tries < TRIES and (time.monotonic() - start < SECONDS or not all(felt.values())):
        for whom in felt:
            n, folder = kill_while_it_runs(example, chance, seconds, whom)
            felt[whom] += n
            tries += 1
            if seconds < 1:
                example.whole(folder, example.again)
            shutil.rmtree(folder)
    print(f"{tries} runs, kills felt: " + ", ".join(f"{n} of {whom}" for whom, n in felt.items()))
    if not all(felt.values()):
        sys.exit(f"example {example.name}: nobody was killed, in {tries} tries: this shows nothing")


def run_twice(example):
    folder = example.folder()
    example.whole(folder, example.first)
    example.whole(folder, example.again)
    lacks = example.extra.lacks() if hasattr(example.extra, "lacks") else None
    if lacks:
        print(f"SKIP: {lacks}")
        sys.exit(77)
    if hasattr(example.extra, "more"):
        wrong = example.extra.more(BUILD, folder)
        if wrong:
            example.fail(folder, wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    given = parser.parse_args()
    print(f"example {given.name}, seed {given.seed}", flush=True)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    example = Example(given.name)
    place = scratch(getattr(example.extra, "ON_DISK", False))
    with tempfile.TemporaryDirectory(prefix="durra.example.", dir=place) as example.kept:
        if given.kill:
            run_and_kill(example, random.Random(given.seed))
        else:
            run_twice(example)


main()
