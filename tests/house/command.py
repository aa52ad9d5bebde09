# The command, verb by verb: what it prints, its JSON, its exit status.  What it does with bad input: command_errors.py.
import base64
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import termios
import time
import unittest
from pathlib import Path

from house import BUILD

DURRA = os.environ.get("DURRA_COMMAND", str(BUILD / "durra"))
PACKAGES = "Package: bash\nDescription: a shell\n the GNU one\n\nPackage: dash\nSize: 1\n\n\nPackage: zsh\n"


class Case(unittest.TestCase):
    """A test in a folder of its own."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="durra-command-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_raw(self, *words, data=b"", **how):
        return subprocess.run([DURRA, *map(str, words)], cwd=self.folder, input=data, capture_output=True, timeout=60,
                              **how)

    def run_text(self, *words, exit=0, data=b"", **how):
        """stdout and stderr, of a call that must end with `exit`."""
        done = self.run_raw(*words, data=data, **how)
        self.assertEqual(done.returncode, exit, (words, done))
        return done.stdout.decode(), done.stderr.decode()

    def out(self, *words, exit=0, **how):
        out, err = self.run_text(*words, exit=exit, **how)
        self.assertEqual(err, "", words)
        return out

    def json(self, *words, exit=0, **how):
        """The one envelope that --json prints."""
        out, _ = self.run_text(*words, "--json", exit=exit, **how)
        answer = json.loads(out)
        self.assertEqual(list(answer)[:2], ["durra", "verb"])
        self.assertEqual((answer["durra"], answer["verb"], answer["ok"]), (1, words[0], exit == 0))
        return answer

    def lines(self, *words):
        return [json.loads(line) for line in self.out(*words).splitlines()]

    def dumped(self, store):
        """Every record by key: (key, payload)."""
        records = {}
        for line in self.lines("dump", store):
            key = line.get("id", line.get("key", line.get("key_base64")))
            payload = line["text"].encode() if "text" in line else base64.b64decode(line["base64"])
            self.assertRegex(line["stamp"], r"^\d+\.\d+$")
            records[(type(key).__name__, key)] = payload
        return records

    def start(self, *words, **how):
        return subprocess.Popen([DURRA, *map(str, words)], cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **how)

    def until_read(self, pipe):
        """Waits until all that was written was read."""
        left = bytearray(4)
        while fcntl.ioctl(pipe, termios.FIONREAD, left) or any(left):
            time.sleep(0.01)

    def broken(self):
        """A store of 20 records, and the same with one payload damaged."""
        for n in range(20):
            self.out("put", "bad.durra", f"key{n}", f"payload number {n:03}")
        shutil.copy(self.folder / "bad.durra", self.folder / "good.durra")
        return self.damage("bad.durra", b"payload number 007", b"payload number 0x7")

    def damage(self, store, right, wrong):
        """Changes bytes in place: a copy would be another file, and its index rebuilt."""
        content = (self.folder / store).read_bytes()
        self.assertEqual(content.count(right), 1)
        with open(self.folder / store, "r+b") as file:
            file.seek(content.index(right))
            file.write(wrong)
        return content.index(right)


class Help(Case):
    def test_help_names_every_verb_and_every_verb_has_help(self):
        text = self.out("--help")
        self.assertEqual(text, self.out("help"))
        verbs = re.findall(r"^  (\w+) {2,}\D", text.split("exit status")[0], re.M)
        self.assertGreaterEqual(set(verbs), set("info ls get who regions dump create put erase import verify recover "
                                                "compact backup".split()))
        for verb in verbs:
            self.assertIn(f"durra {verb}", self.out(verb, "--help"))
            self.assertEqual(self.out(verb, "--help"), self.out("help", verb))

    def test_version(self):
        self.assertRegex(self.out("--version"), r"^durra \d+\.\d+\.\d+\n$")

    def test_wrong_calls_are_usage(self):
        self.assertEqual(self.run_text("verfiy", exit=2), ("", 'durra: no verb "verfiy"; did you mean "verify"?\n'))
        self.assertEqual(self.run_text("app.durra", exit=2), ("", 'durra: no verb "app.durra"; see: durra --help\n'))
        self.assertIn("usage: durra VERB STORE", self.run_text(exit=2)[1])
        self.assertEqual(self.run_text("get", "a", exit=2), ("", "durra: get: KEY is missing; see: durra get --help\n"))
        self.assertEqual(self.json("get", "a", exit=2)["error"]["code"], "invalid")
        self.assertEqual(self.json("verfiy", exit=2)["error"]["code"], "invalid")
        self.assertEqual(self.run_text("info", "a", "b", exit=2)[1],
                         'durra: info: did not expect "b"; see: durra info --help\n')
        self.assertEqual(os.listdir(self.folder), [])


class Records(Case):
    def test_create(self):
        said = self.out("create", "a.durra", "--max-size", "64MiB", "--region-size", "64KiB", "--participants", "7",
                        "--permissions", "640")
        self.assertRegex(said, r"^created  a\.durra: format 0, .* on disk, .* reserved, regions of 64 KiB\n$")
        self.assertEqual((self.folder / "a.durra").stat().st_mode & 0o7777, 0o640)
        data = self.json("info", "a.durra")["data"]
        self.assertEqual((data["region_size_bytes"], data["seat_count"]), (64 << 10, 7))
        before = (self.folder / "a.durra").read_bytes()
        self.assertEqual(self.run_text("create", "a.durra", exit=1)[1],
                         "durra: a.durra: the file exists already, nothing was changed\n")
        self.assertEqual((self.folder / "a.durra").read_bytes(), before)
        self.assertEqual(self.json("create", "b.durra")["data"]["seat_count"], 1024)
        for wrong in ("--region-size 3000", "--max-size 1KiB", "--max-size 65TiB", "--participants 0",
                      "--participants 1025", "--permissions 9", "--permissions 7777"):
            self.run_text("create", "c.durra", *wrong.split(), exit=2)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.durra", "b.durra"])

    def test_a_payload_comes_back_as_it_went_in(self):
        for payload in (b"", b"{}", b"[]", b"x", b"\xff\0\n", bytes(range(256)) * 20_000):
            self.assertEqual(self.out("put", "a.durra", "k", "-", data=payload), "")
            self.assertEqual(self.run_raw("get", "a.durra", "k").stdout, payload)
            self.out("put", "a.durra", "k2", data=payload)
            self.assertEqual(self.run_raw("get", "a.durra", "k2").stdout, payload)
            self.out("put", "a.durra", "k3", "--compress", data=payload)
            self.assertEqual(self.run_raw("get", "a.durra", "k3").stdout, payload)
        for value in ("", "{}", "[1]", "é"):
            self.out("put", "a.durra", "k", value)
            self.assertEqual(self.out("get", "a.durra", "k"), value)
        self.out("put", "a.durra", "k", "--", "--json")
        self.assertEqual(self.out("get", "a.durra", "k"), "--json")

    def test_an_integer_and_a_string_of_digits_are_two_keys(self):
        self.out("put", "a.durra", "7", "number")
        self.out("put", "a.durra", "s:7", "string")
        self.out("put", "a.durra", "18446744073709551615", "last")
        self.assertEqual(self.out("get", "a.durra", "7"), "number")
        self.assertEqual(self.out("get", "a.durra", "s:7"), "string")
        self.assertEqual(self.json("get", "a.durra", "s:7")["data"]["key"], "7")
        self.assertEqual(self.json("get", "a.durra", "18446744073709551615")["data"]["id"], 2**64 - 1)
        self.assertEqual(re.findall(r"^(\S+) ", self.out("ls", "a.durra"), re.M),
                         ["KEY", "7", "18446744073709551615", "s:7"])

    def test_what_is_absent(self):
        self.out("create", "a.durra")
        for verb in ("get", "erase"):
            self.assertEqual(self.run_text(verb, "a.durra", "nobody", exit=1),
                             ("", 'durra: a.durra: no record "nobody"\n'))
            error = self.json(verb, "a.durra", "nobody", exit=1)["error"]
            self.assertEqual(error, {"code": "not_found", "message": 'no record "nobody"'})
        self.assertEqual(self.out("ls", "a.durra") + self.out("dump", "a.durra"), "")

    def test_erase(self):
        self.out("put", "a.durra", "k", "v")
        self.out("erase", "a.durra", "k")
        self.run_text("get", "a.durra", "k", exit=1)
        self.run_text("erase", "a.durra", "k", exit=1)
        self.out("put", "a.durra", "k", "again")
        self.assertEqual(self.json("erase", "a.durra", "k")["data"], {"key": "k"})

    def test_conditions(self):
        first = self.json("put", "a.durra", "k", "1", "--if", "absent")["data"]["stamp"]
        conflict = (1, "durra: a.durra: another version is there, nothing was changed\n")
        for words in (("put", "a.durra", "k", "2", "--if", "absent"), ("put", "a.durra", "k", "2", "--if", "9.9"),
                      ("erase", "a.durra", "k", "--if", "9.9")):
            done = self.run_raw(*words)
            self.assertEqual((done.returncode, done.stderr.decode()), conflict, words)
        self.assertEqual(self.out("get", "a.durra", "k"), "1")
        second = self.json("put", "a.durra", "k", "2", "--if", first)["data"]["stamp"]
        self.assertNotEqual(first, second)
        self.run_text("put", "a.durra", "k", "3", "--if", first, exit=1)
        self.out("erase", "a.durra", "k", "--if", second)
        self.run_text("put", "a.durra", "k", "3", "--if", "yesterday", exit=2)

    def test_ls(self):
        for key, value in (("user/2", "22"), ("user/10", "x" * 1000), ("other", ""), ("7", "1"), ("user/\x1b[2J", "")):
            self.out("put", "a.durra", key, value)
        rows = [line.split() for line in self.out("ls", "a.durra", "user/").splitlines()]
        self.assertEqual(rows[0], ["KEY", "BYTES", "STAMP"])
        self.assertEqual([row[:2] for row in rows[1:]], [["user/\\x1b[2J", "0"], ["user/10", "1000"], ["user/2", "2"]])
        listed = self.lines("ls", "a.durra", "--json")
        self.assertEqual(sorted(map(str, (r.get("key", r.get("id")) for r in listed))),
                         ["7", "other", "user/\x1b[2J", "user/10", "user/2"])
        self.assertEqual({tuple(r)[1:] for r in listed}, {("bytes", "stamp")})


class Import(Case):
    def test_dump_and_import_lose_nothing(self):
        for key, payload in (("user/1", b'{"name":"Ada L."}'), ("7", b"\0\1\2"), ("s:7", b""), (b"\xff\xfe", b"\xff"),
                             ("tab\tnewline\n", "é\0".encode())):
            done = subprocess.run([DURRA, "put", "a.durra", key, "-"], cwd=self.folder, input=payload)
            self.assertEqual(done.returncode, 0)
        dump = self.out("dump", "a.durra")
        self.assertRegex(self.out("import", "b.durra", data=dump.encode()),
                         r"^imported 5 records, 24 bytes in \S+ \S+\n$")
        self.assertEqual(self.dumped("a.durra"), self.dumped("b.durra"))
        (self.folder / "all.ndjson").write_text(dump)
        data = self.json("import", "c.durra", "all.ndjson")["data"]
        self.assertEqual((data["records"], data["bytes"]), (5, 24))
        self.assertEqual([r.get("key") for r in self.lines("dump", "b.durra", "user/")], ["user/1"])

    def test_formats(self):
        self.out("import", "p.durra", "--format", "paragraphs", "--key-field", "package", data=PACKAGES.encode())
        self.assertEqual(self.out("get", "p.durra", "bash"), "Package: bash\nDescription: a shell\n the GNU one\n")
        self.assertEqual(len(self.dumped("p.durra")), 3)
        self.out("import", "l.durra", "--format", "lines", data=b"one\n\nthree")
        self.assertEqual(self.dumped("l.durra"), {("int", 1): b"one", ("int", 2): b"", ("int", 3): b"three"})
        self.out("import", "l.durra", "--format", "lines", "--key-prefix", "log/", data=b"a\nb\n")
        self.assertEqual(self.out("get", "l.durra", "log/2"), "b")
        self.out("import", "n.durra", "--key-field", "n", "--compress", data=b'{"n":"x", "m":1}\n\n{"n":5}\n')
        self.assertEqual(self.dumped("n.durra"), {("str", "x"): b'{"n":"x", "m":1}', ("int", 5): b'{"n":5}'})

    def test_parts_share_an_input(self):
        data = "".join(f"line {n}\n" for n in range(100)).encode()
        counts = [self.out("import", "a.durra", "--format", "lines", "--part", f"{i}/3", data=data) for i in range(3)]
        self.assertEqual([c.split()[1] for c in counts], ["34", "33", "33"])
        self.assertEqual(len(self.dumped("a.durra")), 100)

    def test_rounds_and_acknowledgements(self):
        (self.folder / "in").write_text("a\nb\n")
        out, err = self.run_text("import", "a.durra", "in", "--format", "lines", "--rounds", "3", "--acknowledge")
        self.assertEqual(out, "1\n2\n" * 3)
        self.assertRegex(err, r"^imported 6 records, 6 bytes in ")
        out = self.out("import", "a.durra", "in", "--format", "lines", "--acknowledge", "--json")
        self.assertEqual([json.loads(line).get("id") for line in out.splitlines()], [1, 2, None])

    def test_wrong_options(self):
        for words in (["--format", "xml"], ["--format", "paragraphs"], ["--format", "lines", "--key-field", "x"],
                      ["--part", "3/3"], ["--part", "x"], ["--rounds", "2"]):
            self.run_text("import", "a.durra", *words, exit=2)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_bad_line_is_named_and_what_was_before_it_stays(self):
        lines = b'{"id":1,"text":"a"}\n{"id":2,\n{"id":3,"text":"c"}\n'
        self.assertEqual(self.run_text("import", "a.durra", exit=2, data=lines)[1],
                         "durra: standard input: line 2: not JSON, at column 9; 1 record before it is in a.durra\n")
        self.assertEqual(self.dumped("a.durra"), {("int", 1): b"a"})
        (self.folder / "in").write_text(PACKAGES + "Size: 7\n\nno colon\n")
        err = self.run_text("import", "b.durra", "in", "--format", "paragraphs", "--key-field", "Package", exit=2)[1]
        self.assertIn('durra: in: line 12: expected "Field: value"; 3 records before it are in b.durra', err)
        long = b'{"key":"%s","text":""}\n' % (b"k" * 1025)
        err = self.run_text("import", "c.durra", exit=1, data=b'{"id":1,"text":""}\n' + long)[1]
        self.assertIn("at most 1 KiB), nothing was changed (line 2 of standard input); 1 record before it is in c", err)

    def test_interrupted_it_stops_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            worker = self.start("import", "a.durra", "--format", "lines", "--acknowledge", stdin=subprocess.PIPE)
            worker.stdin.write(b"x\n" * 1000)
            worker.stdin.flush()
            acknowledged = [worker.stdout.readline() for _ in range(1000)]
            worker.send_signal(number)
            out, err = worker.communicate(timeout=30)
            self.assertEqual(worker.returncode, -number)
            self.assertRegex(err.decode(), r"^imported 1,000 records, 1,000 bytes in .*, then stopped\n$")
            self.assertEqual(len(self.dumped("a.durra")), len(acknowledged))
            self.out("verify", "a.durra")

    def test_interrupted_within_a_record_it_drops_that_record(self):
        for how, cut in ((["--format", "lines", "--key-prefix", "k"], b"whole\ncut o"),
                         (["--key-field", "k"], b'{"k":"k1","n":1}\n{"k":"k2"'),
                         (["--format", "paragraphs", "--key-field", "k"], b"k: k1\n\nk: k2\nrest: a\n"),
                         (["--format", "paragraphs", "--key-field", "k"], b"k: k1\n\nrest: no key yet\n")):
            for number in (signal.SIGINT, signal.SIGTERM):
                self.out("put", "a.durra", "k2", "good")
                worker = self.start("import", "a.durra", *how, stdin=subprocess.PIPE)
                worker.stdin.write(cut)
                worker.stdin.flush()
                self.until_read(worker.stdin)
                worker.send_signal(number)
                err = worker.communicate(timeout=30)[1].decode()
                self.assertEqual(worker.returncode, -number)
                self.assertRegex(err, r"^imported 1 record, \d+ bytes in .*, then stopped\n$")
                self.assertEqual(self.out("get", "a.durra", "k2"), "good")
                self.assertEqual(len(self.dumped("a.durra")), 2)
                os.remove(self.folder / "a.durra")

    def test_interrupted_together_with_who_writes_its_pipe(self):
        """^C at a terminal: whoever wrote the pipe is gone in the middle of a record, and so the input ends."""
        worker = self.start("import", "a.durra", "--format", "lines", stdin=subprocess.PIPE)
        worker.stdin.write(b"whole\ncut o")
        worker.stdin.flush()
        self.until_read(worker.stdin)
        worker.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, worker.pid, os.WSTOPPED)
        worker.stdin.close()
        worker.stdin = None
        worker.send_signal(signal.SIGINT)
        worker.send_signal(signal.SIGCONT)
        worker.communicate(timeout=30)
        self.assertEqual(worker.returncode, -signal.SIGINT)
        self.assertEqual(self.dumped("a.durra"), {("int", 1): b"whole"})

    def test_killed_it_loses_nothing_acknowledged(self):
        text = "".join(f"Package: p{n}\nText: {'x' * (n % 700)}\n\n" for n in range(4000))
        (self.folder / "in").write_text(text)
        acknowledged = set()
        for round in range(6):
            workers = [self.start("import", "a.durra", "in", "--format", "paragraphs", "--key-field", "Package",
                                  "--acknowledge", "--rounds", "0", "--part", f"{i}/2") for i in range(2)]
            for worker in workers:
                for _ in range(150):
                    acknowledged.add(worker.stdout.readline().decode().strip())
            for worker in workers:
                worker.kill()
                *whole, cut = worker.stdout.read().decode().split("\n")
                acknowledged |= set(whole)
                worker.communicate(timeout=30)
        stored = {key for _, key in self.dumped("a.durra")}
        self.assertGreater(len(acknowledged), 100)
        self.assertEqual(acknowledged - stored, set())
        self.out("verify", "a.durra")


class Looking(Case):
    def test_info(self):
        self.out("put", "a.durra", "k", "v")
        lines = self.out("info", "a.durra").splitlines()
        self.assertRegex(lines[0], r"^a\.durra +format 0, .* on disk, 64 GiB reserved, regions of . MiB, created "
                                   r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")
        self.assertEqual([line.split("  ")[0] for line in lines[1:6]],
                         ["records", "regions", "in use", "durability", "opened"])
        self.assertRegex(lines[1], r"^records +1 live in 1 byte, ")
        answer = self.json("info", "a.durra")
        self.assertEqual(answer["store"], "a.durra")
        self.assertGreaterEqual(set(answer["data"]), {
            "format", "uuid", "created", "file_bytes", "disk_bytes", "reserved_bytes", "region_size_bytes",
            "live_records", "live_bytes", "garbage_bytes", "regions", "seats_taken", "seat_count", "processes",
            "oldest_pin_age_ns", "durability", "opened", "open_duration_ns"})
        self.assertEqual((answer["data"]["live_records"], answer["data"]["live_bytes"]), (1, 1))

    def test_who_shows_a_writer_at_work(self):
        worker = self.start("import", "a.durra", "--format", "lines", "--acknowledge", stdin=subprocess.PIPE)
        worker.stdin.write(b"x\ny\n")
        worker.stdin.flush()
        worker.stdout.readline(), worker.stdout.readline()
        try:
            mine = [s for s in self.json("who", "a.durra")["data"]["seats"] if s["pid"] == worker.pid]
            self.assertEqual([(s["alive"], s["puts"], s["command"]) for s in mine], [(True, 2, "durra")])
            self.assertRegex(self.out("who", "a.durra"), rf"(?m)^ *\d+ +{worker.pid} +durra +\S+ +writes +2 +\d+")
            owned = [r for r in self.json("regions", "a.durra")["data"]["regions"] if r["owner_pid"] == worker.pid]
            self.assertEqual([(r["type"], r["state"], r["records"]) for r in owned], [("data", "open", 2)])
            self.assertGreaterEqual(self.json("info", "a.durra")["data"]["processes"], 1)
        finally:
            worker.communicate(timeout=30)
        self.assertEqual([s["pid"] for s in self.json("who", "a.durra")["data"]["seats"] if s["pid"] == worker.pid], [])

    def test_regions(self):
        self.out("put", "a.durra", "k", data=b"v" * 100_000)
        self.out("put", "a.durra", "k", data=b"w" * 200_000)
        header, *rows = self.out("regions", "a.durra").splitlines()
        self.assertEqual(header.split()[:8], "REGION OFFSET TYPE STATE OWNER USED LIVE RECORDS".split())
        self.assertTrue(any("#" in row and "." in row and "_" in row for row in rows), rows)
        data = self.json("regions", "a.durra")["data"]["regions"]
        self.assertEqual(sum(r["live_records"] for r in data if r["type"] == "data"), 1)

    def test_a_copy_is_read_as_if_nothing_had_happened(self):
        self.out("put", "a.durra", "k", "v")
        shutil.copy(self.folder / "a.durra", self.folder / "b.durra")
        self.assertEqual(self.out("get", "b.durra", "k"), "v")

    def test_tail_goes_on_where_it_was_left(self):
        self.out("put", "a.durra", "user/1", "one")
        self.out("put", "a.durra", "7", "seven")
        self.out("put", "a.durra", "user/2", "two")
        self.out("erase", "a.durra", "user/1")
        seven, two, erased = self.lines("tail", "a.durra", "--name", "all")
        self.assertEqual((seven["id"], seven["text"]), (7, "seven"))
        self.assertEqual((two["key"], two["text"]), ("user/2", "two"))
        self.assertEqual((erased["key"], erased["erased"]), ("user/1", True))
        self.assertRegex(erased["stamp"], r"^\d+\.\d+$")
        self.assertEqual(self.lines("tail", "a.durra", "--name", "all"), [])
        self.out("put", "a.durra", "user/2", "2")
        self.assertEqual([r["text"] for r in self.lines("tail", "a.durra", "--name", "all")], ["2"])
        self.assertEqual([r["key"] for r in self.lines("tail", "a.durra", "user/", "--name", "users")],
                         ["user/1", "user/2"])
        self.assertNotIn("tail", self.out("ls", "a.durra"))

    def test_tail_stays_before_what_it_could_not_print(self):
        big = "x" * 1_000_000
        self.out("put", "a.durra", "k", data=big.encode())
        with open("/dev/full", "w") as full:
            done = subprocess.run([DURRA, "tail", "a.durra", "--name", "t"], cwd=self.folder, stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"the position was not saved", done.stderr)
        self.assertEqual([r["text"] for r in self.lines("tail", "a.durra", "--name", "t")], [big])

    def test_tail_follows_until_it_is_interrupted(self):
        self.out("put", "a.durra", "old", "1")
        for words in (["--follow"], ["--follow", "--name", "t"]):
            tail = self.start("tail", "a.durra", *words)
            if "--name" in words:
                self.assertEqual(json.loads(tail.stdout.readline())["key"], "old")
                self.assertTrue(json.loads(tail.stdout.readline())["erased"])
                err = self.run_text("tail", "a.durra", *words, exit=4)[1]
                self.assertIn(str(tail.pid), err)
            else:
                time.sleep(0.5)
            self.out("put", "a.durra", "new", "2")
            self.assertEqual(json.loads(tail.stdout.readline())["text"], "2")
            tail.send_signal(signal.SIGINT)
            self.assertEqual(tail.wait(timeout=30), -signal.SIGINT)
            self.assertEqual(tail.communicate(), (b"", b""))
            self.out("erase", "a.durra", "old" if "--name" in words else "new")
        self.assertEqual([r.get("erased") for r in self.lines("tail", "a.durra", "--name", "t")], [True])
        self.assertIn("--follow", self.run_text("tail", "a.durra", exit=2)[1])

    def test_looking_changes_nothing(self):
        self.out("put", "a.durra", "k", "v")
        file = self.folder / "a.durra"
        before, changed = file.read_bytes(), file.stat().st_mtime_ns
        for words in (["info"], ["ls"], ["get", "k"], ["regions"], ["who"], ["dump"], ["verify"]):
            self.out(words[0], "a.durra", *words[1:])
        self.assertEqual((file.read_bytes(), file.stat().st_mtime_ns), (before, changed))


class Care(Case):
    def test_verify(self):
        at = self.broken()
        self.assertRegex(self.out("verify", "good.durra"),
                         r"^checked  \d+ regions?, 20 records, 360 bytes in \S+ \S+\ndamage   none\n$")
        self.assertEqual(self.json("verify", "good.durra")["data"]["damage"], [])
        first, checked, damage = self.out("verify", "bad.durra", exit=3).splitlines()
        self.assertRegex(first, r'^0x[0-9a-f]+  .*"?key7"?.*: .*checksum mismatch')
        self.assertLess(abs(int(first.split()[0], 16) - at), 200)
        self.assertRegex(damage, r"^damage   1 place, all other records answer\.  Into a new file: durra recover bad")
        answer = self.json("verify", "bad.durra", exit=3)
        self.assertEqual((answer["error"]["code"], len(answer["data"]["damage"])), ("damaged", 1))
        self.assertEqual(answer["data"]["damage"][0]["offset"], int(first.split()[0], 16))

    def test_a_damaged_record_answers_damaged_and_all_others_answer(self):
        self.broken()
        self.assertEqual(self.out("get", "bad.durra", "key8"), "payload number 008")
        out, err = self.run_text("get", "bad.durra", "key7", exit=3)
        self.assertEqual(out, "")
        self.assertRegex(err, r"^durra: bad\.durra: damaged at 0x[0-9a-f]+: .*; into a new file: durra recover bad")
        out, err = self.run_text("dump", "bad.durra", exit=3)
        self.assertEqual(len(out.splitlines()), 19)
        self.assertIn("1 record unreadable and left out; see: durra verify bad.durra", err)

    def test_figures_leave_out_what_is_unreadable_and_say_so(self):
        self.broken()
        good = self.json("info", "good.durra")["data"]
        self.assertEqual(good["live_records"], 20)
        at = (self.folder / "bad.durra").read_bytes().index(b"key9") - 40  # its record's header
        with open(self.folder / "bad.durra", "r+b", buffering=0) as file:
            byte, = os.pread(file.fileno(), 1, at)
            os.pwrite(file.fileno(), bytes([byte ^ 1]), at)
        answer = self.json("info", "bad.durra", exit=3)
        self.assertEqual((answer["data"]["live_records"], answer["error"]["code"]), (9, "damaged"))
        self.assertLess(abs(answer["error"]["offset"] - at), 40)
        said = r"(?m)^ +damaged at 0x\S+: .*; what cannot be read is counted as garbage; see: durra verify bad\.durra$"
        self.assertRegex(self.out("info", "bad.durra", exit=3), said)
        self.assertRegex(self.run_text("regions", "bad.durra", exit=3)[1], r"^durra: bad\.durra: damaged at 0x")
        self.assertEqual(self.json("regions", "bad.durra", exit=3)["error"]["code"], "damaged")

    def test_references_name_all_chunks_or_fail(self):
        self.out("put", "a.durra", "a/.zarray", "{}")
        for version in "12":  # what was superseded is looked up
            for chunk in range(3):
                self.out("put", "a.durra", f"a/{chunk}", version)
        index, = (r for r in self.json("regions", "a.durra")["data"]["regions"] if r["type"] == "index")
        seen = set()
        with open(self.folder / "a.durra", "r+b", buffering=0) as file:
            for at in range(index["offset"], index["offset"] + index["used_bytes"], 8):
                right = os.pread(file.fileno(), 8, at)
                os.pwrite(file.fileno(), bytes([right[0] ^ 1]) + right[1:], at)
                status = self.run_raw("ls", "a.durra").returncode
                refs = self.run_raw("dump", "a.durra", "--zarr-refs")
                self.assertEqual(refs.returncode, status, (hex(at), refs))
                seen.add(status)
                os.pwrite(file.fileno(), right, at)
        self.assertEqual(seen, {0, 3})

    def test_references_to_a_damaged_description_fail(self):
        self.out("put", "a.durra", "a/.zarray", '{"chunks":[2]}')
        self.damage("a.durra", b"chunks", b"chinks")
        self.assertEqual(self.run_text("dump", "a.durra", "--zarr-refs", exit=3)[0], "")

    def test_recover(self):
        self.broken()
        before = (self.folder / "bad.durra").read_bytes()
        said = self.out("recover", "bad.durra", "new.durra", exit=3)
        self.assertRegex(said, r"(?m)^damage   0x[0-9a-f]+  .*checksum mismatch")
        self.assertRegex(said, r"(?m)^lost     1 record; --accept-older keeps ")
        self.assertRegex(said, r"(?m)^kept     19 records, .* in new\.durra; bad\.durra was not touched$")
        self.assertEqual((self.folder / "bad.durra").read_bytes(), before)
        self.out("verify", "new.durra")
        self.assertEqual(len(self.dumped("new.durra")), 19)
        data = self.json("recover", "good.durra", "new2.durra")["data"]
        self.assertEqual((data["kept_records"], data["lost_records"], data["damage"]), (20, 0, []))
        self.assertEqual(self.dumped("new2.durra"), self.dumped("good.durra"))

    def test_accept_older(self):
        self.out("put", "a.durra", "k", "the first version")
        self.out("put", "a.durra", "k", "a second version")
        self.damage("a.durra", b"a second version", b"a s_cond version")
        self.out("recover", "a.durra", "without.durra", exit=3)
        self.assertEqual(self.dumped("without.durra"), {})
        self.out("recover", "a.durra", "with.durra", "--accept-older", exit=3)
        self.assertEqual(self.out("get", "with.durra", "k"), "the first version")

    def test_recover_never_writes_in_place(self):
        self.broken()
        before = (self.folder / "bad.durra").read_bytes()
        for words in (["bad.durra"], ["bad.durra", "bad.durra"], ["bad.durra", "./bad.durra"]):
            self.assertEqual(self.run_text("recover", *words, exit=2)[1],
                             "durra: recover never writes in place; name a new file\n")
        self.assertEqual(self.run_text("recover", "bad.durra", "good.durra", exit=1)[1],
                         "durra: good.durra: the new file exists already, nothing was changed\n")
        self.assertEqual((self.folder / "bad.durra").read_bytes(), before)

    def test_compact(self):
        for version in "abc":
            for i in range(40):
                self.run_text("put", "c.durra", f"key{i}", version * 60_000)
        before = self.lines("dump", "c.durra")
        text = self.out("compact", "c.durra", "--keep-erased", "0")
        self.assertRegex(text, r"^freed    \S+ \S+\nemptied  \d+ regions?, \d+ tombstones? dropped\n$")
        answer = self.json("compact", "c.durra")["data"]
        self.assertEqual(set(answer), {"freed_bytes", "retired_regions", "dropped_tombstones", "held_regions"})
        self.assertEqual(sorted(map(str, self.lines("dump", "c.durra"))), sorted(map(str, before)))
        self.assertLess(os.stat(self.folder / "c.durra").st_blocks * 512, 3 * 40 * 60_000)
        self.out("verify", "c.durra")
        self.assertEqual(self.run_text("compact", "none.durra", exit=1)[0], "")

    def test_backup(self):
        self.broken()
        self.out("erase", "good.durra", "key3")
        self.assertRegex(self.out("backup", "good.durra", "copy.durra"),
                         r"^backed up 19 records, 342 bytes into copy\.durra in \S+ \S+\n$")
        self.assertEqual(*(sorted(map(str, self.lines("dump", name))) for name in ("copy.durra", "good.durra")))
        self.out("verify", "copy.durra")
        before = (self.folder / "copy.durra").read_bytes()
        self.assertEqual(self.run_text("backup", "good.durra", "copy.durra", exit=1)[1],
                         "durra: copy.durra: the new file exists already, nothing was changed\n")
        self.assertEqual((self.folder / "copy.durra").read_bytes(), before)
        self.assertEqual(self.json("backup", "good.durra", "copy2.durra")["data"]["records"], 19)
        self.assertEqual(sorted(os.listdir(self.folder)), ["bad.durra", "copy.durra", "copy2.durra", "good.durra"])


class Terminal(Case):
    def on_terminal(self, *words, **environment):
        """What a terminal gets on both outputs."""
        ours, theirs = pty.openpty()
        done = subprocess.run([DURRA, *words], cwd=self.folder, stdout=theirs, stderr=theirs, timeout=60,
                              env={**os.environ, "TERM": "xterm", **environment})
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 65536):
                said += piece
        except OSError:
            pass  # the other end is closed: all was read
        os.close(ours)
        return done.returncode, said.decode()

    def test_colour_for_damage_only_and_never_against_no_color(self):
        self.broken()
        self.assertNotIn("\033", self.on_terminal("verify", "good.durra", NO_COLOR="")[1])
        status, said = self.on_terminal("verify", "bad.durra", NO_COLOR="")
        self.assertEqual(status, 3)
        self.assertIn("\033[31m", said)
        self.assertNotIn("\033", self.on_terminal("verify", "bad.durra", NO_COLOR="1")[1])
        self.assertNotIn("\033", self.on_terminal("verify", "bad.durra", NO_COLOR="", TERM="dumb")[1])
        self.assertNotIn("\033", self.out("verify", "bad.durra", exit=3))

    def test_progress_after_half_a_second_and_wiped(self):
        ours, theirs = pty.openpty()
        worker = subprocess.Popen([DURRA, "import", "a.durra", "--format", "lines"], cwd=self.folder, stderr=theirs,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(10):
            worker.stdin.write(b"x" * 1000 + b"\n")
            worker.stdin.flush()
            time.sleep(0.1)
        out, _ = worker.communicate(timeout=30)
        os.close(theirs)
        said = os.read(ours, 65536).decode()
        os.close(ours)
        self.assertRegex(said, r"^\rimport  .*/s\033\[K")
        self.assertTrue(said.endswith("\r\033[K"), said)
        self.assertRegex(out.decode(), r"^imported 10 records")


if __name__ == "__main__":
    unittest.main()
