# Who may include whom, and which headers only one file may know.  One root include directory cannot stop an upward
# include, so this does:  result.h <- format <- store <- {tools, tests, fuzz}.
import re

from house import files, finding, finish, lines

BELOW = {  # folder: private folders it may include
    "format": {"format"},
    "store": {"format", "store"},
    "tools": {"format", "tools"},  # the command proves that the public headers are enough; forensic verbs read bytes
    "fuzz": {"format", "store", "fuzz"},
    "tests": {"format", "store", "tools", "tests"},
}
# What is known in one place only: (pattern of the include, folders it holds for, beginnings of who
# may, what to use instead)
CONFINED = [
    (r"boost/", {"format", "store", "tools"}, {"store/os", "tools/examples/boost_containers.cpp"}, "store/os.h"),
    (r"xxh", {"format", "store", "tools"}, {"format/checksum.cpp"}, "format/checksum.h"),
    (r"lz4", {"format", "store", "tools"}, {"format/codec.cpp"}, "format/codec.h"),
    (r"(sys/|linux/|unistd\.h|fcntl\.h|sched\.h|signal\.h|dirent\.h)", {"format", "store"}, {"store/os"},
     "store/os.h"),
    (r"lmdb", {"tools"}, {"tools/bench/"}, "nothing: peers are known to the bench alone"),
]
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Words of the file have their orders in one place; the seam has a few words of this process alone.
ORDERED = ("store/shared.h", "store/os",
           # a type's own memory in a block: its words are its own, and their orders are said beside them
           "store/include/durra/counter.h", "store/include/durra/ring.h", "store/types/")
ORDER = re.compile(r"memory_order|__atomic_|__sync_|atomic_thread_fence")

checked = 0
for path in files(".h", ".cpp"):
    folder, name = path.parts[0], str(path)
    if folder not in BELOW or name.startswith("tests/consumer/"):
        continue
    checked += 1
    public = "include/durra/" in name
    rapidcheck_seen = False
    for number, line in enumerate(lines(path), 1):
        if folder in ("format", "store") and not name.startswith(ORDERED) and ORDER.search(line.split("//")[0]):
            finding(path, number, "memory orders live in store/shared.h; add a named accessor with its partner there")
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, header = match.groups()
        if quote == '"' and header.split("/")[0] not in BELOW[folder]:
            finding(path, number, f'{folder}/ may not include "{header}"; private includes start at the root')
        if quote == "<" and header.startswith("durra/") and folder == "format" and header != "durra/result.h":
            finding(path, number, f"format/ lies below <{header}>; it knows <durra/result.h> only")
        known = r"[a-z_]+|rapidcheck(/state)?\.h" if name.startswith("tests/testing/") else r"[a-z_]+"
        if name.endswith("durra/durra.h"):  # for C
            known = r"std(def|int)\.h"
        if public and not (header.startswith("durra/") or re.fullmatch(known, header)):
            finding(path, number, f"a public header needs the standard library only, not {header}")
        for pattern, folders, allowed, instead in CONFINED:
            if folder in folders and re.match(pattern, header) and not any(name.startswith(a) for a in allowed):
                finding(path, number, f"<{header}> belongs to {', '.join(allowed)}; use {instead}")
        rapidcheck_seen |= header.startswith("rapidcheck")
        if header == "gtest/gtest.h" and rapidcheck_seen:
            finding(path, number, "<gtest/gtest.h> comes before <rapidcheck/gtest.h>")
finish(checked)
