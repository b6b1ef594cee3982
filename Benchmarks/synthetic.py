"""Makes a repository seem to hold millions of chunks: as many rows in its index, packs that are nothing but a name and a
length, and snapshots that are real and all have the same top. Its daemon must not run.

Usage: synthetic.py REPOSITORY CHUNKS SNAPSHOTS

The index must be there, with at least one snapshot. Started by backups.py as a process of its own, since what a process
has at most before it starts a command counts as that command's memory.
"""

import hashlib
import os
import random
import sqlite3
import struct
import sys
from pathlib import Path

CHUNK = 128 << 10
PACK = 32 << 20
# Of each chunk about half is left after compression.
PER_PACK = PACK // (CHUNK // 2)
# A node for so many chunks: directories and recipes.
PER_NODE = 20
SEED = 20261127


def packs(repository: Path, count: int, generator: random.Random):
    """Files that take no room, so that the index's packs are there."""
    for _ in range(count):
        name = generator.randbytes(32)
        shelf = repository / "packs" / f"{name[0]:02x}"
        shelf.mkdir(mode=0o700, exist_ok=True)
        with open(shelf / name.hex(), "wb") as file:
            file.truncate(PACK)
        yield name


def ids(count: int, generator: random.Random):
    """As random as SHA-256, but in order, in which rows are added much faster."""
    step = 2**64 // count
    for number in range(count):
        yield struct.pack(">Q", number * step + generator.randrange(step)) + generator.randbytes(24)


def objects(kind: int, count: int, numbers: list, generator: random.Random):
    """Rows of the table, each somewhere in one of the packs."""
    for name in ids(count, generator):
        block = generator.randrange(PER_PACK // 8)
        yield kind, name, generator.choice(numbers), 32 + block * (PACK // PER_PACK * 8), PACK // PER_PACK * 8, generator.randrange(8) * CHUNK, CHUNK


def fill(repository: Path, chunks: int):
    """Adds packs, chunks and complete nodes to the index."""
    generator = random.Random(SEED)
    index = sqlite3.connect(repository / "index.sqlite", isolation_level=None)
    index.execute("PRAGMA journal_mode = DELETE")
    index.execute("PRAGMA synchronous = OFF")
    index.execute("BEGIN")
    generation = index.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()[0]
    for kind, count in ((1, chunks), (2, chunks // PER_NODE)):
        numbers = []
        for name in packs(repository, 1 + count // PER_PACK, generator):
            row = index.execute("INSERT INTO pack (name, kind, salt, length) VALUES (?, ?, ?, ?)", (name, kind, generator.randbytes(16), PACK))
            numbers.append(row.lastrowid)
        index.executemany("INSERT INTO object VALUES (?, ?, ?, ?, ?, ?, ?)", objects(kind, count, numbers, generator))
    index.execute("INSERT INTO mark SELECT id, ? FROM object WHERE kind = 2 AND id NOT IN (SELECT id FROM mark)", (generation,))
    index.execute("COMMIT")
    index.execute("PRAGMA journal_mode = WAL")
    index.close()


def snapshots(repository: Path, count: int):
    """Adds copies of the first snapshot, later ones all of them. Docs/format.md, section 6."""
    folder = repository / "snapshots"
    every = [path.read_bytes() for path in folder.iterdir()]
    last = max(every, key=lambda snapshot: snapshot[42:50])
    sequence, seconds = (struct.unpack_from(">Q", last, place)[0] for place in (42, 58))
    for number in range(1, count + 1):
        body = last[:42] + struct.pack(">QQq", sequence + number, 0, seconds) + last[66:-32]
        name = hashlib.sha256(body).digest()
        (folder / name.hex()).write_bytes(body + name)


def main():
    """As the usage says."""
    repository, chunks, more = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if chunks:
        fill(repository, chunks)
    if more:
        snapshots(repository, more)
    os.sync()


if __name__ == "__main__":
    main()
