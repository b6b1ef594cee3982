"""The rows about backups: restic and borg with their defaults on a local directory, Ferry through its daemon over TLS."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

import data
from measure import Run, end, median, run
from peers import Ferry
from trees import real_tree, same, warm_tree

HOLES = 1 << 20
CHUNKS = 10_000_000
CLIENT_LIMIT_MIB = 160
DAEMON_LIMIT_MIB = 200


class Repository:
    """What the peers have in common: a directory that holds a repository, and what is called on it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.cache = folder.parent / f"{folder.name}-cache"

    def environment(self) -> dict:
        """Passwords and caches, nobody's own."""
        own = {"RESTIC_PASSWORD": "bench", "BORG_PASSPHRASE": "bench", "BORG_BASE_DIR": str(self.cache), "XDG_CACHE_HOME": str(self.cache)}
        return dict(os.environ, **own, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")

    def call(self, *words, directory: Path | None = None) -> Run:
        """One run of the tool."""
        words = [str(word) for word in words]
        command = ["sh", "-c", 'cd "$0" && exec "$@"', str(directory), *words] if directory else words
        return run(command, env=self.environment())

    def stored(self) -> int:
        """Bytes of the repository."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file() and "index.sqlite" not in path.name)

    def close(self):
        """Nothing runs."""


class Restic(Repository):
    """restic, which encrypts always."""

    name = "restic"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.call("restic", "--quiet", "init", "--repo", folder)

    def backup(self, source: Path) -> Run:
        """A snapshot of a directory."""
        return self.call("restic", "--quiet", "--repo", self.folder, "backup", source)

    def restore(self, source: Path, target: Path) -> tuple[Run, Path]:
        """The newest one; where it lies then."""
        return self.call("restic", "--quiet", "--repo", self.folder, "restore", "latest", "--target", target), target / source.relative_to("/")

    def verify(self) -> Run:
        """All of it, read."""
        return self.call("restic", "--quiet", "--repo", self.folder, "check", "--read-data")


class Borg(Repository):
    """borg, encrypted as its documentation does it."""

    name = "borg"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.count = 0
        self.call("borg", "init", "--encryption", "repokey", folder)

    def backup(self, source: Path) -> Run:
        """An archive of a directory."""
        self.count += 1
        return self.call("borg", "create", f"{self.folder}::{self.count}", source)

    def restore(self, source: Path, target: Path) -> tuple[Run, Path]:
        """The newest one; where it lies then."""
        target.mkdir(parents=True)
        return self.call("borg", "extract", f"{self.folder}::{self.count}", directory=target), target / source.relative_to("/")

    def verify(self) -> Run:
        """All of it, read."""
        return self.call("borg", "check", "--verify-data", self.folder)


class FerryRepository(Ferry):
    """A repository of ferryd's, and ferry logged in to it."""

    def __init__(self, folder: Path, binaries: Path, compress: str = "fast"):
        super().__init__(folder.parent / f"{folder.name}-home", binaries)
        self.folder = folder
        self.compress = compress
        self._ferryd("repository", "create", "backups", "--path", folder)
        self._ferryd("grant", "bench", "backups=read,append")

    def backup(self, source: Path) -> Run:
        """A snapshot of a directory."""
        return self._ferry("backup", "--json", "--compress", self.compress, source, "bench:backups")

    def restore(self, source: Path, target: Path) -> tuple[Run, Path]:
        """The newest one; where it lies then."""
        return self._ferry("restore", "--json", f"bench:backups@latest{source}", target), target

    def snapshots(self) -> Run:
        """All that there are."""
        return self._ferry("snapshots", "bench:backups")

    def verify(self) -> Run:
        """All of it, read."""
        return self._ferryd("verify", "backups", "--read-data")

    stored = Repository.stored


def holed_image(bench) -> Path:
    """A directory with an image of a disk, half of it holes of 1 MiB."""
    folder = bench.folder / "data" / "image-with-holes"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "disk.img"
    if path.exists() and path.stat().st_size == bench.size:
        return folder
    source = bench.random_file()
    with open(source, "rb") as blocks, open(path, "wb") as file:
        for place in range(0, bench.size, 2 * HOLES):
            file.seek(place)
            file.write(blocks.read(HOLES))
        file.truncate(bench.size)
    return folder


def second_image(bench) -> Path:
    """The same a while later."""
    old = holed_image(bench) / "disk.img"
    folder = bench.folder / "data" / "image-later"
    folder.mkdir(parents=True, exist_ok=True)
    data.image(folder / "disk.img", old, bench.seed)
    return folder


def logs(bench) -> Path:
    """A directory with the logs."""
    folder = bench.folder / "data" / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "log").exists():
        os.link(bench.log_file(), folder / "log")
    return folder


def ready(bench, stack: ExitStack, kind, row: str):
    """A fresh repository in a folder that is removed when all rows are done."""
    folder = bench.folder / f"{row}-{kind.__name__.lower()}-{time.monotonic_ns()}"
    bench.leftovers += [folder, folder.parent / f"{folder.name}-cache", folder.parent / f"{folder.name}-home"]
    made = kind(folder, bench.binaries) if issubclass(kind, Ferry) else kind(folder)
    return stack.enter_context(closing(made))


def first(bench, work: str, source: Path, targets: dict, size_limit: float | None = None):
    """First backups, each into a repository of its own."""
    runs, sizes = {}, {}
    warm_tree(source)
    for _ in range(bench.rounds):
        for kind in (FerryRepository, Restic, Borg):
            with ExitStack() as stack:
                one = ready(bench, stack, kind, "backup")
                os.sync()
                runs.setdefault(one.name, []).append(one.backup(source))
                sizes[one.name] = one.stored()
                print(f"  {one.name}: {runs[one.name][-1].seconds:.1f} s, {sizes[one.name] / 1e6:.0f} MB, {runs[one.name][-1].peak_kib >> 10} MiB", flush=True)
    compare(bench, work, runs, targets)
    if size_limit:
        bench.limit("… stored size", sizes[Ferry.name] / sizes[Restic.name], "×", size_limit, f"restic: {sizes[Restic.name] / 1e6:.0f} MB")


def compare(bench, work: str, runs: dict, targets: dict):
    """A line for each peer."""
    ours = median(one.seconds for one in runs[Ferry.name])
    for name, least in targets.items():
        theirs = median(one.seconds for one in runs[name])
        bench.add(work, f"{ours:.2f} s", f"{name}: {theirs:.2f} s", theirs / ours, least)


def backup_logs(bench):
    """first backup of logs"""
    first(bench, backup_logs.__doc__, logs(bench), {Restic.name: 1.8, Borg.name: 1.2}, 1.3)


def backup_tree(bench):
    """first backup of a real tree of 100,000 files"""
    first(bench, backup_tree.__doc__, real_tree(bench), {Restic.name: 2.5, Borg.name: 2.5}, 1.3)


def backup_image(bench):
    """first backup of an image with holes"""
    first(bench, backup_image.__doc__, holed_image(bench), {Restic.name: 2.5, Borg.name: 2.0}, 1.3)


def backup_second(bench):
    """backup of the image's second version"""
    old, new = holed_image(bench), second_image(bench)
    kept = bench.folder / "data" / "image-now"
    runs, sizes = {}, {}
    for _ in range(bench.rounds):
        for kind in (FerryRepository, Restic, Borg):
            with ExitStack() as stack:
                one = ready(bench, stack, kind, "second")
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(old, kept, copy_function=lambda a, b: subprocess.run(["cp", "--sparse=always", a, b], check=True))
                one.backup(kept)
                before = one.stored()
                subprocess.run(["cp", new / "disk.img", kept / "disk.img"], check=True)
                os.sync()
                runs.setdefault(one.name, []).append(one.backup(kept))
                sizes[one.name] = one.stored() - before
                print(f"  {one.name}: {runs[one.name][-1].seconds:.1f} s, {sizes[one.name] / 1e6:.0f} MB new", flush=True)
    shutil.rmtree(kept)
    compare(bench, backup_second.__doc__, runs, {Restic.name: 2.5, Borg.name: 2.5})
    bench.limit("… new bytes", sizes[Ferry.name] / sizes[Restic.name], "×", 0.3, f"restic: {sizes[Restic.name] / 1e6:.0f} MB")


def backup_again(bench):
    """backup of the tree again, nothing changed; restore; verify"""
    source = real_tree(bench)
    runs, restores, checks = {}, {}, {}
    warm_tree(source)
    with ExitStack() as stack:
        every = [ready(bench, stack, kind, "again") for kind in (FerryRepository, Restic, Borg)]
        for one in every:
            one.backup(source)
        for number in range(bench.rounds):
            for one in every:
                runs.setdefault(one.name, []).append(one.backup(source))
                print(f"  {one.name}: again {runs[one.name][-1].seconds:.2f} s", flush=True)
            for one in every:
                target = bench.folder / f"restored-{one.name}-{number}-{time.monotonic_ns()}"
                bench.leftovers.append(target)
                os.sync()
                done, place = one.restore(source, target)
                restores.setdefault(one.name, []).append(done)
                print(f"  {one.name}: restored in {done.seconds:.1f} s", flush=True)
                if number == 0:
                    same(source, place)
            for one in every:
                checks.setdefault(one.name, []).append(one.verify())
                print(f"  {one.name}: verified in {checks[one.name][-1].seconds:.1f} s", flush=True)
    compare(bench, "backup of the tree again", runs, {Restic.name: 3.0})
    compare(bench, "full restore of the tree", restores, {Restic.name: 2.0})
    compare(bench, "full verify of the tree", checks, {Restic.name: 1.0})


def restore_image(bench):
    """full restore of the image"""
    source = holed_image(bench)
    runs = {}
    with ExitStack() as stack:
        every = [ready(bench, stack, kind, "restore") for kind in (FerryRepository, Restic)]
        for one in every:
            one.backup(source)
        for number in range(bench.rounds):
            for one in every:
                target = bench.folder / f"restored-{one.name}-{number}-{time.monotonic_ns()}"
                bench.leftovers.append(target)
                os.sync()
                done, place = one.restore(source, target)
                runs.setdefault(one.name, []).append(done)
                print(f"  {one.name}: restored in {done.seconds:.1f} s", flush=True)
                if number == 0:
                    subprocess.run(["cmp", source / "disk.img", place / "disk.img"], check=True)
    compare(bench, restore_image.__doc__, runs, {Restic.name: 1.5})


def grow(one: FerryRepository, chunks: int, snapshots: int):
    """Makes the repository seem larger; the daemon that has it ends, and another one begins."""
    end(one.daemon)
    run([sys.executable, "-B", Path(__file__).parent / "synthetic.py", one.folder, chunks, snapshots])
    one.daemon = one.start()


def peaks(bench, one: FerryRepository, source: Path) -> tuple[int, int]:
    """The most KiB that client and daemon have while the tree is backed up twice, listed, and restored."""
    target = bench.folder / f"restored-{time.monotonic_ns()}"
    bench.leftovers.append(target)
    runs = {"backup": one.backup(source), "backup again": one.backup(source), "snapshots": one.snapshots()}
    runs["restore"], place = one.restore(source, target)
    same(source, place)
    daemon = one.memory()["VmHWM"]
    for work, done in runs.items():
        print(f"  {work}: {done.seconds:.1f} s, {done.peak_kib >> 10} MiB", flush=True)
    print(f"  daemon: {daemon >> 10} MiB", flush=True)
    return max(done.peak_kib for done in runs.values()), daemon


def backup_memory(bench):
    """peak memory, 10 million chunks in the repository"""
    source = real_tree(bench)
    seed = bench.folder / "data" / "seed"
    seed.mkdir(parents=True, exist_ok=True)
    (seed / "file").write_text("the first snapshot", encoding="utf-8")
    client, daemon = {}, {}
    with ExitStack() as stack:
        for snapshots in (10, 10_000):
            one = ready(bench, stack, FerryRepository, f"memory-{snapshots}")
            one.backup(seed)
            grow(one, CHUNKS, snapshots)
            client[snapshots], daemon[snapshots] = peaks(bench, one, source)
            end(one.daemon)
    bench.limit(f"{backup_memory.__doc__}: client", max(client.values()) / 1024, "MiB", CLIENT_LIMIT_MIB)
    for snapshots, peak in daemon.items():
        bench.limit(f"… daemon, {snapshots:,} snapshots", peak / 1024, "MiB", DAEMON_LIMIT_MIB)


ROWS = {
    "backup-logs": backup_logs,
    "backup-tree": backup_tree,
    "backup-image": backup_image,
    "backup-second": backup_second,
    "backup-again": backup_again,
    "restore-image": restore_image,
    "backup-memory": backup_memory,
}
