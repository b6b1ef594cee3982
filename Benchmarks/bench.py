"""The rows of Ferry's speed table. Started by Scripts/bench, which says how."""

import argparse
import filecmp
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import backups
import connections
import data
import trees
from measure import clear, end, median, out_of_the_way, rate, run
from peers import Ferry, Nginx, Rsync

MIB = 1 << 20
MEMORY_LIMIT_MIB = 96


@dataclass
class Line:
    """One line of the table: what was measured, of Ferry and of one peer or limit, and whether it is enough."""

    work: str
    ferry: str
    against: str
    ratio: str
    target: str
    met: bool


@dataclass
class Bench:
    """The options, and what the rows have found."""

    folder: Path
    binaries: Path
    rounds: int
    size: int
    seed: int
    lines: list = field(default_factory=list)
    leftovers: list = field(default_factory=list)
    peaks: dict = field(default_factory=lambda: {"client": 0, "daemon": 0})

    def random_file(self) -> Path:
        """The file that does not compress."""
        path = self.folder / "data" / f"random-{self.seed}-{self.size}"
        return data.make(path, self.size, data.random_blocks(self.seed))

    def log_file(self) -> Path:
        """The file that does, half as large."""
        path = self.folder / "data" / f"log-{self.seed}-{self.size // 2}"
        return data.make(path, self.size // 2, data.log_blocks(self.seed))

    def serve(self, stack: ExitStack, kind):
        """A fresh server of that kind, ended with the stack."""
        folder = self.folder / kind.__name__.lower()
        clear(out_of_the_way(folder))
        folder.mkdir(parents=True)
        server = kind(folder, self.binaries) if kind is Ferry else kind(folder)
        return stack.enter_context(closing(server))

    def interleave(self, source: Path, jobs: dict) -> dict:
        """Runs each job once a round, ABCABC, and returns their runs. A job is (output, function), or (output, function,
        preparation), which puts an old version in place of having none.

        The output of the first round is compared with the source, since a fast wrong answer is none.
        """
        runs = {name: [] for name in jobs}
        warm(source)
        for number in range(self.rounds):
            for name, (output, work, *prepare) in jobs.items():
                aside = out_of_the_way(output)
                for step in prepare:
                    step(output)
                done = work()
                runs[name].append(done)
                note(f"  {name}: {rate(source.stat().st_size, done.seconds):.0f} MB/s")
                if number == 0 and not filecmp.cmp(source, output, shallow=False):
                    raise SystemExit(f"bench: {output} differs from {source}")
                clear(aside)
        return runs

    def compare(self, work: str, size: int, runs: dict, targets: dict):
        """Adds a line for each peer: Ferry's rate by the peer's, of their medians."""
        ferry = rate(size, median(run.seconds for run in runs[Ferry.name]))
        for name, least in targets.items():
            peer = rate(size, median(run.seconds for run in runs[name]))
            self.add(work, f"{ferry:.0f} MB/s", f"{name}: {peer:.0f} MB/s", ferry / peer, least)

    def add(self, work: str, ferry: str, against: str, ratio: float, least: float):
        """Adds a line that is met by a ratio of at least so much."""
        self.lines.append(Line(work, ferry, against, f"{ratio:.2f}", f"≥ {least:.1f}", ratio >= least))

    def limit(self, work: str, value: float, unit: str, most: float, detail: str = ""):
        """Adds a line that is met by a value of at most so much."""
        shown = f"{value:.2f} {unit}" if unit == "×" else f"{value:.1f} {unit}" if value < 100 else f"{value:.0f} {unit}"
        self.lines.append(Line(work, shown, detail, "", f"≤ {most:g} {unit}", value <= most))

    def note_peaks(self, ferry: Ferry, runs: dict):
        """Remembers the most memory that either side had."""
        self.peaks["client"] = max(self.peaks["client"], *(run.peak_kib for run in runs[Ferry.name]))
        self.peaks["daemon"] = max(self.peaks["daemon"], ferry.memory()["VmHWM"])


def warm(*sources: Path):
    """Reads the sources once, or the first tool of the first round would pay for reading them from the disk."""
    for source in sources:
        with open(source, "rb") as file:
            while file.read(MIB):
                pass


def note(text: str):
    """Says what is going on."""
    print(text, file=sys.stderr, flush=True)


def push_random(bench: Bench):
    """push a random file"""
    source = bench.random_file()
    with ExitStack() as stack:
        ferry, rsync, nginx = (bench.serve(stack, kind) for kind in (Ferry, Rsync, Nginx))
        servers = (ferry, rsync, nginx)
        runs = bench.interleave(
            source, {one.name: (one.served / "file", lambda one=one: one.push(source, "file")) for one in servers}
        )
        bench.note_peaks(ferry, runs)
    bench.compare(title(push_random, bench), source.stat().st_size, runs, {rsync.name: 1.5, nginx.name: 1.0})


def pull_random(bench: Bench):
    """pull a random file"""
    source = bench.random_file()
    with ExitStack() as stack:
        ferry, rsync, nginx = (bench.serve(stack, kind) for kind in (Ferry, Rsync, Nginx))
        jobs = {}
        for one in (ferry, rsync, nginx):
            # One file for all, so that none reads from a warmer cache; only the links differ.
            (one.served / "file").hardlink_to(source)
            output = one.served.parent / "pulled"
            jobs[one.name] = (output, lambda one=one, output=output: one.pull("file", output))
        runs = bench.interleave(source, jobs)
        bench.note_peaks(ferry, runs)
    bench.compare(title(pull_random, bench), source.stat().st_size, runs, {rsync.name: 1.2, nginx.name: 1.0})


def push_logs(bench: Bench):
    """push logs, --compress fast"""
    source = bench.log_file()
    with ExitStack() as stack:
        ferry, rsync = (bench.serve(stack, kind) for kind in (Ferry, Rsync))
        zstd = "rsync -z --compress-choice=zstd"
        runs = bench.interleave(
            source,
            {
                ferry.name: (ferry.served / "file", lambda: ferry.push(source, "file", "--compress", "fast")),
                zstd: (rsync.served / "file", lambda: rsync.push(source, "file", "-z", "--compress-choice=zstd")),
            },
        )
        bench.note_peaks(ferry, runs)
    size = source.stat().st_size
    bench.compare(title(push_logs, bench), size, runs, {zstd: 1.1})
    wire = median(ferry.wire_bytes(run) for run in runs[ferry.name])
    other = median(rsync.wire_bytes(run) for run in runs[zstd])
    bench.limit("… bytes on the wire", 100 * wire / size, "%", 25, f"{zstd}: {100 * other / size:.1f} %")


def lay(old: Path):
    """Puts a copy of the old version in place, written and cached."""

    def step(output: Path):
        shutil.copyfile(old, output)
        os.sync()

    return step


def delta(bench: Bench, work: str, job):
    """Sends the new image over the old one, which `job` makes of a server, the image and the name."""
    old = bench.random_file()
    new = data.image(old.with_name(f"image-{bench.seed}-{bench.size}"), old, bench.seed)
    with ExitStack() as stack:
        ferry, rsync = (bench.serve(stack, kind) for kind in (Ferry, Rsync))
        before = ferry.traffic()
        runs = bench.interleave(new, {one.name: (*job(one, new), lay(old)) for one in (ferry, rsync)})
        wire = (ferry.traffic() - before) / bench.rounds
        bench.note_peaks(ferry, runs)
    bench.compare(work, new.stat().st_size, runs, {rsync.name: 1.0})
    other = median(rsync.wire_bytes(run) for run in runs[rsync.name])
    bench.limit("… bytes on the wire", wire / other, "×", 2, f"{rsync.name}: {other / 1e6:.0f} MB")


def push_delta(bench: Bench):
    """push over an old version of an image"""
    delta(bench, title(push_delta, bench), lambda one, new: (one.served / "file", lambda: one.push(new, "file")))


def pull_delta(bench: Bench):
    """pull over an old version of an image"""

    def job(one, new):
        (one.served / "file").hardlink_to(new)
        output = one.served.parent / "pulled"
        return output, lambda: one.pull("file", output)

    delta(bench, title(pull_delta, bench), job)


def push_again(bench: Bench):
    """push again, nothing changed"""
    source = bench.random_file()
    with ExitStack() as stack:
        servers = [bench.serve(stack, kind) for kind in (Ferry, Rsync)]
        for one in servers:
            one.push(source, "file")
        seconds = {one.name: [] for one in servers}
        for _ in range(7 * bench.rounds):
            for one in servers:
                seconds[one.name].append(one.push(source, "file").seconds)
    ferry, rsync = (1000 * median(seconds[one.name]) for one in servers)
    bench.add(title(push_again, bench), f"{ferry:.0f} ms", f"{Rsync.name}: {rsync:.0f} ms", rsync / ferry, 1.0)


def eight_clients(bench: Bench):
    """eight clients push at once"""
    size = bench.size // 8
    sources = [
        data.make(bench.folder / "data" / f"part-{bench.seed}-{number}-{size}", size, data.random_blocks(bench.seed + number))
        for number in range(1, 9)
    ]
    with ExitStack() as stack:
        ferry, nginx = (bench.serve(stack, kind) for kind in (Ferry, Nginx))
        seconds = {one.name: [] for one in (ferry, nginx)}
        warm(*sources)
        for _ in range(bench.rounds):
            for one in (ferry, nginx):
                aside = out_of_the_way(one.served)
                one.served.mkdir()
                began = time.monotonic()
                with ThreadPoolExecutor(len(sources)) as pool:
                    list(pool.map(lambda source, one=one: one.push(source, source.name), sources))
                seconds[one.name].append(time.monotonic() - began)
                note(f"  {one.name}: {rate(8 * size, seconds[one.name][-1]):.0f} MB/s")
                for source in sources:
                    if not filecmp.cmp(source, one.served / source.name, shallow=False):
                        raise SystemExit(f"bench: {one.served / source.name} differs from {source}")
                clear(aside)
    ours, theirs = (rate(8 * size, median(seconds[one.name])) for one in (ferry, nginx))
    work = f"{eight_clients.__doc__} (8 × {size_text(size)})"
    bench.add(work, f"{ours:.0f} MB/s", f"{Nginx.name}: {theirs:.0f} MB/s", ours / theirs, 1.0)


def resume(bench: Bench):
    """a push cut at half and resumed"""
    source = bench.random_file()
    size = source.stat().st_size
    whole, cut = [], []
    with ExitStack() as stack:
        ferry = bench.serve(stack, Ferry)
        warm(source)
        for _ in range(bench.rounds):
            for runs, push in ((whole, ferry.push), (cut, ferry.push_twice)):
                aside = out_of_the_way(ferry.served / "file")
                before = ferry.traffic("received")
                seconds = push(source, "file").seconds
                runs.append((seconds, ferry.traffic("received") - before))
                note(f"  {seconds:.1f} s, {runs[-1][1] / 1e6:.0f} MB")
                if not filecmp.cmp(source, ferry.served / "file", shallow=False):
                    raise SystemExit("bench: what was pushed differs")
                clear(aside)
    time_whole, time_cut = (median(run[0] for run in runs) for runs in (whole, cut))
    bytes_whole, bytes_cut = (median(run[1] for run in runs) for runs in (whole, cut))
    work = title(resume, bench)
    bench.limit(f"{work}: time", time_cut / time_whole, "×", 1.25, f"not cut: {time_whole:.1f} s")
    bench.limit("… bytes received", bytes_cut / bytes_whole, "×", 1.05, f"not cut: {bytes_whole / 1e6:.0f} MB of {size / 1e6:.0f}")


def memory(bench: Bench):
    """peak memory of either side"""
    # The runs of the other rows count; asked for alone, this row pushes and pulls once itself.
    if not any(bench.peaks.values()):
        source = bench.random_file()
        with ExitStack() as stack:
            ferry = bench.serve(stack, Ferry)
            for run_one in (
                lambda: ferry.push(source, "file"),
                lambda: ferry.pull("file", ferry.served.parent / "pulled"),
                lambda: ferry.push(bench.log_file(), "logs", "--compress", "fast"),
            ):
                bench.note_peaks(ferry, {Ferry.name: [run_one()]})
    for side, peak in bench.peaks.items():
        bench.limit(f"peak memory, {side}", peak / 1024, "MiB", MEMORY_LIMIT_MIB)


def idle(bench: Bench):
    """idle daemon: anonymous memory, RSS"""
    with ExitStack() as stack:
        found = bench.serve(stack, Ferry).memory()
    bench.limit("idle daemon, anonymous memory", found["Pss_Anon"] / 1024, "MiB", 16)
    bench.limit("idle daemon, RSS", found["Rss"] / 1024, "MiB", 48)


def help_text(bench: Bench):
    """ferry --help"""
    times = [run([bench.binaries / "ferry", "--help"]).seconds for _ in range(21)]
    bench.limit("ferry --help", 1000 * median(times), "ms", 30)


def ready(bench: Bench):
    """time until the daemon is ready"""
    with ExitStack() as stack:
        ferry = bench.serve(stack, Ferry)
        times = []
        for _ in range(11):
            end(ferry.daemon)
            began = time.monotonic()
            ferry.daemon = ferry.start()
            times.append(time.monotonic() - began)
    bench.limit("daemon ready (READY=1)", 1000 * median(times), "ms", 300)


# Memory comes after the rows that it looks at.
ROWS = {
    "push-random": push_random,
    "pull-random": pull_random,
    "push-logs": push_logs,
    "push-delta": push_delta,
    "pull-delta": pull_delta,
    "push-again": push_again,
    "eight-clients": eight_clients,
    "resume": resume,
    **trees.ROWS,
    **backups.ROWS,
    **connections.ROWS,
    "memory": memory,
    "idle": idle,
    "help": help_text,
    "ready": ready,
}


def size_text(size: int) -> str:
    """4 GiB rather than 4294967296."""
    return f"{size >> 30} GiB" if size % (1 << 30) == 0 else f"{size >> 20} MiB"


def title(row, bench: Bench) -> str:
    """A row's name in the table, with the size that it used."""
    size = bench.size // 2 if row is push_logs else bench.size
    return f"{row.__doc__} ({size_text(size)})"


def table(lines: list) -> str:
    """The lines as Markdown."""
    rows = [("work", "ferry", "against", "ratio", "target", "met")]
    rows += [(line.work, line.ferry, line.against, line.ratio, line.target, "yes" if line.met else "NO") for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    shown = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)


def parse_size(text: str) -> int:
    """4G, 256M."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    size = int(text[:-1]) * units[text[-1].upper()] if text[-1:].upper() in units else int(text)
    if size < 2 * MIB:
        raise argparse.ArgumentTypeError("at least 2M")
    return size


def commit() -> str:
    """The commit that is measured, marked if the working tree differs."""
    command = ["git", "--no-optional-locks", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.strip() or "unknown"


def main():
    """Runs the rows that were asked for and prints the table; exits 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="Scripts/bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {', '.join(ROWS)}; all by default")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; medians are shown (default 3)")
    parser.add_argument("--size", type=parse_size, default=4 << 30, help="of the random file; logs are half (default 4G)")
    parser.add_argument("--dir", type=Path, required=True, help="where data and servers lie")
    parser.add_argument("--seed", type=int, default=20260301, help="of the data")
    parser.add_argument("--binaries", type=Path, required=True, help="where ferryd and ferry are")
    parser.add_argument("--markdown", type=Path, help="also write the table, with its conditions, to this file")
    arguments = parser.parse_args()
    unknown = set(arguments.rows) - set(ROWS)
    if unknown or arguments.rounds < 1:
        parser.error(f"no row named {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}" if unknown else "--rounds is at least 1")

    # So that servers are ended however this program ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments.dir.mkdir(parents=True, exist_ok=True)
    need = 10 * arguments.size
    if shutil.disk_usage(arguments.dir).free < need:
        sys.exit(f"bench: {arguments.dir} needs {size_text(need)} free; use --dir or a smaller --size")

    bench = Bench(arguments.dir.resolve(), arguments.binaries.resolve(), arguments.rounds, arguments.size, arguments.seed)
    for name, row in ROWS.items():
        if not arguments.rows or name in arguments.rows:
            note(f"{name}: {row.__doc__}")
            row(bench)

    shown = table(bench.lines)
    print(shown)
    for folder in bench.leftovers:
        clear(folder)
    if arguments.markdown:
        rounds = "one round" if bench.rounds == 1 else f"medians of {bench.rounds} interleaved rounds"
        text = f"Commit {commit()}, {rounds}, seed {bench.seed}, both ends on one machine over loopback.\n\n{shown}\n"
        arguments.markdown.write_text(text, encoding="utf-8")
    sys.exit(0 if all(line.met for line in bench.lines) else 1)


if __name__ == "__main__":
    main()
