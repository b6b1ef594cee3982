"""How a command is run and what it cost: wall time and peak memory."""

import os
import shutil
import signal
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Run:
    """One finished command."""

    seconds: float
    peak_kib: int  # of the process; its floor is what this program had when it started the command
    output: str


def run(command, **options) -> Run:
    """Runs a command that must succeed; its standard output is kept, its errors are shown."""
    began = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, **options)
    with process.stdout:
        output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"bench: exit code {process.returncode}: {' '.join(str(word) for word in command)}\n{output}")
    return Run(seconds, usage.ru_maxrss, output)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(process: subprocess.Popen, port: int):
    """Returns once something answers on the port; gives up after 10 s or when the process ends."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit(f"bench: {process.args[0]} does not listen on port {port}")


def end(process: subprocess.Popen, how=signal.SIGTERM):
    """Ends a process that was started here, by its id, and waits for it."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def out_of_the_way(path: Path) -> Path:
    """Moves an old output aside and returns where; it is removed by clear(), after the run that replaces it.

    Removing first would be measured too: freed blocks are discarded and freed inodes searched while the new file is
    written.
    """
    aside = path.with_name(path.name + ".old")
    if path.exists():
        os.replace(path, aside)
    return aside


def clear(aside: Path):
    """Removes what was moved aside and waits until all writing is done, so that no run pays for the one before."""
    if aside.is_dir():
        shutil.rmtree(aside)
    else:
        aside.unlink(missing_ok=True)
    os.sync()


def rate(size: int, seconds: float) -> float:
    """MB/s."""
    return size / seconds / 1e6


def median(values) -> float:
    """The middle value."""
    return statistics.median(values)
