# Do the tests notice what breaks the store?  Each mutant of tests/mutants is switched on, and something must fail.
#   run.py [--brief] [--all | --missing | --only NAME[,NAME...]] [--seed N] [--jobs N] [--seconds N]
# Ten of the mutants that tests/mutants/RESULTS.md says are killed, chosen by the seed, must die again; --brief: three
# that die quickly.  --all: every mutant is judged; --missing: each that RESULTS.md does not call killed; --only: these.
# What these three find is written into RESULTS.md.
#
# A killer is a line `! EXECUTABLE FILTER` of a mutant's row (`! proof NAME [PART]`: of the proof over the library that
# has mutants).  It kills by failing, by a signal, or by saying nothing for too long.  First the row's own are tried,
# then everything else there is.  What kills must be green without a mutant: that is looked at first.
import argparse
import concurrent.futures
import datetime
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/mutants"))
from tables import read_all  # noqa: E402

BUILD = Path(os.environ.get("DURRA_BUILD_DIR", ROOT / "build"))
RESULTS = ROOT / "tests/mutants/RESULTS.md"
ALL_ELSE = ("unit_format", "regressions", "unit_store", "crash", "property", "processes", "proof kill",
            "proof schedules", "proof power", "proof faults", "proof flips", "proof storm")
CHOSEN, CHOSEN_BRIEF = 10, 3
QUICK = ("unit_format", "unit_store")


@dataclass
class Run:
    failed: str  # by what; "": it is green
    cases: str
    seconds: float
    said: str


def command_of(killer):
    words = killer.split()
    if words[0] == "proof":
        names = (f"proof_{words[1]}_mutants", f"proof_{words[1]}")
        only = ["--only", words[2]] if len(words) > 2 else []
        return [[str(BUILD / name), "--brief", "--seed", "1", *only] for name in names]
    return [[str(BUILD / words[0]), "--gtest_fail_fast", f"--gtest_filter={':'.join(words[1:]) or '*'}"]]


def existing(killer):
    return next((c for c in command_of(killer) if os.access(c[0], os.X_OK)), None)


def run(killer, mutant, limit):
    command, began = existing(killer), time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="durra-mutant-"))
    memory = Path(tempfile.mkdtemp(prefix="durra-mutant-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    for folder in (scratch, memory):
        folder.chmod(0o755)  # tests become nobody, and look into it
    environment = dict(os.environ, DURRA_MUTANT=mutant, TMPDIR=str(scratch), DURRA_TEST_MEMORY=str(memory),
                       RC_PARAMS=f"seed=1 {os.environ.get('RC_PARAMS', '')}")
    with open(scratch / "said", "w+", encoding="utf-8", errors="replace") as said:
        child = subprocess.Popen(command, env=environment, cwd=scratch, stdin=subprocess.DEVNULL, stdout=said,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        said.seek(0)
        text = said.read()
    for folder in (scratch, memory):
        shutil.rmtree(folder, ignore_errors=True)
    return Run(reason(code, limit, text), cases(text), time.monotonic() - began, text)


def reason(code, limit, text):
    if code in (0, 77):
        return ""
    failed = re.search(r"\[  FAILED  \] ([\w./]+)", text)
    last = re.findall(r"\[ RUN      \] ([\w./]+)", text)
    test = failed.group(1) if failed else last[-1] if last else ""
    how = f"no end in {limit:.0f} s" if code is None else f"signal {-code}" if code < 0 else ""
    return ", ".join(part for part in (test, how) if part) or f"exit {code}"


def cases(text):
    tests = len(re.findall(r"^\[ RUN      \]", text.split("[  FAILED  ]")[0], re.M))
    if tests:
        return f"{tests} test{'s' if tests > 1 else ''}"
    figures = text.strip().splitlines()[-1] if text.strip() else ""
    first = re.match(r"([a-z ]+) ([\d,]+),", figures)
    return f"{first.group(2)} {first.group(1)}" if first else "-"


class Judge:
    def __init__(self):
        self.green = {}  # killer: seconds without a mutant, or None if it does not pass

    def is_green(self, killer):
        if killer not in self.green:
            plain = run(killer, "", 600)
            why = plain.failed or ("there is no such test" if "[==========] 0 tests" in plain.said else "")
            self.green[killer] = None if why else plain.seconds
            if why:
                print(f"not green without a mutant, so it kills nothing: {killer}: {why}; it said last:", flush=True)
                print(textwrap.indent("\n".join(plain.said.splitlines()[-40:]), "  "), flush=True)
        return self.green[killer] is not None

    def judge(self, mutant, everything):
        """(killer, Run) or None"""
        own = [k for k in mutant.killers if existing(k)]
        others = [k for k in ALL_ELSE if existing(k)] if everything else []
        for killer in own + others:
            if not self.is_green(killer):
                continue
            found = run(killer, mutant.name, max(20.0, 5 * self.green[killer]))
            if found.failed:
                return killer, found
        return None


ROW = re.compile(r"\| (\w+) \| \w+\.txt \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|")


def known_to_die():
    """name: the cells that RESULTS.md has of it"""
    killed = RESULTS.read_text(encoding="utf-8").split("\n## ")[0]
    return {row.group(1): row.groups()[1:] for row in ROW.finditer(killed)}


def choose(mutants, arguments, seed):
    killed = known_to_die()
    if arguments.only:
        names = arguments.only.split(",")
        if unknown := set(names) - {m.name for m in mutants}:
            sys.exit(f"no such mutants: {', '.join(sorted(unknown))}")
        return [m for m in mutants if m.name in names]
    if arguments.missing:
        return [m for m in mutants if m.name not in killed]
    if arguments.all:
        return mutants
    mutants = [m for m in mutants if m.name in killed]
    if arguments.brief:
        mutants = [m for m in mutants if m.killers[0].split()[0] in QUICK]
    return random.Random(seed).sample(mutants, CHOSEN_BRIEF if arguments.brief else CHOSEN)


def write_results(every, killed, survived):
    """What was found now, and of the others what was known."""
    known = known_to_die()
    for m in survived:
        known.pop(m.name, None)
    for m, (killer, found) in killed:
        known[m.name] = (killer.replace("|", "+"), found.failed, found.cases, f"{found.seconds:.1f}")
    equivalent = [m for m in every if m.equivalent]
    survived = [m for m in every if not m.equivalent and m.name not in known]
    killed = [m for m in every if not m.equivalent and m.name in known]
    lines = ["# Mutants: what kills them", "",
             f"{len(killed)} are killed, {len(survived)} are not yet, {len(equivalent)} are equivalent "
             f"({datetime.date.today()}). `tests/proof/mutants/run.py --all` judges all of them, `--missing` those "
             "that are not killed, and writes it here; without these ten of the killed are chosen, and must die again.",
             "", "| mutant | table | killed by | how | after | seconds |", "|---|---|---|---|---|---|"]
    lines += [f"| {m.name} | {m.table} | {' | '.join(known[m.name])} |" for m in killed]
    if survived:
        lines += ["", "## Not killed yet", "", "Holes of the tests, or work for a proof that has not judged them.", "",
                  "| mutant | table | breaks |", "|---|---|---|"]
        lines += [f"| {m.name} | {m.table} | {m.meaning} |" for m in survived]
    lines += ["", "## Equivalent", "", "| mutant | table | why |", "|---|---|---|"]
    lines += [f"| {m.name} | {m.table} | {m.equivalent} |" for m in equivalent]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    seed, began = arguments.seed, time.monotonic()
    print(f"the tests notice what breaks the store; seed {seed}", flush=True)

    every = read_all()
    mutants = [m for m in every if not m.equivalent]
    judge, killed, survived = Judge(), [], []

    def one(m):
        return m, judge.judge(m, not arguments.brief)

    while True:
        chosen = choose(mutants, arguments, seed)
        for killer in {k for m in chosen for k in m.killers if existing(k)}:
            judge.is_green(killer)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for m, verdict in pool.map(one, chosen):
                if verdict:
                    killer, found = verdict
                    killed.append((m, verdict))
                    print(f"killed {m.name}: {killer}: {found.failed}, {found.cases}, {found.seconds:.1f} s",
                          flush=True)
                else:
                    survived.append(m)
                    print(f"FAILED: {m.name} survives: {m.meaning} DURRA_MUTANT={m.name} switches it on.", flush=True)
        seed += 1
        if time.monotonic() - began >= arguments.seconds:
            break
    if arguments.all or arguments.missing or arguments.only:
        write_results(every, killed, survived)
    print(f"mutants {len(killed) + len(survived)}, killed {len(killed)}, survived {len(survived)}, "
          f"equivalent {len(every) - len(mutants)}, failures {len(survived)}, seed {arguments.seed}, "
          f"seconds {time.monotonic() - began:.1f}")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
