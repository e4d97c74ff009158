"""softflowd and collectors, fed with the same captures as our probe."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from live_peers import PATIENCE_SECONDS, wait_for_socket, wait_until_read
from probe_packets import START, ethernet, icmp, ip, tcp, udp

INTEROP = Path(os.environ.get("NFTUI_INTEROP", Path(__file__).resolve().parents[3] / "shared" / "interop"))
NFTUI = [sys.executable, "-m", "nftui"]

Key = tuple[str, str, int, int, int]
"""Source and destination address, source and destination port, protocol."""
Totals = Counter[tuple[Key, str]]


def need(*programs: str) -> None:
    """Skip the test when a peer is not installed."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def need_root() -> None:
    """Skip the test without root and network namespaces."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("needs root and iproute2")


# Captures


def conversations(v6: bool, count: int = 60) -> list[bytes]:
    """TCP with handshake and end, UDP and ICMP in both directions."""
    rng = np.random.default_rng(5 + v6)
    base = ("2001:db8::{:x}", "2001:db8:1::{:x}") if v6 else ("10.1.0.{}", "192.0.2.{}")
    frames = []
    for i in range(count):
        client, server = base[0].format(i % 200 + 1), base[1].format(i % 7 + 1)
        port = int(rng.integers(1024, 60_000))
        if i % 3 == 0:
            frames += [udp(client, server, port, 53, 30), udp(server, client, 53, port, 200)]
        elif i % 3 == 1:
            frames += [tcp(client, server, port, 443, 2), tcp(server, client, 443, port, 0x12)]
            frames += [tcp(server, client, 443, port, 0x10, int(rng.integers(1, 1400))) for _ in range(5)]
            frames += [tcp(client, server, port, 443, 0x11), tcp(server, client, 443, port, 0x11)]
        else:
            proto = 58 if v6 else 1
            kinds = (128, 129) if v6 else (8, 0)
            frames.append(ethernet(ip(client, server, proto, bytes([kinds[0], 0]) + bytes(56))))
            frames.append(ethernet(ip(server, client, proto, bytes([kinds[1], 0]) + bytes(56))))
    order = rng.permutation(len(frames))
    return [frames[i] for i in order]


def with_tags(frames: list[bytes]) -> list[bytes]:
    """The same with VLAN ids."""
    return [frame[:12] + struct.pack(">HH", 0x8100, 10 + i % 3) + frame[12:] for i, frame in enumerate(frames)]


def with_labels(frames: list[bytes]) -> list[bytes]:
    """The same behind one or two MPLS labels."""
    out = []
    for i, frame in enumerate(frames):
        stack = struct.pack(">I", 16 << 12 | 0x140) if i % 2 else struct.pack(">II", 17 << 12 | 0x40, 18 << 12 | 0x140)
        out.append(frame[:12] + b"\x88\x47" + stack + frame[14:])
    return out


def fragments() -> list[bytes]:
    """UDP packets in three parts each."""
    frames = []
    for i in range(30):
        source = f"10.2.0.{i + 1}"
        body = struct.pack(">HHHH", 4000 + i, 53, 3000, 0) + bytes(992)
        for offset, more, part in ((0, 1, body), (125, 1, bytes(1000)), (250, 0, bytes(500 + i))):
            frames.append(ethernet(ip(source, "192.0.2.1", 17, part, i + 1, more << 13 | offset)))
    return frames


def captures() -> dict[str, tuple[list[bytes], list[float] | None]]:
    """Name to frames and times."""
    mixed = conversations(False) + [bytes(12) + b"\x08\x06" + bytes(28)] * 5 + conversations(True, 20)
    flood = [tcp(f"10.{i >> 8}.{i & 255}.7", "192.0.2.1", 1024 + i, 80, 2) for i in range(12_000)]
    long = [tcp("10.0.0.1", "10.0.0.2", 1, 2, 0x10, 1000) for _ in range(600)] + [icmp("10.0.0.1", "10.0.0.2", 8, 0)]
    options = []
    for i in range(20):
        plain = ip(f"10.3.0.{i + 1}", "192.0.2.1", 17, struct.pack(">HHHH", 9, 10, 20, 0) + bytes(12))
        options.append(
            ethernet(b"\x46" + plain[1:2] + struct.pack(">H", len(plain) + 4) + plain[4:20] + bytes(4) + plain[20:])
        )
    return {
        "mixed": (mixed, None),
        "ipv6": (conversations(True), None),
        "vlan": (with_tags(conversations(False)), None),
        "mpls": (with_labels(conversations(False)), None),
        "fragments": (fragments(), None),
        "syn flood": (flood, None),
        "long lived": (long, [START + i * 3600.0 for i in range(len(long))]),
        "ip options": (options, None),
        "padding": ([udp("10.0.0.1", "10.0.0.2", 5, 6, 1).ljust(60, b"\0")] * 3, None),
    }


# Programs


def run_softflowd(capture: Path, *options: str) -> str:
    """Run softflowd over a capture; returns its statistics."""
    command = ["softflowd", "-r", str(capture), "-c", "none", "-d", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True).stdout


def run_probe(capture: Path, *options: str) -> str:
    """Run our probe over a capture; returns its statistics."""
    command = [*NFTUI, "probe", "-r", str(capture), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def listening(port: int) -> Iterator[list[bytes]]:
    """Collect datagrams; complete when the block is left."""
    got: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        opened.bind(("127.0.0.1", port))
        yield got
        opened.settimeout(0.3)
        try:
            while True:
                got.append(opened.recv(65_535))
        except TimeoutError:
            return


@contextmanager
def nfcapd(directory: Path, port: int) -> Iterator[None]:
    """nfcapd from Debian; its files are complete when the block is left."""
    directory.mkdir(exist_ok=True)
    command = ["nfcapd", "-w", str(directory), "-p", str(port), "-b", "127.0.0.1", "-B", "4194304", "-t", "3600"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_socket(port)
        yield
        wait_until_read(port)
    finally:
        running.terminate()
        running.wait(PATIENCE_SECONDS)


def nfdump_totals(directory: Path) -> Totals:
    """Packets, bytes and records per 5-tuple as nfdump reads them."""
    command = ["nfdump", "-R", str(directory), "-q", "-N", "-6", "-o", "fmt:%sa,%da,%sp,%dp,%pr,%pkt,%byt"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    totals: Totals = Counter()
    for line in lines:
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != 7:
            continue
        names = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMP6": 58, "0": 0}
        port = [
            int(float(cell) * 256 + round(float(cell) % 1 * 10)) if "." in cell else int(cell) for cell in cells[2:4]
        ]
        proto = names.get(cells[4]) if cells[4] in names else int(cells[4]) if cells[4].isdigit() else -1
        add(totals, (cells[0], cells[1], port[0], port[1], proto or 0), int(cells[5]), int(cells[6]))
    return totals


def add(totals: Totals, key: Key, packets: int, octets: int) -> None:
    """Count a record."""
    totals[key, "packets"] += packets
    totals[key, "bytes"] += octets
    totals[key, "flows"] += 1
