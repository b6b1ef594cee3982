"""The rows about connections that share a transfer, over a link with delay and loss."""

import os
import shutil
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path

import data
from link import Link
from measure import median, rate
from peers import Ferry

DELAY, LOSS = 0.05, 0.001  # each way
SIZE, FILES = 64 << 20, 512
TARGET = 4.0


def tree(bench, source: Path) -> Path:
    """The source in equal files."""
    path = bench.folder / "data" / f"far-tree-{bench.seed}"
    shutil.rmtree(path, ignore_errors=True)
    content, part = source.read_bytes(), SIZE // FILES
    for number in range(FILES):
        folder = path / f"d{number % 8}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}").write_bytes(content[number * part : (number + 1) * part])
    return path


def run(bench):
    """8 connections, 100 ms and 0.1 % loss"""
    if os.getuid() != 0:
        return print("  left out: network namespaces and TUN devices need root", flush=True)
    source = data.make(bench.folder / "data" / f"far-{bench.seed}-{SIZE}", SIZE, data.random_blocks(bench.seed))
    folder = bench.folder / "far"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = tree(bench, source)
    with ExitStack() as stack:
        ferry = stack.enter_context(closing(Ferry(folder, bench.binaries, Link(stack, DELAY, LOSS, bench.seed))))
        jobs = {
            "push": (source, ferry.served / "file", lambda *options: ferry.push(source, "file", *options)),
            "pull": (source, folder / "file", lambda *options: ferry.pull("file", folder / "file", *options)),
            "push -r": (files, ferry.served / "tree", lambda *options: ferry.push_tree(files, "tree", *options)),
            "pull -r": (files, folder / "tree", lambda *options: ferry.pull_tree("tree", folder / "tree", *options)),
        }
        seconds = {(name, count): [] for name in jobs for count in (1, 8)}
        for _ in range(bench.rounds):
            for name, (origin, output, work) in jobs.items():
                for count in (1, 8):
                    shutil.rmtree(output, ignore_errors=True)
                    output.unlink(missing_ok=True)
                    done = work("--connections", str(count))
                    seconds[name, count].append(done.seconds)
                    print(f"  {name}, {count}: {rate(SIZE, done.seconds):.2f} MB/s", flush=True)
                    subprocess.run(["diff", "-r", origin, output], check=True)
    for name in jobs:
        one, many = (rate(SIZE, median(seconds[name, count])) for count in (1, 8))
        bench.add(f"{name} 64 MiB: {run.__doc__}", f"{many:.1f} MB/s", f"1 connection: {one:.2f} MB/s", many / one, TARGET)


ROWS = {"connections": run}
