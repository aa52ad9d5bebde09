# The command and bad input: a clear error, the documented exit status, nothing written, nothing hangs.
import json
import os
import resource
import signal
import subprocess
import unittest

from command import DURRA, Case

LOOK = {"info": [], "ls": [], "get": ["k"], "who": [], "regions": [], "dump": [], "verify": []}
ALL = {**LOOK, "put": ["k", "v"], "erase": ["k"], "import": ["/dev/null"], "backup": ["fresh.durra"], "compact": [],
       "metrics": [], "recover": ["fresh.durra"]}
NOBODY = 65534


def limit(what, value):
    return lambda: resource.setrlimit(what, (value, value))


def as_nobody():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


class BadInput(Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.out("put", "good.durra", "k", "v")

    def content(self):
        return {name: (self.folder / name).read_bytes() if (self.folder / name).is_file() else None
                for name in sorted(os.listdir(self.folder))}

    def refuses(self, name, exit, said, verbs=ALL, **how):
        """Every verb refuses this file with these words, as text and as JSON, and leaves the folder as it was."""
        before = self.content()
        for verb, more in verbs.items():
            done = self.run_raw(verb, name, *more, "--json", **how)
            self.assertEqual(done.returncode, exit, (verb, name, done))
            self.assertRegex(done.stderr.decode(), said, (verb, name))
            error = json.loads(done.stdout)
            self.assertEqual((error["ok"], error["verb"], error["store"]), (False, verb, name))
            self.assertIn(error["error"]["message"], done.stderr.decode())
        self.assertEqual(self.content(), before)

    def test_not_a_store(self):
        (self.folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 and so on" * 100)
        self.refuses("photo.jpg", 1, r"^durra: photo\.jpg: not a durra store \(begins ff d8 ff e0\)\n$")
        (self.folder / "empty").write_bytes(b"")
        self.refuses("empty", 1, r"^durra: empty: not a durra store \(empty\)\n$")
        (self.folder / "a").write_bytes(b"a")
        self.refuses("a", 1, r"^durra: a: not a durra store \(begins 61\)\n$")

    def test_not_a_file(self):
        (self.folder / "folder").mkdir()
        self.refuses("folder", 1, r"^durra: folder: is a directory\n$")
        os.mkfifo(self.folder / "fifo")
        self.refuses("fifo", 1, r"^durra: fifo: is a FIFO\n$")
        os.symlink("good.durra", self.folder / "link")
        self.refuses("link", 1, r"^durra: link: is a symbolic link\n$")
        self.refuses("/dev/zero", 1, r"^durra: /dev/zero: is a device\n$")

    def test_nothing_there(self):
        there = {verb: more for verb, more in ALL.items() if verb not in ("put", "import")}
        self.refuses("no.durra", 1, r"^durra: no\.durra: no such file; durra create no\.durra makes one\n$", there)
        self.refuses("no/no.durra", 1, r"^durra: no/no\.durra: no such folder(, nothing was changed)?\n$",
                     {**ALL, "create": []})

    def test_truncated(self):
        whole = (self.folder / "good.durra").read_bytes()
        for size in (8, 100, 255, 256, 70_000, 131_071, 131_072, 200_000):
            (self.folder / "cut").write_bytes(whole[:size])
            for verb, more in LOOK.items():
                done = self.run_raw(verb, "cut", *more)
                self.assertIn(done.returncode, (1, 3), (size, verb, done))
                said = (done.stderr + done.stdout).decode()
                self.assertRegex(said, r"0x[0-9a-f]+|not a durra store", (size, verb))

    def test_another_version_or_layout(self):
        whole = bytearray((self.folder / "good.durra").read_bytes())
        whole[8] = 99
        (self.folder / "future").write_bytes(whole)
        self.refuses("future", 1, r"^durra: future: .*another format version")

    def test_no_permission(self):
        os.chmod(self.folder / "good.durra", 0)
        self.refuses("good.durra", 1, r"^durra: good\.durra: open: Permission denied; nothing was changed\n$",
                     preexec_fn=as_nobody)
        os.chmod(self.folder / "good.durra", 0o444)
        if os.getuid() == 0:
            os.chown(self.folder / "good.durra", NOBODY, NOBODY)
        before = self.content()
        for words in (["put", "good.durra", "k", "w"], ["erase", "good.durra", "k"]):
            err = self.run_text(*words, exit=1, preexec_fn=as_nobody)[1]
            self.assertRegex(err, r"^durra: good\.durra: .*(Permission denied|read)")
        self.assertEqual(self.content(), before)

    def test_reading_needs_no_right_to_write(self):
        os.chmod(self.folder / "good.durra", 0o444)
        if os.getuid() == 0:
            os.chown(self.folder / "good.durra", NOBODY, NOBODY)
        for verb, more in LOOK.items():
            self.run_text(verb, "good.durra", *more, preexec_fn=as_nobody)
        self.assertEqual(self.out("get", "good.durra", "k", preexec_fn=as_nobody), "v")

    def test_keys_over_the_limit(self):
        self.out("put", "good.durra", "x" * 1024, "v")
        before = self.dumped("good.durra")
        err = self.run_text("put", "good.durra", "x" * 1025, "v", exit=1)[1]
        self.assertEqual(err, "durra: good.durra: the key is too long (at most 1 KiB), nothing was changed\n")
        self.assertEqual(self.json("put", "good.durra", "x" * 1025, "v", exit=1)["error"]["limit_bytes"], 1024)
        self.run_text("put", "good.durra", "", "v", exit=2)
        self.run_text("put", "good.durra", "18446744073709551616", "v", exit=2)
        self.assertEqual(self.dumped("good.durra"), before)

    def test_a_payload_over_the_limit(self):
        self.out("create", "small.durra", "--max-size", "8MiB", "--region-size", "64KiB")
        error = self.json("put", "small.durra", "k", exit=1, data=b"x" * (3 << 20))["error"]
        self.assertEqual((error["code"], error["limit_bytes"]), ("too_large", 2 << 20))

    def test_inputs_that_cannot_be_read(self):
        for name, said in (("no", "No such file or directory"), (".", "Is a directory")):
            self.assertEqual(self.run_text("import", "good.durra", name, exit=1)[1], f"durra: {name}: {said}\n")

    def test_an_output_that_cannot_be_written(self):
        self.out("put", "big.durra", "k", data=b"x" * 5_000_000)
        for words in (["dump", "good.durra"], ["ls", "good.durra"], ["dump", "big.durra"], ["get", "good.durra", "k"],
                      ["get", "big.durra", "k"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([DURRA, *words], cwd=self.folder, stdout=full, stderr=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stderr), (1, b"durra: standard output: No space left on device\n"))
        with open("/dev/full", "w") as full:
            done = subprocess.run([DURRA, "get", "none.durra", "k"], cwd=self.folder, stderr=full)
        self.assertEqual(done.returncode, 1)
        self.out("import", "good.durra", "--format", "lines", data=b"x\n" * 50_000)
        reader = self.start("dump", "good.durra")
        reader.stdout.close()
        with reader.stderr:
            reader.stderr.read()
        self.assertEqual(reader.wait(timeout=30), -signal.SIGPIPE)

    def test_without_the_standard_streams(self):
        """Where they are closed, no store may come to stand in their place: it would be written into, or imported."""
        self.out("put", "good.durra", "k", "v")
        before = self.dumped("good.durra")
        for redirection in ("<&-", "<&- 2>&-", "<&- >&- 2>&-"):
            script = f'exec "$0" import good.durra --format lines --acknowledge {redirection}'
            done = subprocess.run(["sh", "-c", script, os.path.abspath(DURRA)], cwd=self.folder, timeout=30,
                                  stderr=subprocess.DEVNULL)
            self.assertEqual((done.returncode, self.dumped("good.durra")), (1, before), redirection)
        script = 'echo new | "$0" import good.durra --format lines --key-prefix line --acknowledge >&-'
        done = subprocess.run(["sh", "-c", script, os.path.abspath(DURRA)], cwd=self.folder, timeout=30,
                              stderr=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.dumped("good.durra"), {**before, ("str", "line1"): b"new"})
        self.out("verify", "good.durra")

    def test_findings_that_cannot_be_written(self):
        self.out("import", "bad.durra", "--format", "lines", data=b"payload\n" * 1000)
        bad = self.folder / "bad.durra"
        bad.write_bytes(bad.read_bytes().replace(b"payload", b"payroll"))
        with open("/dev/full", "w") as full:
            done = subprocess.run([DURRA, "verify", "bad.durra"], cwd=self.folder, stdout=full, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (1, b"durra: standard output: No space left on device\n"))


class Space(Case):
    """Whatever runs out, the answer is `full` with the numbers, and the store is as it was."""

    def fills(self, said, **how):
        (self.folder / "in").write_text("".join(f"{n} {'x' * 1000}\n" for n in range(40_000)))
        words = [DURRA, "import", "a.durra", "in", "--format", "lines", "--acknowledge", "--json"]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, timeout=120, **how)
        *acknowledged, answer = map(json.loads, done.stdout.splitlines())
        self.assertEqual((done.returncode, answer["error"]["code"]), (1, "full"), done.stderr)
        self.assertRegex(answer["error"]["message"], said)
        self.assertGreater(answer["error"]["needed_bytes"], 0)
        self.assertGreater(len(acknowledged), 100)
        self.assertEqual({key for _, key in self.dumped("a.durra")}, {a["id"] for a in acknowledged})
        self.out("verify", "a.durra")
        return len(acknowledged)

    def test_max_size(self):
        self.out("create", "a.durra", "--max-size", "8MiB", "--region-size", "64KiB")
        stored = self.fills(r"^max_size is reached, nothing was changed \(needs .*, the limit is 8 MiB\)")
        self.assertGreater(stored * 1000, 6 << 20)

    def test_the_limit_of_a_files_size(self):
        self.out("create", "a.durra")
        size = (self.folder / "a.durra").stat().st_size
        self.fills(r"^file size limit reached \(ulimit -f\), nothing was changed \(needs .* free\)",
                   preexec_fn=limit(resource.RLIMIT_FSIZE, size + (6 << 20)))

    def test_creation_under_a_small_limit(self):
        error = self.json("create", "a.durra", exit=1, preexec_fn=limit(resource.RLIMIT_FSIZE, 100 << 10))["error"]
        self.assertEqual(error["code"], "full")
        self.assertEqual(os.listdir(self.folder), [])

    def test_address_space(self):
        self.out("put", "a.durra", "k", "v")
        for words in (["put", "a.durra", "k", "w"], ["get", "a.durra", "k"], ["create", "b.durra"]):
            err = self.run_text(*words, exit=1, preexec_fn=limit(resource.RLIMIT_AS, 4 << 30))[1]
            self.assertIn("max_size", err)
        self.assertEqual(self.out("get", "a.durra", "k"), "v")

    def test_a_full_disk(self):
        """A tmpfs of 8 MiB; where mounts are not allowed, the limit above takes the same path in the library."""
        script = """
            mount -t tmpfs -o size=8m tmpfs small && cd small && "$0" create a.durra > ../created || exit 77
            "$0" import a.durra ../in --format lines --acknowledge > ../acknowledged 2> ../said
            echo $? > ../status
            "$0" verify a.durra > ../verdict && "$0" ls a.durra > ../listed"""
        (self.folder / "in").write_text(("x" * 1000 + "\n") * 20_000)
        (self.folder / "small").mkdir()
        how = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--mount"]
        done = subprocess.run([*how, "sh", "-c", script, os.path.abspath(DURRA)], cwd=self.folder, capture_output=True,
                              timeout=120)
        if done.returncode == 77 or not (self.folder / "status").exists():
            print("no mounts allowed here; a full disk was tried as a limit of the file's size only")
            return
        self.assertEqual((done.returncode, (self.folder / "status").read_text()), (0, "1\n"), done)
        self.assertRegex((self.folder / "said").read_text(),
                         r"^durra: a\.durra: disk full, nothing was changed \(needs .*, .* free\)")
        acknowledged = (self.folder / "acknowledged").read_text().split()
        self.assertGreater(len(acknowledged), 1000)
        listed = (self.folder / "listed").read_text().splitlines()[1:]
        self.assertEqual([line.split()[0] for line in listed], acknowledged)


if __name__ == "__main__":
    unittest.main()
