"""A link with delay and loss between two network namespaces: a TUN device in each, and this program between them.

    link.py PID PID DELAY LOSS SEED

The namespaces are those of two processes; the delay is in seconds and, like the loss, of each direction. Says `ready` once
packets pass, and ends with its standard input. Needs root. There is no netem in every kernel; this needs none.
"""

import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque
from contextlib import ExitStack

from measure import end

MTU = 1500
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000


class Link:
    """Two namespaces, `near` and `far`, joined by such a link."""

    far_address = "10.99.0.1"
    near_address = "10.99.0.2"

    def __init__(self, stack: ExitStack, delay: float, loss: float, seed: int):
        far, near = (self._start(stack, ["unshare", "--net", "cat"]) for _ in range(2))
        self.far, self.near = (["nsenter", f"--net=/proc/{one.pid}/ns/net"] for one in (far, near))
        for one in (far, near):
            _wait_for_namespace(one.pid)
        words = [far.pid, near.pid, delay, loss, seed]
        link = self._start(stack, [sys.executable, "-B", __file__, *(str(word) for word in words)])
        if link.stdout.readline() != b"ready\n":
            raise SystemExit("bench: the link between the namespaces does not work")

    @staticmethod
    def _start(stack: ExitStack, command) -> subprocess.Popen:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        stack.callback(end, process)
        return process


def _wait_for_namespace(process: int):
    """Returns once a process has left the namespace of this one."""
    mine = os.readlink("/proc/self/ns/net")
    deadline = time.monotonic() + 10
    while os.readlink(f"/proc/{process}/ns/net") == mine:
        if time.monotonic() > deadline:
            raise SystemExit("bench: there is no network namespace to be had")
        time.sleep(0.01)


def device(process: int, address: str) -> int:
    """Makes a TUN device in the namespace of a process; returns its descriptor."""
    with open(f"/proc/{process}/ns/net", "rb") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"ferry", IFF_TUN | IFF_NO_PI))
    for words in (
        f"address add {address}/24 dev ferry",
        f"link set ferry mtu {MTU} txqueuelen 4096 up",
        # What Linux does unless it is told otherwise, whatever this machine was told.
        "route replace 10.99.0.0/24 dev ferry congctl cubic",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    return tun


def forward(ends, delay: float, loss: float, chance: random.Random):
    """Passes packets on, each after the delay, but for some; until standard input ends."""
    waiting = {tun: deque() for tun in ends}
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    while True:
        dues = [queue[0][0] for queue in waiting.values() if queue]
        wait = max(0, min(dues) - time.monotonic()) if dues else None
        readable, _, _ = select.select([*ends, 0], [], [], wait)
        if 0 in readable:
            return
        now = time.monotonic()
        for tun in readable:
            try:
                while packet := os.read(tun, MTU + 64):
                    if chance.random() >= loss:
                        waiting[other[tun]].append((now + delay, packet))
            except BlockingIOError:
                pass
        for tun, queue in waiting.items():
            while queue and queue[0][0] <= now:
                os.write(tun, queue.popleft()[1])


def main():
    """Makes the devices and forwards."""
    far, near = int(sys.argv[1]), int(sys.argv[2])
    ends = [device(far, Link.far_address), device(near, Link.near_address)]
    print("ready", flush=True)
    forward(ends, float(sys.argv[3]), float(sys.argv[4]), random.Random(int(sys.argv[5])))


if __name__ == "__main__":
    main()
