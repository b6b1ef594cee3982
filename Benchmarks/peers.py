"""What is compared: rsync's daemon, nginx with curl, and Ferry. Each serves one directory on loopback."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from measure import Run, end, free_port, run, wait_for_port


class Rsync:
    """rsync's own daemon: plain TCP, neither encrypted nor synced to disk."""

    name = "rsync daemon"

    def __init__(self, folder: Path):
        self.served = folder / "served"
        self.served.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        identity = "uid = root\ngid = root\n" if os.getuid() == 0 else ""
        configuration = folder / "rsyncd.conf"
        configuration.write_text(
            f"address = 127.0.0.1\nport = {self.port}\nuse chroot = no\nlog file = {folder}/log\n{identity}"
            f"[served]\npath = {self.served}\nread only = no\n",
            encoding="utf-8",
        )
        command = ["rsync", "--daemon", "--no-detach", f"--config={configuration}"]
        self.daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_for_port(self.daemon, self.port)

    def _url(self, name: str) -> str:
        return f"rsync://127.0.0.1:{self.port}/served/{name}"

    def push(self, source: Path, name: str, *options: str) -> Run:
        """Sends a file."""
        return run(["rsync", "--times", "--stats", *options, source, self._url(name)])

    def pull(self, name: str, target: Path) -> Run:
        """Fetches a file."""
        return run(["rsync", "--times", "--stats", self._url(name), target])

    def push_tree(self, source: Path, name: str) -> Run:
        """Sends a directory with all that is in it."""
        return run(["rsync", "--archive", f"{source}/", self._url(name)])

    def pull_tree(self, name: str, target: Path) -> Run:
        """Fetches a directory."""
        return run(["rsync", "--archive", self._url(name) + "/", target])

    @staticmethod
    def wire_bytes(done: Run) -> int:
        """Bytes in both directions."""
        found = re.findall(r"Total bytes (?:sent|received): ([\d,]+)", done.output)
        return sum(int(number.replace(",", "")) for number in found)

    def close(self):
        """Ends the daemon."""
        end(self.daemon)


class Nginx:
    """nginx over TLS 1.3: PUT and GET by curl."""

    name = "nginx + curl, TLS"

    def __init__(self, folder: Path):
        self.served = folder / "served"
        for path in (self.served, folder / "temporary"):
            path.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=127.0.0.1"
        subprocess.run(
            request.split() + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", self.certificate],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        # A body that is being received stands beside the served files, so that it is renamed into place, not copied.
        temporary = "".join(
            f"{kind}_temp_path {folder}/temporary;\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.getuid() == 0 else ""
        configuration = folder / "nginx.conf"
        configuration.write_text(
            f"""
            {user} daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/log;
            events {{}}
            http {{
                {temporary} access_log off; sendfile on; client_max_body_size 0;
                server {{
                    listen 127.0.0.1:{self.port} ssl; ssl_protocols TLSv1.3;
                    ssl_certificate {self.certificate}; ssl_certificate_key {key};
                    root {self.served}; dav_methods PUT;
                }}
            }}
            """,
            encoding="utf-8",
        )
        nginx = "/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else "nginx"
        self.daemon = subprocess.Popen(
            [nginx, "-p", folder, "-e", folder / "log", "-c", configuration], stdin=subprocess.DEVNULL
        )
        wait_for_port(self.daemon, self.port)

    def _curl(self, *options) -> Run:
        return run(["curl", "--silent", "--show-error", "--fail", "--cacert", self.certificate, *options])

    def _url(self, name: str) -> str:
        return f"https://127.0.0.1:{self.port}/{name}"

    def push(self, source: Path, name: str) -> Run:
        """Sends a file."""
        return self._curl("--upload-file", source, self._url(name))

    def pull(self, name: str, target: Path) -> Run:
        """Fetches a file."""
        return self._curl("--output", target, self._url(name))

    def close(self):
        """Ends the daemon."""
        end(self.daemon)


class Ferry:
    """ferryd with fresh state, and ferry logged in to it: on loopback, or at both ends of a link."""

    name = "ferry"

    def __init__(self, folder: Path, binaries: Path, link=None):
        self.binaries = binaries
        self.host = link.far_address if link else "127.0.0.1"
        self.far, self.near = (link.far, link.near) if link else ([], [])
        self.served = folder / "served"
        self.served.mkdir(parents=True, exist_ok=True)
        self.state = folder / "state"
        self.environment = dict(os.environ, FERRY_CONFIG_DIR=str(folder / "config"), FERRY_CACHE_DIR=str(folder / "cache"))
        self.port = free_port()
        self.log = folder / "log"
        self.daemon = self.start()
        self._ferryd("share", "add", "served", self.served)
        link = self._ferryd(
            *"user add bench --grant served=read,write --host".split(), self.host, "--port", self.port
        ).output
        self._ferry("login", "--name", "bench", input_text=link)

    def start(self) -> subprocess.Popen:
        """Starts the daemon and returns when it has said READY=1, as it would to systemd."""
        address = str(self.state) + ".notify"
        Path(address).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications, open(self.log, "ab") as log:
            notifications.bind(address)
            notifications.settimeout(30)
            daemon = subprocess.Popen(
                [*self.far, self.binaries / "ferryd", "serve", "--state", self.state, "--listen", f"{self.host}:{self.port}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment, NOTIFY_SOCKET=address),
            )
            try:
                while b"READY=1" not in notifications.recv(4096).split(b"\n"):
                    pass
            except TimeoutError:
                end(daemon)
                raise SystemExit(f"bench: ferryd is not ready; see {self.log}") from None
        return daemon

    def _ferryd(self, *words) -> Run:
        # What it says to a person goes to the daemon's log.
        with open(self.log, "ab") as log:
            return run([self.binaries / "ferryd", *words, "--state", self.state], env=self.environment, stderr=log)

    def _ferry(self, *words, input_text: str = "") -> Run:
        with open(os.memfd_create("input"), "w+", encoding="utf-8") as file:
            file.write(input_text)
            file.seek(0)
            return run([*self.near, self.binaries / "ferry", *words], env=self.environment, stdin=file)

    def push(self, source: Path, name: str, *options: str) -> Run:
        """Sends a file."""
        return self._ferry("push", "--json", *options, source, f"bench:served/{name}")

    def push_tree(self, source: Path, name: str, *options: str) -> Run:
        """Sends a directory with all that is in it."""
        return self._ferry("push", "-r", "--json", *options, source, f"bench:served/{name}")

    def pull_tree(self, name: str, target: Path, *options: str) -> Run:
        """Fetches a directory."""
        return self._ferry("pull", "-r", "--json", *options, f"bench:served/{name}", target)

    def push_twice(self, source: Path, name: str) -> Run:
        """Sends a file, kills the client when half of it is there, and sends it again."""
        began = time.monotonic()
        command = [self.binaries / "ferry", "push", "--quiet", source, f"bench:served/{name}"]
        first = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL)
        half = source.stat().st_size // 2
        while first.poll() is None:
            if any(part.stat().st_size >= half for part in self.served.glob(".ferry-part.*")):
                first.kill()
                first.wait()
            time.sleep(0.005)
        again = self.push(source, name)
        return Run(time.monotonic() - began, again.peak_kib, again.output)

    def traffic(self, directions: str = "received|sent") -> int:
        """Bytes of all connections to the daemon that have ended, as its log says, names and answers included."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        while text.count("connection closed") < text.count("connection accepted"):
            time.sleep(0.01)
            text = self.log.read_text(encoding="utf-8", errors="replace")
        lines = re.findall(r" connection closed .*", text)
        return sum(int(count) for line in lines for count in re.findall(rf" (?:{directions})=(\d+)", line))

    def pull(self, name: str, target: Path, *options: str) -> Run:
        """Fetches a file."""
        return self._ferry("pull", "--json", *options, f"bench:served/{name}", target)

    @staticmethod
    def wire_bytes(done: Run) -> int:
        """Bytes on the wire, as ferry counts them."""
        events = [json.loads(line) for line in done.output.splitlines() if line.strip()]
        return sum(event["wireBytes"] for event in events if event.get("event") == "transfer")

    def memory(self) -> dict:
        """The daemon's memory in KiB: VmHWM (the peak), Rss and Pss_Anon (now)."""
        text = Path(f"/proc/{self.daemon.pid}/status").read_text(encoding="utf-8")
        text += Path(f"/proc/{self.daemon.pid}/smaps_rollup").read_text(encoding="utf-8")
        return {key: int(value) for key, value in re.findall(r"^(VmHWM|Rss|Pss_Anon):\s+(\d+) kB", text, re.MULTILINE)}

    def close(self):
        """Ends the daemon, as systemd would."""
        end(self.daemon, signal.SIGTERM)
