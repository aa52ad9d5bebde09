# Where a cgroup can be made (as root), all of it has 64 MiB, the file's pages among them; the store lies on a disk,
# where pages can be written back.
import atexit
import os
import subprocess
import tempfile
from pathlib import Path

ON_DISK = True
LIMIT = 64 << 20


def cgroup():
    if subprocess.run(["stat", "-f", "-c", "%T", tempfile.gettempdir()], capture_output=True).stdout == b"tmpfs\n":
        return None  # its pages have nowhere to go
    for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(root) / f"durra.example.{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        atexit.register(group.rmdir)
        try:
            (group / limit).write_text(str(LIMIT))
            return group
        except OSError:
            pass
    return None


GROUP = cgroup()
print(f"in a cgroup of {LIMIT >> 20} MiB" if GROUP else "no cgroup can be made here: RLIMIT_DATA is all that limits")


def before_exec():
    if GROUP:
        (GROUP / "cgroup.procs").write_text(str(os.getpid()))


def check(folder, said):
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        if GROUP and (GROUP / name).exists():
            used = int((GROUP / name).read_text())
            print(f"at most {used >> 20} MiB were used at a time")
            if not LIMIT // 2 < used <= LIMIT:
                return "so the limit was not felt, or did not hold"
    return None
