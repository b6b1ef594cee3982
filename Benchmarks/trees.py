"""The rows about trees. Old trees are moved aside and removed at the end: creating files is several times slower for a while
after a mass delete (ext4)."""

import os
import random
import shutil
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path

from measure import Run, median, run
from peers import Ferry, Rsync

MILLION_LIMIT_MIB = 128


def real_tree(bench) -> Path:
    """A copy of up to 100,000 files below 512 KiB of /usr: what is really in a system's directories."""
    path = bench.folder / "data" / "tree"
    if path.exists():
        return path
    partial = path.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    found = subprocess.run(
        "cd /usr && find . -xdev -type f -size -512k -printf '%P\\0' | head -z -n 100000", shell=True, check=True, stdout=subprocess.PIPE
    )
    # Set-user-id is not carried, by design.
    copy = ["rsync", "--recursive", "--times", "--perms", "--chmod=ug-s", "--from0", "--files-from=-", "/usr/", f"{partial}/"]
    subprocess.run(copy, input=found.stdout, check=True)
    os.replace(partial, path)
    return path


def million_files(bench) -> Path:
    """1,000 directories of 1,000 files of 0 to 4,096 bytes of noise."""
    path = bench.folder / "data" / f"million-{bench.seed}"
    if path.exists():
        return path
    partial = path.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    generator = random.Random(bench.seed)
    noise = generator.randbytes(1 << 20)
    for directory in range(1000):
        folder = partial / f"d{directory:03}"
        folder.mkdir(parents=True)
        for number in range(1000):
            start = generator.randrange(len(noise) - 4096)
            (folder / f"f{number:03}").write_bytes(noise[start : start + generator.randint(0, 4096)])
    os.replace(partial, path)
    return path


def serve(bench, stack: ExitStack, kind, row: str):
    """A fresh server in a folder of its own, which is removed when all rows are done."""
    folder = bench.folder / f"{row}-{kind.__name__.lower()}-{os.getpid()}"
    folder.mkdir(parents=True)
    bench.leftovers.append(folder)
    server = kind(folder, bench.binaries) if kind is Ferry else kind(folder)
    return stack.enter_context(closing(server))


class Copy:
    """cp -a to a directory of the same file system, and a sync of it."""

    name = "cp -a, sync -f"

    def __init__(self, folder: Path):
        self.served = folder / "copies"
        self.served.mkdir(parents=True, exist_ok=True)

    def push_tree(self, source: Path, name: str) -> Run:
        """Copies a tree."""
        target = self.served / name
        return run(["sh", "-c", 'cp -a "$0" "$1" && sync -f "$1"', source, target])


def in_turn(bench, source: Path, jobs: dict) -> dict:
    """Runs each job once a round into a place of its own; a job takes the name there, and tells where that is."""
    runs = {name: [] for name in jobs}
    warm_tree(source)
    for number in range(bench.rounds):
        for name, (work, place) in jobs.items():
            os.sync()
            target = f"tree-{number}"
            began = time.monotonic()
            done = work(target)
            runs[name].append(Run(time.monotonic() - began, done.peak_kib, done.output))
            print(f"  {name}: {runs[name][-1].seconds:.1f} s", flush=True)
            if number == 0:
                same(source, place(target))
    return runs


def warm_tree(source: Path):
    """Reads a tree once."""
    # Not right to /dev/null, for which tar reads nothing.
    subprocess.run(["sh", "-c", 'tar --create --file=- --directory "$0" . | cat > /dev/null', source], check=True)


def same(source: Path, target: Path):
    """A fast wrong answer is none."""
    check = ["rsync", "-rlptnic", "--delete", f"{source}/", f"{target}/"]
    found = subprocess.run(check, check=True, stdout=subprocess.PIPE).stdout.decode()
    if found:
        raise SystemExit(f"bench: {target} differs from {source}:\n{found[:2000]}")


def compare(bench, work: str, runs: dict, targets: dict):
    """Adds a line for each peer: the peer's time by Ferry's, of their medians."""
    ours = median(one.seconds for one in runs[Ferry.name])
    for name, least in targets.items():
        theirs = median(one.seconds for one in runs[name])
        bench.add(work, f"{ours:.1f} s", f"{name}: {theirs:.1f} s", theirs / ours, least)


def push_tree(bench):
    """push a real tree of 100,000 files"""
    source = real_tree(bench)
    with ExitStack() as stack:
        ferry, rsync = (serve(bench, stack, kind, "push-tree") for kind in (Ferry, Rsync))
        copy = Copy(ferry.served.parent)
        jobs = {
            one.name: (lambda name, one=one: one.push_tree(source, name), lambda name, one=one: one.served / name)
            for one in (ferry, rsync, copy)
        }
        runs = in_turn(bench, source, jobs)
    compare(bench, push_tree.__doc__, runs, {rsync.name: 1.0, Copy.name: 1.0})


def pull_tree(bench):
    """pull a real tree of 100,000 files"""
    source = real_tree(bench)
    with ExitStack() as stack:
        ferry, rsync = (serve(bench, stack, kind, "pull-tree") for kind in (Ferry, Rsync))
        jobs = {}
        for one in (ferry, rsync):
            one.push_tree(source, "tree")
            pulled = one.served.parent / "pulled"
            pulled.mkdir()
            jobs[one.name] = (
                lambda name, one=one, pulled=pulled: one.pull_tree("tree", pulled / name),
                lambda name, pulled=pulled: pulled / name,
            )
        runs = in_turn(bench, source, jobs)
    compare(bench, pull_tree.__doc__, runs, {rsync.name: 1.0})


def tree_again(bench):
    """push a real tree again, nothing changed"""
    source = real_tree(bench)
    with ExitStack() as stack:
        servers = [serve(bench, stack, kind, "tree-again") for kind in (Ferry, Rsync)]
        for one in servers:
            one.push_tree(source, "tree")
        runs = {one.name: [] for one in servers}
        for _ in range(2 * bench.rounds + 1):
            for one in servers:
                runs[one.name].append(one.push_tree(source, "tree"))
    compare(bench, tree_again.__doc__, runs, {Rsync.name: 1.3})


def million(bench):
    """push 1,000,000 files of 0 to 4 KiB"""
    source = million_files(bench)
    with ExitStack() as stack:
        ferry, rsync = (serve(bench, stack, kind, "million") for kind in (Ferry, Rsync))
        jobs = {
            one.name: (lambda name, one=one: one.push_tree(source, name), lambda name, one=one: one.served / name)
            for one in (ferry, rsync)
        }
        runs = in_turn(bench, source, jobs)
        peaks = {"client": max(one.peak_kib for one in runs[ferry.name]), "daemon": ferry.memory()["VmHWM"]}
    compare(bench, million.__doc__, runs, {rsync.name: 1.0})
    for side, peak in peaks.items():
        bench.limit(f"… peak memory, {side}", peak / 1024, "MiB", MILLION_LIMIT_MIB)


def tree_renamed(bench):
    """push a real tree, its 10 largest directories renamed"""
    source = real_tree(bench)
    with ExitStack() as stack:
        ferry = serve(bench, stack, Ferry, "tree-renamed")
        ferry.push_tree(source, "tree")
        # A copy of the names only: the files are the same.
        moved = ferry.served.parent / "moved"
        subprocess.run(["cp", "--archive", "--link", source, moved], check=True)
        sizes = {one: int(subprocess.check_output(["du", "-sb", one]).split()[0]) for one in moved.iterdir() if one.is_dir()}
        for one in sorted(sizes, key=sizes.get)[-10:]:
            one.rename(one.with_name(f"renamed {one.name}"))
        before = ferry.traffic()
        done = ferry.push_tree(moved, "tree")
        wire = ferry.traffic() - before
    total = sum(sizes.values())
    bench.limit(tree_renamed.__doc__, 100 * wire / total, "% on the wire", 5, f"{total / 1e6:.0f} MB, {done.seconds:.1f} s")


ROWS = {
    "push-tree": push_tree,
    "pull-tree": pull_tree,
    "tree-again": tree_again,
    "tree-renamed": tree_renamed,
    "million": million,
}
