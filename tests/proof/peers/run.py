# G15 on demand:  run.py [--readme] [arguments of build/proof_peers].  --readme: its table goes into README.md.
import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
arguments = [a for a in sys.argv[1:] if a != "--readme"]
done = subprocess.run([ROOT / "build/proof_peers", *arguments], capture_output=True, text=True)
print(done.stdout + done.stderr, end="")
if "--readme" in sys.argv and done.returncode == 0:
    table = "\n".join(line for line in done.stdout.splitlines() if line.startswith("|"))
    command = " ".join(["build/proof_peers", *arguments])
    readme = ROOT / "README.md"
    text, count = re.subn(r"(<!-- peers: .*? -->\n).*?(<!-- /peers -->)",
                          lambda m: f"{m[1]}{table}\n\n`{command}`, {datetime.date.today()}.\n{m[2]}",
                          readme.read_text(), flags=re.S)
    if count != 1:
        sys.exit("README.md has no place for the table")
    readme.write_text(text)
sys.exit(done.returncode)
