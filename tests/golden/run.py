# Golden files: stores as earlier builds left them, packed in NAME.durra.xz.  Each opens and holds what NAME.ndjson says,
# or is refused with the words below; `verify` says of each what stands here.
#   run.py          judges (the test `golden`)
#   run.py --make   makes them anew, all of them, with build/golden_make and build/durra: after a change of the format.
#                   Look at what git then says of the listings: they must not change.  Once the format is frozen, files
#                   of a released format are kept for ever, in a folder of its number, and never made anew.
import base64
import json
import lzma
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("DURRA_BUILD_DIR", HERE.parents[1] / "build"))
DURRA = os.environ.get("DURRA_COMMAND", BUILD / "durra")
READER = HERE.parent / "reader.py"
REFUSED = {  # by every verb, with these words
    "version-99": "another format version",
    "feature-unknown": "a feature that this build does not have",
    "other-layout": "another layout of format 0",
}
# Refused with these words, because its index must be built anew; `verify` reads it.
READ_ONLY = {"feature-read-only": "a newer build must write this file"}
# `verify` says this, the rest is refused; NAME.ndjson is what `durra recover` makes of it.
DAMAGED = {"damaged-payload": "user/7", "damaged-header": "checksum", "truncated": "outside the file"}
bad = []


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def expect(name, what, condition, *said):
    if not condition:
        bad.append(f"{name}: {what}: " + " | ".join(str(s).strip()[:300] for s in said))


def listing(text):
    """Sorted records; payloads as base64, long ones as they compress best."""
    out = []
    for record in map(json.loads, text.splitlines()):
        if record.get("key", "").startswith("\0") or base64.b64decode(record.get("key_base64", ""))[:1] == b"\0":
            continue  # the library's own: only the independent reader shows them
        if "text" in record:
            record["base64"] = base64.b64encode(record.pop("text").encode()).decode()
        payload = base64.b64decode(record.pop("base64"))
        long = len(payload) > 200 and payload == payload[:1] * len(payload)
        record["payload"] = [len(payload), chr(payload[0])] if long else base64.b64encode(payload).decode()
        out.append(json.dumps(record, sort_keys=True))
    return "".join(line + "\n" for line in sorted(out))


def unpack(name, folder):
    """A copy that is sparse where the file was: at another place, so that no index is trusted."""
    path = Path(folder) / f"{name}.durra"
    data = lzma.decompress((HERE / f"{name}.durra.xz").read_bytes())
    with open(path, "wb") as file:
        for at in range(0, len(data), 4096):
            if any(data[at:at + 4096]):
                file.seek(at)
                file.write(data[at:at + 4096])
        file.truncate(len(data))
    return path


def readable(name, path):
    """Itself, or what can be recovered of it."""
    if name not in DAMAGED:
        return path
    fresh = path.with_suffix(".recovered")
    run(DURRA, "recover", path, fresh)
    return fresh


def judge(name, folder):
    path = unpack(name, folder)
    refusal = REFUSED.get(name) or READ_ONLY.get(name) or ("durra recover" if name in DAMAGED else None)
    if refusal:
        for verb in (("dump",), ("info",), ("get", "user/1"), ("put", "user/1", "value")):
            status, out, err = run(DURRA, verb[0], path, *verb[1:])
            expect(name, verb[0], status == (3 if name in DAMAGED else 1) and refusal in err, status, out, err)
    status, out, err = run(DURRA, "verify", path)
    good = status == (3 if name in DAMAGED else 1 if name in REFUSED else 0)
    expect(name, "verify", good and DAMAGED.get(name, REFUSED.get(name, "")) in out + err, status, out, err)
    if name in REFUSED or name in READ_ONLY:
        return
    path = readable(name, path)
    expected = (HERE / f"{name}.ndjson").read_text()
    if name == "clean":
        status, out, err = run(sys.executable, "-B", READER, path)
        expect(name, "reader.py", status == 0 and listing(out) == expected, status, err)
    status, out, err = run(DURRA, "dump", path)
    expect(name, "dump", status == 0 and listing(out) == expected, status, err)
    status, out, err = run(DURRA, "put", path, "a new key", "a value")
    expect(name, "put", status == 0, status, out, err)
    status, out, err = run(DURRA, "get", path, "a new key")
    expect(name, "get", status == 0 and out.strip() == "a value", status, out, err)


def make():
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as scratch:
        subprocess.run([BUILD / "golden_make", folder], check=True)
        for old in [*HERE.glob("*.xz"), *HERE.glob("*.ndjson")]:
            old.unlink()
        for path in sorted(Path(folder).glob("*.durra")):
            packed = lzma.compress(path.read_bytes(), preset=9 | lzma.PRESET_EXTREME)
            (HERE / f"{path.name}.xz").write_bytes(packed)
            name = path.name.removesuffix(".durra")
            if name not in REFUSED and name not in READ_ONLY:
                copy = readable(name, unpack(name, scratch))
                (HERE / f"{name}.ndjson").write_text(listing(run(DURRA, "dump", copy)[1]))


if sys.argv[1:] == ["--make"]:
    make()
names = sorted(p.name.removesuffix(".durra.xz") for p in HERE.glob("*.durra.xz"))
with tempfile.TemporaryDirectory() as scratch:
    for each in names:
        judge(each, scratch)
if not names:
    sys.exit("no golden files")
print("\n".join(bad) or f"golden files {len(names)}, all as they were")
sys.exit(1 if bad else 0)
