# What `durra import` wrote, `durra dump` and tests/reader.py read alike: FORMAT.md is enough to read a store.
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from house import BUILD, ROOT, finish

DURRA = os.environ.get("DURRA_COMMAND", str(BUILD / "durra"))
SEED = int(os.environ.get("DURRA_SEED", random.randrange(1 << 32)))


def records(rng):
    """As `durra dump` prints them: keys and payloads of every kind, of sizes from nothing to a run of regions."""
    names = [{"key": f"user/{n}"} for n in range(300)] + [{"id": n} for n in (0, 7, 1 << 63, (1 << 64) - 1)]
    names += [{"key": "7"}, {"key": "ü" * 512}, {"key_base64": base64.b64encode(b"\xff\xfe").decode()}]
    for _ in range(3000):
        yield {**rng.choice(names), "base64": base64.b64encode(rng.randbytes(rng.choice((0, 1, 100, 5000)))).decode()}
    yield {"key": "large", "base64": base64.b64encode(rng.randbytes(3 << 20)).decode()}
    yield {"key": "even", "text": "zip" * 10000}


def normal(text):
    """Sorted lines with the payload as base64 and the fields in one order."""
    out = []
    for record in map(json.loads, text.splitlines()):
        if "text" in record:
            record["base64"] = base64.b64encode(record.pop("text").encode()).decode()
        out.append(json.dumps(record, sort_keys=True))
    return sorted(out)


def run(*command, **how):
    done = subprocess.run(command, capture_output=True, text=True, **how)
    if done.returncode != 0:
        sys.exit(f"seed {SEED}: {' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def lines_of(items):
    return "".join(json.dumps(r) + "\n" for r in items)


rng = random.Random(SEED)
compared = 0
with tempfile.TemporaryDirectory() as folder:
    store = Path(folder) / "s.durra"
    for compress in ([], ["--compress"]):
        run(DURRA, "import", store, *compress, input=lines_of(records(rng)))
        for n in rng.sample(range(300), 30):  # some twice: then there is nothing to erase
            subprocess.run([DURRA, "erase", store, f"user/{n}"], check=False, capture_output=True)
        ours, theirs = normal(run(DURRA, "dump", store)), normal(run(sys.executable, ROOT / "tests/reader.py", store))
        if ours != theirs:
            only = [f"  dump only: {t[:100]}" for t in ours if t not in theirs]
            only += [f"  reader only: {t[:100]}" for t in theirs if t not in ours]
            sys.exit(f"seed {SEED}: dump and reader.py differ\n" + "\n".join(only[:20]))
        compared += len(ours)
finish(compared)
