"""Every process opens exactly the sockets that it was asked for, and no others."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from collector_process import PATIENCE_SECONDS, Collector
from loopback_ports import free_port

from nftui.engine.control import socket_path

TABLES = (
    "tcp",
    "tcp6",
    "udp",
    "udp6",
    "udplite",
    "udplite6",
    "raw",
    "raw6",
    "packet",
    "icmp",
    "icmp6",
    "unix",
    "netlink",
)


def sockets_of(pid: int) -> set[tuple[str, str]]:
    """Table and local name of each socket of a process that is in one of the kernel's tables."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(OSError):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = set()
    for table in TABLES:
        path = Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            words = line.split()
            if not inodes.intersection(words):
                continue
            if table == "unix":
                found.add((table, words[7] if len(words) > 7 else ""))
            elif table.startswith(("tcp", "udp")):
                address, port = words[1].split(":")
                found.add((table, f"{_text(address)}:{int(port, 16)}"))
            else:
                found.add((table, ""))
    return found


def _text(address: str) -> str:
    """An address of /proc/net: words of 32 bits in the machine's order."""
    raw = b"".join(struct.pack("=I", int(address[at : at + 8], 16)) for at in range(0, len(address), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def test_a_collector_opens_its_ports_its_metrics_and_its_control_socket(tmp_path: Path) -> None:
    ports = [free_port() for _ in range(3)]
    listening = ["-p", f"127.0.0.1:{ports[0]}", "-p", f"tcp://[::1]:{ports[1]}", "--metrics", str(ports[2])]
    collector = Collector(tmp_path / "s", *listening)
    try:
        assert sockets_of(collector.process.pid) == {
            ("udp", f"127.0.0.1:{ports[0]}"),
            ("tcp6", f"::1:{ports[1]}"),
            ("tcp", f"127.0.0.1:{ports[2]}"),
            ("unix", str(socket_path(tmp_path / "s"))),
        }
    finally:
        assert collector.stop()[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="capturing needs root")
def test_a_probe_opens_its_capture_its_export_and_its_control_socket(tmp_path: Path) -> None:
    control, port = tmp_path / "p.ctl", free_port()
    probe = subprocess.Popen(
        [sys.executable, "-m", "nftui", "probe", "-i", "lo", "-c", str(control), "-n", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not control.exists():
            assert probe.poll() is None, probe.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.02)
        found = sockets_of(probe.pid)
        listening = {one for one in found if one[0].startswith(("tcp", "raw", "icmp"))}
        assert listening == set()
        assert ("packet", "") in found
        assert ("unix", str(control)) in found
        assert len([one for one in found if one[0].startswith("udp")]) <= 1  # connected, for what it exports
    finally:
        probe.terminate()
        assert probe.wait(PATIENCE_SECONDS) == 0
