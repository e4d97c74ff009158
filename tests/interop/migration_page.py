"""The commands of docs/migration.md, the folder that they find, and a network of their own for those that need one."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from archive_files import capture_file, flow_tools_file, netflow5
from dump_parity_data import make_batch, write_store
from live_peers import make_capture

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migration.md"
OURS, THEIRS = "sh", "text"
PLACES = {
    "/var/cache/nfdump": "nfdump",
    "/var/lib/nftui": "store",
    "/var/flows": "flow-tools",
    "/run/nftui": "run",
}
"""What stands for the page's absolute paths in the prepared folder; all else is the same: hosts, ports and eth0 exist
in the network of each command, relative names in the prepared folder."""

_NETWORK = """ip link set lo up && ip link add eth0 type veth peer name peer0 && ip link set peer0 up &&
ip link set eth0 arp off up && ip addr add 192.0.2.10/24 dev eth0 && ip addr add 192.0.2.1/32 dev lo && exec "$@"
"""
_SECONDS = 120


def blocks(language: str) -> list[list[str]]:
    """Command lines of the fenced blocks in a language."""
    text = PAGE.read_text().replace("\\\n", " ")
    return [block.strip().splitlines() for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def words(line: str, folder: Path) -> list[str]:
    """A command line of the page as words, with paths of the prepared folder."""
    for place, name in PLACES.items():
        line = line.replace(place, str(folder / name))
    return shlex.split(line, comments=True)


def prepare(folder: Path) -> None:
    """A store, nfcapd's files of two sources, a flow-tools file, captures, a key and a filter: what the page names."""
    from nftui.cli.main import run

    write_store(make_batch(1500), folder / "store")
    (folder / "nfdump").mkdir()
    for source in ("gw1", "gw2"):
        command = ["convert", "-q", "--utc", "--to", "nfdump", str(folder / "store"), "-l"]
        assert run([*command, str(folder / "nfdump" / source)]) == 0
    (folder / "run").mkdir()
    (folder / "flow-tools").mkdir()
    (folder / "flow-tools" / "ft-v05.2026-01-01.100000+0000").write_bytes(flow_tools_file())
    (folder / "exports.pcap").write_bytes(capture_file([netflow5(0, 20), netflow5(20, 20)]))
    make_capture(folder / "day.pcap", 1_767_261_600)
    (folder / "key.txt").write_text("0x1522178d33a4cf80130a5b1649907d10d8988f837979652762574c2d2a842202")
    (folder / "filter.txt").write_text("proto tcp and\nnot port 443\n")


def need_network() -> None:
    """Skip without the rights for a network namespace."""
    if os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("unshare") and shutil.which("nsenter")):
        pytest.skip("needs root, iproute2 and util-linux for a network of its own")


class Started:
    """A program in a network of its own, its standard error in a file."""

    def __init__(self, arguments: list[str], folder: Path, terminal: int | None = None) -> None:
        self._log = folder / f"{arguments[0].rpartition('/')[2]}-{time.monotonic_ns()}.log"
        environment = {**os.environ, "TZ": "UTC", "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        with self._log.open("wb") as log:
            side: dict[str, Any] = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL}
            if terminal is not None:
                side = dict.fromkeys(side, terminal)
            command = ["unshare", "-n", "sh", "-c", _NETWORK, "sh", *arguments]
            self.process = subprocess.Popen(command, cwd=folder, env=environment, **side)

    def said(self) -> str:
        """Standard output and standard error until now."""
        return self._log.read_text(errors="replace")

    def inside(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run something in the same network."""
        command = ["nsenter", "-t", str(self.process.pid), "-n", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def wait_for(self, condition, what: str) -> None:
        """Until a condition holds; the program must live."""
        end = time.monotonic() + _SECONDS
        while self.process.poll() is None and not condition():
            assert time.monotonic() < end, f"{what}: {self.said()}"
            time.sleep(0.05)
        assert self.process.poll() is None, f"{what}: ended with {self.process.returncode}: {self.said()}"

    def listens(self, port: int) -> bool:
        """Whether somebody has the UDP port in this network."""
        wanted = f":{port:04X}"
        tables = [Path(f"/proc/{self.process.pid}/net/{name}") for name in ("udp", "udp6")]
        return any(line.split()[1].endswith(wanted) for table in tables for line in table.read_text().splitlines()[1:])

    def send(self, payload: bytes, port: int, target: str = "127.0.0.1", times: int = 1, source: str = "") -> None:
        """UDP datagrams within this network."""
        code = (
            "import socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
            "if sys.argv[5]: s.bind((sys.argv[5],0))\n"
            "for _ in range(int(sys.argv[4])): s.sendto(bytes.fromhex(sys.argv[1]),(sys.argv[2],int(sys.argv[3])))"
        )
        done = self.inside(sys.executable, "-c", code, payload.hex(), target, str(port), str(times), source)
        assert done.returncode == 0, done.stderr

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_SECONDS)


@contextmanager
def started(arguments: list[str], folder: Path) -> Iterator[Started]:
    """A program in a network of its own, gone at the end of the block."""
    run = Started(arguments, folder)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(_SECONDS)


@contextmanager
def on_a_terminal(arguments: list[str], folder: Path) -> Iterator[tuple[Started, int]]:
    """The same with a terminal of 120 by 40, whose other side is yielded too."""
    import fcntl
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.set_blocking(ours, False)
    run = Started(arguments, folder, theirs)
    os.close(theirs)
    try:
        yield run, ours
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(_SECONDS)
        os.close(ours)


def read_terminal(side: int) -> bytes:
    """What has come since."""
    with suppress(OSError):
        return os.read(side, 1 << 20)
    return b""
