# A picture to filter, what must come of it, and pictures that are none.
import subprocess

WIDTH, HEIGHT = 64, 48
PIXELS = bytes((7 * i + i * i // 50) % 251 for i in range(WIDTH * HEIGHT * 3))
BROKEN = {
    "no file": None,
    "empty": b"",
    "magic": b"P5\n2 2\n255\n" + bytes(12),
    "text": b"P3\n2 2\n255\n" + b"1 " * 12,
    "no numbers": b"P6\nwide high\n255\n" + bytes(12),
    "short": b"P6\n3 2\n255\n" + bytes(12),
    "no height": b"P6\n3 0\n255\n" + bytes(12),
    "negative": b"P6\n-1 -1\n255\n" + bytes(12),
    "16 bits": b"P6\n1 1\n65535\n" + bytes(12),
    "product overflows": b"P6\n4294967296 4294967296\n255\n" + bytes(12),  # 2^64 pixels: 0 in 64 bits
    "size times 3 overflows": b"P6\n1 6148914691236517206\n255\n" + bytes(12),
    "number overflows": b"P6\n99999999999999999999999 1\n255\n" + bytes(12),
    "ends in a comment": b"P6\n# no size",
}


def arguments(folder):
    (folder / "in.ppm").write_bytes(b"P6\n# made by a test\n%d %d\n255\n" % (WIDTH, HEIGHT) + PIXELS)
    return ["in.ppm", "out.ppm"]


def colour(x, y, c):
    near = [PIXELS[(v * WIDTH + u) * 3 + c] for v in range(max(0, y - 4), min(HEIGHT, y + 5))
            for u in range(max(0, x - 4), min(WIDTH, x + 5))]
    return min(255, sum(near) * 12 // (len(near) * 10))


EXPECTED = bytes(colour(x, y, c) for y in range(HEIGHT) for x in range(WIDTH) for c in range(3))


def check(folder, said):
    if (folder / "out.ppm").read_bytes() != b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + EXPECTED:
        return "out.ppm is another picture than Python makes of it"
    if said[-1] != f"checksum {sum(EXPECTED)}":
        return f"the checksum is {sum(EXPECTED)}"
    return None


def more(build, folder):
    for name, content in BROKEN.items():
        path = folder / "broken.ppm"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        done = subprocess.run([build / "example_image_filter", path, folder / "none.ppm"], cwd=folder, timeout=60,
                              capture_output=True, text=True)
        if done.returncode != 1 or "broken.ppm" not in done.stderr or (folder / "none.ppm").exists():
            return f"a broken picture ({name}): exit {done.returncode}: {done.stderr}"
    return None
