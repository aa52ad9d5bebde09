# Shared by the house tests: the project's files, and how a finding is reported.  Not a test.
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ.get("DURRA_SOURCE_DIR", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("DURRA_BUILD_DIR", ROOT / "build"))

_findings = []


def files(*suffixes):
    """Paths relative to the root, of what git tracks; without git, of all that is not a build."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
        names = [n for n in listed.decode().split("\0") if n]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, here in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in (".git", "__pycache__") and not f.startswith("build")]
            names += [os.path.relpath(os.path.join(folder, n), ROOT) for n in here]
    paths = [Path(n) for n in sorted(names) if (ROOT / n).is_file()]
    return [p for p in paths if not suffixes or p.suffix in suffixes]


def lines(path):
    return (ROOT / path).read_text(encoding="utf-8").splitlines()


def finding(path, line, message):
    _findings.append(f"{path}:{line}: {message}")


def finish(checked):
    if not checked:
        sys.exit("nothing to check: the test looks in the wrong place")
    print("\n".join(_findings) or f"{checked} checked, nothing found")
    sys.exit(1 if _findings else 0)
