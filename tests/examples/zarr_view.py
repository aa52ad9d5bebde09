# Python reads the same sum in the store's file.
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
DURRA = os.environ.get("DURRA_COMMAND")


def lacks():
    if subprocess.run([PYTHON, "-c", "import fsspec, zarr"], capture_output=True).returncode == 0:
        return None
    return "python3-zarr and python3-fsspec are not installed (tools/setup.sh python): only the C++ half was judged"


def more(build, folder):
    with open(folder / "refs.json", "wb") as refs:
        subprocess.run([DURRA or build / "durra", "dump", "--zarr-refs", folder / "zarr_view.durra"], stdout=refs,
                       check=True, timeout=60)
    script = HERE.parents[1] / "tools/examples/zarr_view.py"
    done = subprocess.run([PYTHON, "-W", "ignore", script, folder / "refs.json"], capture_output=True, text=True,
                          timeout=60)
    if done.stdout != (folder / "stdout").read_text():
        return f"Python says: {done.stdout}{done.stderr}"
    return None
