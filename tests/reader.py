#!/usr/bin/python3
# Reads a durra store without durra: an independent reader, written from format/FORMAT.md alone.
#   reader.py FILE
# Prints one JSON object per live record, sorted: {"key": text | "key_base64": bytes | "id": integer, "stamp": "t.n",
# "base64": payload}.  The store must be at rest.  Exit status: 0 all read, 1 FILE cannot be read, 2 usage, 3 something
# is damaged (said on stderr; what is whole is printed).
import base64, json, struct, sys

import lz4.block
import xxhash

M64 = 2**64 - 1
INDEX = 1
PUT, TOMBSTONE, BATCH_PUT, BATCH_TOMBSTONE, ENVELOPE, BLOCK = 1, 2, 3, 4, 5, 6
FIXED = 2


def xxh3(data, seed):
    return xxhash.xxh3_64_intdigest(data, seed=seed & M64)


def mix64(x):
    x &= M64
    for k in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = ((x ^ x >> 33) * k) & M64
    return x ^ x >> 33


def unmix64(x):
    for k in (0x9CB4B2F8129337DB, 0x4F74430C22A54005):
        x = ((x ^ x >> 33) * k) & M64
    return x ^ x >> 33


def crc8(data):
    c = 0
    for byte in data:
        c ^= byte
        for _ in range(8):
            c = (c << 1 ^ 0x07) & 0xFF if c & 0x80 else c << 1
    return c


def align_up(n, to):
    return (n + to - 1) & ~(to - 1)


class Unreadable(Exception):
    pass


class File:
    """Bytes that the file does not have are zero (FORMAT.md, preamble)."""

    def __init__(self, path):
        self.f = open(path, "rb")
        self.size = self.f.seek(0, 2)

    def read(self, at, n):
        self.f.seek(at)
        return self.f.read(n).ljust(n, b"\0")


class Batch:
    """The records behind one envelope: versions all together, or none."""

    def __init__(self, at, payload, seed, stamp):
        self.at, self.seed, self.stamp, self.next, self.kept, self.heads = at, seed, stamp, at + 72, [], b""
        self.count, self.size, self.whole = struct.unpack("<QQQ", payload) if len(payload) == 24 else (0, 0, 0)

    def add(self, at, header, body, end, record):
        """True when this was the last record and all of it is there."""
        if at != self.next or struct.unpack_from("<Q", body)[0] != at - self.at:
            self.count = 0
        self.next = end
        self.heads += header[:8]
        self.kept.append(record)
        return (len(self.kept) == self.count and end == self.at + 72 + self.size
                and self.whole == xxh3(self.heads, self.seed + self.at))

    def versions(self):
        if self.stamp:
            for kind, key, payload, tag in self.kept:
                yield kind, key, self.stamp, payload, tag


class Reader:
    def __init__(self, path):
        self.file = File(path)
        self.damage = []
        self.superblock(self.file.read(0, 256))
        if self.file.size < self.regions_at:
            raise Unreadable("truncated inside its head")

    def superblock(self, b):
        (magic, version, order, _, incompatible, _, uuid, _, self.region_size, self.region_count, seats, root, seats_at,
         self.descriptors_at, self.regions_at) = struct.unpack_from("<8sIIQQQ16sQQQIIQQQ", b)
        (check,) = struct.unpack_from("<Q", b, 248)
        if magic != b"dura\r\n\x1a\n" or order != 0x01020304:
            raise Unreadable("not a durra file of this byte order")
        if version != 0 or incompatible != 0:
            raise Unreadable(f"format version {version}, features {incompatible:#x}")
        if check != xxh3(b[:248], 0):
            raise Unreadable("superblock checksum mismatch")
        size, count = self.region_size, self.region_count
        descriptors_at = align_up((128 << 10) + 256 * seats, 64 << 10)
        regions_at = align_up(descriptors_at + 128 * count, max(64 << 10, min(size, 2 << 20)))
        if not (size & (size - 1) == 0 and 64 << 10 <= size <= 1 << 30 and 4 <= count <= 1 << 24
                and 1 <= seats <= 1024 and root & (root - 1) == 0 and 64 <= root <= 4096
                and (seats_at, self.descriptors_at, self.regions_at) == (128 << 10, descriptors_at, regions_at)
                and regions_at + count * size <= 1 << 46):
            raise Unreadable("superblock: sizes contradict each other")
        self.seed = xxh3(uuid, 0)

    def region_header(self, r):
        """(generation, type, regions in the run) or None."""
        b = self.file.read(self.regions_at + r * self.region_size, 64)
        magic, generation, number, kind, run, _, _, check = struct.unpack("<8sQQQQQQQ", b)
        valid = (magic == b"duregion" and number == r and check == xxh3(b[:56], self.region_seed(r, generation))
                 and 1 <= generation < 1 << 40 and kind <= 2 and 1 <= run <= self.region_count - r)
        return (generation, kind, run) if valid else None

    def region_seed(self, r, generation):
        return mix64(mix64(self.seed ^ r) + generation)

    def life_floor(self, r):
        """The least generation that may count; damage is noted as a rebuild would."""
        at = self.descriptors_at + 128 * r
        word, _, _, synced = struct.unpack("<QQQQ", self.file.read(at, 32))
        state, kind, generation = word & 7, word >> 3 & 3, word >> 16 & (1 << 40) - 1
        if word >> 56 != crc8(word.to_bytes(8, "little")[:7]) or kind > 2:
            self.damage.append((at, "state word"))
            return 0, 0
        used = kind != INDEX and state in (2, 3, 4, 5) and synced >> 48 == generation & 0xFFFF
        durable = (synced & (1 << 48) - 1) * 8 if used else 0
        return generation + (state == 0), durable

    def records(self, r, generation, run):
        """Yields (kind, key or id, stamp, payload) of the versions, up to the first record that is not whole."""
        batch = None
        base, seed = self.regions_at + r * self.region_size, self.region_seed(r, generation)
        end, at = base + run * self.region_size, base + 64
        while at + 48 <= end:
            h = self.file.read(at, 48)
            head, body, shape, tag, _, stamp, word = struct.unpack("<IIQQQQQ", h)
            size, key_size = shape & (1 << 44) - 1, shape >> 44 & 0x7FF
            kind, align = shape >> 55 & 7, (shape >> 58 & 15) + 3
            key_at = {BATCH_PUT: 64, BATCH_TOMBSTONE: 64, BLOCK: 176}.get(kind, 48)
            payload_at = align_up(at + key_at + key_size, 1 << align)
            expected = mix64(mix64((seed + at) & M64 ^ shape) + tag + body * 0x9E3779B97F4A7C15)
            if (head != expected & 0xFFFFFFFF or not 1 <= kind <= 6 or align > 12 or key_size > 1024
                    or kind in (2, 4) and size or align_up(payload_at + size, 8) > end):
                break
            b = self.file.read(at + 48, payload_at + size - at - 48)
            checked = b[:payload_at - at - 48] if kind == BLOCK else b
            if body != xxh3(checked, seed + at) & 0xFFFFFFFF:
                break
            payload = b[payload_at - at - 48:]
            if shape >> 62 & 1:
                payload = self.unpack(at, payload)
            key = b[key_at - 48:key_at - 48 + key_size] if key_size else unmix64(tag) ^ self.seed
            certain = stamp and stamp >> 62 == 0 and word == mix64(stamp ^ mix64(seed + at)) | 1 << 63
            if kind == ENVELOPE:
                batch = Batch(at, payload, seed, stamp >> 16 << 16 if certain and stamp & 0xFFFF == FIXED else 0)
            elif kind in (BATCH_PUT, BATCH_TOMBSTONE):
                if batch and batch.add(at, h, b, align_up(payload_at + size, 8), (kind - 2, key, payload, tag)):
                    for one in batch.versions():
                        yield from self.version(at, *one)
                    batch = None
            else:
                batch = None
                if certain and kind in (PUT, TOMBSTONE, BLOCK):
                    yield from self.version(at, kind, key, stamp, payload, tag)
            at = align_up(payload_at + size, 8)
        self.end = at

    def version(self, at, kind, key, stamp, payload, tag):
        if isinstance(key, bytes) and tag != xxh3(key, self.seed):
            self.damage.append((at, "tag of another key"))
        else:
            yield kind, key, stamp, payload

    def unpack(self, at, payload):
        raw = int.from_bytes(payload[:4], "little")
        try:
            if len(payload) > 4 and 1 <= raw <= min(0x7E000000, 255 * (len(payload) - 4)):
                return lz4.block.decompress(payload[4:], uncompressed_size=raw)
        except lz4.block.LZ4BlockError:
            pass
        self.damage.append((at, "compressed payload"))
        return b""

    def versions(self):
        """The greatest stamp per key: {key: (stamp, kind, payload)}."""
        newest, covered = {}, 0
        regions = max(0, -(-(self.file.size - self.regions_at) // self.region_size))
        for r in range(min(regions, self.region_count)):
            if r < covered:
                continue
            floor, durable = self.life_floor(r)
            header = self.region_header(r)
            base = self.regions_at + r * self.region_size
            if header is None or header[0] < floor:
                if durable:
                    self.damage.append((base, "region header"))
                continue
            generation, kind, run = header
            if kind == INDEX:
                continue
            for kind, key, stamp, payload in self.records(r, generation, run):
                if key not in newest or newest[key][0] < stamp:
                    newest[key] = (stamp, kind, payload)
            if generation == floor and self.end < base + durable:
                self.damage.append((self.end, "record below the synced mark"))
            if self.end > base + (run - 1) * self.region_size:
                covered = r + run
        return newest


def line(key, stamp, payload):
    if isinstance(key, int):
        name = {"id": key}
    else:
        try:
            name = {"key": key.decode()}
        except UnicodeDecodeError:
            name = {"key_base64": base64.b64encode(key).decode()}
    name["stamp"] = f"{stamp >> 16}.{stamp & 0xFFFF}"
    name["base64"] = base64.b64encode(payload).decode()
    return json.dumps(name, ensure_ascii=False)


def main(arguments):
    if len(arguments) != 1:
        print("usage: reader.py FILE", file=sys.stderr)
        return 2
    try:
        reader = Reader(arguments[0])
        versions = reader.versions()
    except (OSError, Unreadable) as e:
        print(f"reader.py: {arguments[0]}: {e}", file=sys.stderr)
        return 1
    live = [line(key, stamp, payload) for key, (stamp, kind, payload) in versions.items() if kind == PUT]
    sys.stdout.write("".join(f"{text}\n" for text in sorted(live)))
    for at, what in reader.damage:
        print(f"reader.py: damaged at {at:#x}: {what}", file=sys.stderr)
    return 3 if reader.damage else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
