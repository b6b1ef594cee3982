"""What is sent: files made from a seed, the same on every machine."""

import os
import random
from pathlib import Path

MIB = 1 << 20


def make(path: Path, size: int, blocks) -> Path:
    """Writes blocks until the file has size bytes, unless it has them already; renames it into place when complete."""
    if path.exists() and path.stat().st_size == size:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        left = size
        while left > 0:
            left -= file.write(next(blocks)[:left])
    os.replace(partial, path)
    return path


def image(path: Path, old: Path, seed: int) -> Path:
    """An image of a disk, a while later: 1% of its blocks of 64 KiB are others, and 100 bytes came in near its front."""
    size, block = old.stat().st_size, 64 << 10
    if path.exists() and path.stat().st_size == size + 100:
        return path
    generator = random.Random(seed)
    count = size // block
    changed = set(generator.sample(range(count), max(1, count // 100)))
    partial = path.with_suffix(".partial")
    with open(old, "rb") as source, open(partial, "wb") as file:
        for number in range(count + 1):
            data = source.read(block)
            if number in changed:
                data = generator.randbytes(len(data))
            if number == 1:
                data = data[:100] + generator.randbytes(100) + data[100:]
            file.write(data)
    os.replace(partial, path)
    return path


def random_blocks(seed: int):
    """Bytes that do not compress and never repeat."""
    generator = random.Random(seed)
    while True:
        yield generator.randbytes(MIB)


def log_blocks(seed: int):
    """Lines of a web service's log: times that advance, words that repeat, numbers that do not.

    A line is one of 40,000 beginnings and one of 40,000 ends, so that hardly any line and no longer passage comes
    twice: a tool that finds equal passages far apart must not look fast for that. About 190 bytes a line, of which
    zlib 1 leaves about a sixth, as it does of a real access log.
    """
    generator = random.Random(seed)
    levels = ["INFO"] * 12 + ["WARN", "DEBUG", "DEBUG", "ERROR"]
    services = ["frontend", "checkout", "catalog", "search", "payments", "session", "mailer", "image-proxy"]
    methods = ["GET"] * 6 + ["POST"] * 2 + ["PUT", "DELETE"]
    nouns = ["orders", "users", "items", "carts", "images", "reviews", "invoices", "tickets", "sessions", "prices"]
    agents = [
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0",
        "okhttp/4.12.0",
    ]
    clients = [f"10.{generator.randrange(4)}.{generator.randrange(256)}.{generator.randrange(256)}" for _ in range(300)]

    def beginning():
        service = generator.randrange(len(services))
        return (
            f"{generator.choice(levels)} {services[service]}[{1200 + 17 * service}] {generator.choice(clients)} "
            f"request={generator.getrandbits(24):06x} "
        )

    def end():
        path = f"/api/v2/{generator.choice(nouns)}/{int(generator.paretovariate(0.6)) % 100_000}"
        status = generator.choice([200] * 14 + [201, 204, 304, 404, 500])
        return (
            f'"{generator.choice(methods)} {path}" {status} {generator.randrange(200, 90_000)} '
            f'{generator.expovariate(0.02):.1f}ms "{generator.choice(agents)}"\n'
        )

    beginnings = [beginning() for _ in range(40_000)]
    ends = [end() for _ in range(40_000)]
    milliseconds = 0
    while True:
        lines = []
        for _ in range(200):
            milliseconds += generator.randrange(1, 90)
            seconds = milliseconds // 1000
            stamp = (
                f"2026-03-{1 + seconds // 86400 % 28:02d}T{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}"
                f":{seconds % 60:02d}.{milliseconds % 1000:03d}Z "
            )
            # A burst of requests within one millisecond: one join instead of a loop over its lines.
            pairs = zip(generator.choices(beginnings, k=40), generator.choices(ends, k=40))
            lines.append(stamp + stamp.join(map("".join, pairs)))
        yield "".join(lines).encode()
