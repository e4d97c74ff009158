"""nftui and nfcapd (for sFlow sfcapd) as child processes, started alike and measured from outside."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_HERE = Path(__file__).parent


@dataclass
class Usage:
    """CPU seconds of a process at one moment, in all and by the names of its threads; peak RSS in MB."""

    cpu: float
    threads: dict[str, float]
    rss_mb: float


@dataclass
class Collector:
    """A running collector.

    Attributes:
        name: `nftui`, `nfcapd` or `sfcapd`.
        port: UDP port.
        folder: where it stores.
        process: the child.
    """

    name: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    whole_cpu: float = field(default=0.0)

    def usage(self) -> Usage:
        """What it has used so far."""
        base = Path(f"/proc/{self.process.pid}")
        cpu = _cpu(base / "stat")
        threads: dict[str, float] = {}
        for task in (base / "task").iterdir():
            try:
                name = (task / "comm").read_text().strip()
                threads[name] = threads.get(name, 0.0) + _cpu(task / "stat")
            except OSError:
                continue
        peak = re.search(r"VmHWM:\s+(\d+) kB", (base / "status").read_text())
        return Usage(cpu, threads, int(peak[1]) / 1024 if peak else 0.0)

    def socket_state(self) -> tuple[int, int]:
        """Bytes that wait in the kernel, and datagrams that it dropped."""
        for table in ("/proc/net/udp", "/proc/net/udp6"):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if int(words[1].rsplit(":", 1)[1], 16) == self.port:
                    return int(words[4].split(":")[1], 16), int(words[-1])
        raise RuntimeError(f"{self.name} has no socket on port {self.port}")

    def wait_until_drained(self, seconds: float = 30) -> None:
        """Until nothing waits in the kernel and the process rests."""
        end = time.monotonic() + seconds
        calm, last = 0, -1.0
        while time.monotonic() < end and calm < 4:
            time.sleep(0.15)
            cpu = _cpu(Path(f"/proc/{self.process.pid}/stat"))
            calm = calm + 1 if self.socket_state()[0] == 0 and cpu - last <= 0.02 else 0
            last = cpu

    def stop(self) -> None:
        """End it as an administrator does; `whole_cpu` is then what it used from start to end."""
        self.process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.whole_cpu = usage.ru_utime + usage.ru_stime

    def stored(self) -> tuple[int, int]:
        """Flow records on disk, and bytes of all files."""
        size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        return (_stored_nftui if self.name == "nftui" else _stored_nfcapd)(self.folder), size


def start(
    name: str, port: int, folder: Path, buffer: int, cpu: int | None = 0, environment: dict[str, str] | None = None
) -> Collector:
    """Start a collector on loopback, on one core if `cpu` is given, and wait until it listens.

    Both get the same socket buffer and a slot longer than the run, so that slots end by volume or at the stop only.
    `environment` is added to this process's.
    """
    folder.mkdir(parents=True)
    commands = {
        "nftui": [sys.executable, str(_HERE / "named_threads.py"), "collect", "-p", f"127.0.0.1:{port}", "-l",
                  str(folder), "-t", "86400", "-B", str(buffer)],
    }  # fmt: skip
    for peer in ("nfcapd", "sfcapd"):
        commands[peer] = [peer, "-y", "-w", str(folder), "-b", "127.0.0.1", "-p", str(port), "-t", "86400"]
        commands[peer] += ["-B", str(buffer)]
    pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
    log = folder.parent / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*pin, *commands[name]], stdout=said, stderr=said, env=os.environ | (environment or {})
        )
    collector = Collector(name, port, folder, process)
    end = time.monotonic() + 90
    while True:
        time.sleep(0.1)
        try:
            collector.socket_state()
        except RuntimeError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{name} did not start: {log.read_text()[-500:]}") from None
            continue
        break
    time.sleep(0.7)
    return collector


def busy_seconds() -> float:
    """CPU seconds that all processes of the machine have used since it started."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _, _, interrupt, soft = map(int, words[:7])
    return (user + nice + system + interrupt + soft) / _TICK


def available(kind: str) -> list[str]:
    """Collectors of a kind of export that this machine has."""
    peer = "sfcapd" if kind == "sflow" else "nfcapd"
    return ["nftui", peer] if shutil.which(peer) and shutil.which("nfdump") else ["nftui"]


def _cpu(stat: Path) -> float:
    words = stat.read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / _TICK


def _stored_nftui(folder: Path) -> int:
    from nftui.engine.query.session import Session
    from nftui.engine.query.sources import find_sources

    session = Session(find_sources([str(folder)]))
    try:
        return session.records()
    finally:
        session.close()


def _stored_nfcapd(folder: Path) -> int:
    total = 0
    for path in folder.rglob("nfcapd.2*"):
        said = subprocess.run(["nfdump", "-r", str(path), "-I"], capture_output=True, text=True, check=True).stdout
        total += int(re.search(r"^Flows: (\d+)$", said, re.MULTILINE)[1])  # type: ignore[index]
    return total
