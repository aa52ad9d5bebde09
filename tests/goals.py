# The table of goals and figures:  goals.py GOALS LOGS SECONDS QUICK.  Its last line is for run.sh: met and missed.
import operator
import re
import sys
from pathlib import Path

COMPARE = {">=": operator.ge, "<=": operator.le, "==": operator.eq}
NUMBER = r"(-?\d+(?:,\d{3})*(?:\.\d+)?)"  # no comma behind it: "looks 799, pairs 5" are no 799 pairs
UNITS = {"k": 1e3, "M": 1e6, "G": 1e9}


def last_line(log):
    said = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(said) if line.strip()), "")


def figure(line, name):
    """The number beside the name, or None: "lost 0", "lost=0", '"lost":0', "0 lost", "put 3.1 M/s", "damage none"."""
    named = re.escape(name)
    found = (re.search(rf'\b{named}"?\s*[:=]\s*{NUMBER}(?:\s?([kMG])(?:/s)?\b)?', line)
             or re.search(rf"\b{NUMBER}\s+{named}\b", line)
             or re.search(rf"\b{named}\s+{NUMBER}(?:\s?([kMG])(?:/s)?\b)?", line))
    if not found:
        return 0.0 if re.search(rf"\b{named} none\b", line) else None
    unit = found.group(2) if found.re.groups > 1 else None
    return float(found.group(1).replace(",", "")) * UNITS.get(unit, 1)


def skipped(log, name):
    """A proof may skip a part of itself, which then has no figure."""
    return log.exists() and re.search(rf"^SKIP {re.escape(name)}:", log.read_text(errors="replace"), re.MULTILINE)


def text(value):
    if value is None:
        return "none"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def judge(goal, value, quick):
    """(verdict, whether it counts)"""
    match = re.fullmatch(r"(\[?)([<>=]=) ([\d.]+)\]?(\??)", goal)
    bracket, compare, limit, speed = match.groups()
    if value is not None and COMPARE[compare](value, float(limit)):
        return "met", True
    counts = not (speed or (bracket and quick))
    return ("MISSED" if counts else "missed, not counted"), counts


def main(goals, logs, seconds, quick):
    rows, met, missed, absent = [], 0, 0, []
    proofs = Path(goals).parent.name == "proof"
    for line in Path(goals).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        stage, name, goal, meaning = (part.strip() for part in line.split("|"))
        value = float(seconds) if stage == "run" else None
        if value is None:
            log = Path(logs) / f"goal-{stage}.log"
            if (quick or proofs) and not log.exists():
                if stage not in absent:
                    absent.append(stage)
                continue
            said = last_line(log)
            if said.startswith("SKIP") or skipped(log, name):
                rows.append((stage, name, goal.strip("[]"), "-", "SKIPPED", meaning))
                continue
            value = figure(said, name)
        verdict, counts = judge(goal, value, quick)
        met += verdict == "met"
        missed += verdict != "met" and counts
        rows.append((stage, name, goal.strip("[]"), text(value), verdict, meaning))
    rows.insert(0, ("stage", "figure", "goal", "now", "", "what it means"))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + "  " + row[5])
    if absent:
        print("not run:", ", ".join(absent))
    print(met, missed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "1")
