"""Exporters from Debian, our collector and nfcapd, all fed with the same datagrams: what the live-peer tests share."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from loopback_ports import free_port

from nftui.config import CollectorConfig, Config, StoreConfig
from nftui.engine.counters import datagram_balance, flow_balance, record_balance
from nftui.engine.engine import Engine
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources
from nftui.text import address

BUFFER = 4 << 20
PATIENCE_SECONDS = 120
"""How long a busy machine may take for anything before a test calls it missing."""
AT_ONCE = 20
"""Datagrams that fit into the buffer that a peer is given without a right to more."""
Row = tuple[str, int, str, int, int, int, int, int, int, int]
"""Source and destination as address and port, protocol, packets, bytes, TCP flags, start and end (UTC ms)."""


def need(*programs: str) -> None:
    """Skip the test when a peer is not installed."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


class Tee(threading.Thread):
    """Receives datagrams and forwards each one to every target, counting them.

    Args:
        source: bound socket to receive from; it may live in another network namespace.
        targets: loopback ports.
    """

    def __init__(self, source: socket.socket, targets: list[int]) -> None:
        super().__init__(daemon=True)
        self.datagrams = 0
        self._source = source
        self._targets = targets
        self._done = threading.Event()
        self._last = time.monotonic()
        source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        source.settimeout(0.1)

    @property
    def port(self) -> int:
        return self._source.getsockname()[1]

    def run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not self._done.is_set():
                try:
                    datagram = self._source.recv(65535)
                except TimeoutError:
                    continue
                for port in self._targets:
                    out.sendto(datagram, ("127.0.0.1", port))
                self.datagrams += 1
                if self.datagrams % AT_ONCE == 0:
                    wait_until_read(*self._targets)
                self._last = time.monotonic()

    def finish(self) -> int:
        """Wait until nothing has come for a while; returns the number of datagrams."""
        while time.monotonic() - self._last < 0.5:
            time.sleep(0.05)
        self._done.set()
        self.join()
        self._source.close()
        return self.datagrams


@contextmanager
def nfcapd(folder: Path, program: str = "nfcapd") -> Iterator[int]:
    """nfcapd or sfcapd on a free port, which is yielded; at the end its files are complete."""
    folder.mkdir()
    port = free_port()
    command = [program, "-w", str(folder), "-b", "127.0.0.1", "-p", str(port), "-t", "86400", "-B", str(BUFFER)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_socket(port)
        time.sleep(0.3)
        yield port
        wait_until_read(port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


@contextmanager
def nftui(folder: Path) -> Iterator[tuple[int, Engine]]:
    """Our collector on a free port; at the end everything is stored and the balances hold."""
    port = free_port()
    config = Config(CollectorConfig(listen=(f"127.0.0.1:{port}",)), StoreConfig(path=str(folder)))
    engine = Engine(config, live=False)
    engine.start()
    try:
        yield port, engine
    finally:
        assert engine.stop()
    counts = engine.ledger.snapshot()
    assert datagram_balance(counts) == 0
    assert record_balance(counts) == 0
    assert flow_balance(counts) == 0
    assert counts.get("decoder_bug", 0) == 0


def wait_for_datagrams(engine: Engine, expected: int) -> None:
    """Until our collector has seen so many datagrams."""
    end = time.monotonic() + PATIENCE_SECONDS
    while engine.ledger.snapshot().get("datagrams.received", 0) < expected:
        assert time.monotonic() < end, f"{engine.ledger.snapshot()} of {expected} datagrams"
        time.sleep(0.02)


def ours(folder: Path) -> Counter[Row]:
    """Flows of a store of ours."""
    fields = ("src_addr", "src_port", "dst_addr", "dst_port", "proto", "packets", "bytes", "tcp_flags",
              "time_flow_start_ms", "time_flow_end_ms")  # fmt: skip
    columns = ("src_addr_hi", "src_addr_lo", "src_port", "dst_addr_hi", "dst_addr_lo", *fields[3:])
    session = Session(find_sources([str(folder)]))
    try:
        rows = session.all_rows(fields, lambda relation: f"SELECT {', '.join(columns)} FROM {relation}")
    finally:
        session.close()
    return Counter(
        (_text(src_hi, src_lo), src_port or 0, _text(dst_hi, dst_lo), *(value or 0 for value in rest))
        for src_hi, src_lo, src_port, dst_hi, dst_lo, *rest in rows
    )


def theirs(folder: Path) -> Counter[Row]:
    """Flows that nfcapd stored, as nfdump prints them."""
    command = ["nfdump", "-R", str(folder), "-q", "-6", "-N", "-o", "fmt:%sa|%sp|%da|%dp|%pr|%pkt|%byt|%flg|%ts|%te"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"}).stdout
    return Counter(_row(line) for line in said.splitlines() if line.count("|") == 9)


def unwrapped(row: Row) -> Row:
    """An nfdump row as it should be: 1.7.1 does not unwrap sysUptime, so that a flow from before the exporter's start
    lies 2^32 ms in the future, and for IPFIX it takes element 21 (end) for the start and 22 for the end.
    """
    start, end = sorted(
        time_ms - (1 << 32) if time_ms > time.time() * 1000 + 86_400_000 else time_ms for time_ms in row[8:]
    )
    return (*row[:8], start, end)


def without_times(rows: Iterable[Row]) -> list[tuple[object, ...]]:
    return sorted(row[:8] for row in Counter(rows).elements())


def _row(line: str) -> Row:
    words = [word.strip() for word in line.split("|")]
    dst_port = words[3]
    if "." in dst_port:  # nfdump writes ICMP as type.code
        kind, code = dst_port.split(".")
        dst_port = str(int(kind) * 256 + int(code))
    flags = sum(1 << (7 - place) for place, letter in enumerate(words[7]) if letter != ".")
    times = [round(datetime.fromisoformat(word).replace(tzinfo=UTC).timestamp() * 1000) for word in words[8:]]
    numbers = [int(words[i]) for i in (5, 6)]
    return (words[0], int(words[1]), words[2], int(dst_port), _protocol(words[4]), *numbers, flags, *times)


def _protocol(name: str) -> int:
    known = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMP6": 58, "ICMP6 ": 58, "IGMP": 2, "GRE": 47, "ESP": 50, "SCTP": 132}
    return int(name) if name.isdigit() else known[name]


def _text(high: int, low: int) -> str:
    mask = (1 << 64) - 1
    return address((high & mask) << 64 | low & mask)


def wait_for_socket(port: int) -> None:
    """Until somebody has bound the UDP port."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not _unread(port):
        assert time.monotonic() < end, f"nobody listens on {port}"
        time.sleep(0.05)


def wait_until_read(*ports: int) -> None:
    """Until who has the UDP ports has taken all that was sent there."""
    end = time.monotonic() + PATIENCE_SECONDS
    while any(sum(_unread(port)) for port in ports):
        assert time.monotonic() < end, f"nobody reads from {ports}"
        time.sleep(0.002)


def until_asleep(pid: int, seconds: float) -> None:
    """Until a process has slept for so long, not counting the time that it waits for a processor."""
    end = time.monotonic() + PATIENCE_SECONDS
    while seconds > 0:
        assert time.monotonic() < end
        time.sleep(0.02)
        tasks = Path(f"/proc/{pid}/task").iterdir()
        if all((task / "stat").read_text().rpartition(")")[2].split()[0] == "S" for task in tasks):
            seconds -= 0.02


def send_paced(datagrams: Iterable[bytes], *ports: int, source: str = "") -> None:
    """Send each datagram to all ports of the loopback, never more at once than a socket holds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((source, 0))
        for number, datagram in enumerate(datagrams, 1):
            for port in ports:
                out.sendto(datagram, ("127.0.0.1", port))
            if number % AT_ONCE == 0:
                wait_until_read(*ports)
    wait_until_read(*ports)


def _unread(port: int) -> list[int]:
    """Bytes in the queue of each socket that has the UDP port (proc_net(5): the table's fifth word is tx:rx)."""
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return [int(row[4].partition(":")[2], 16) for row in rows if row[1].endswith(f":{port:04X}")]


def make_capture(path: Path, start: float) -> None:
    """108 unidirectional flows in 324 packets: TCP, UDP and ICMP over IPv4 and IPv6, with every TCP handshake flag."""
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    timed = []
    for i in range(60):
        six = i % 4 == 3
        client, server = (
            (f"2001:db8::{i + 1:x}", f"2001:db8:1::{i % 7 + 1:x}")
            if six
            else (f"10.0.0.{i + 1}", f"192.0.2.{i % 7 + 1}")
        )
        network = IPv6 if six else IP
        begin = start + i * 0.01
        if i % 5 < 3:
            for k, flags in enumerate(["S", "SA", "A", "PA", "PA", "FA", "FA", "A"]):
                back = k in {1, 4, 6}
                ends = (server, client, 443, 40000 + i) if back else (client, server, 40000 + i, 443)
                payload = b"x" * (37 * i % 900) if "P" in flags else b""
                segment = TCP(sport=ends[2], dport=ends[3], flags=flags) / payload
                timed.append((begin + k * 0.02, network(src=ends[0], dst=ends[1]) / segment))
        elif i % 5 == 3:
            query = UDP(sport=50000 + i, dport=53) / (b"q" * 40)
            answer = UDP(sport=53, dport=50000 + i) / (b"a" * 140)
            timed.append((begin, network(src=client, dst=server) / query))
            timed.append((begin + 0.005, network(src=server, dst=client) / answer))
        else:
            echo = ICMPv6EchoRequest() if six else ICMP(type=8)
            timed.append((begin, network(src=client, dst=server) / echo / (b"p" * 56)))
    packets = []
    for when, packet in sorted(timed, key=lambda pair: pair[0]):
        framed = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet
        framed.time = when
        packets.append(framed)
    wrpcap(str(path), packets)
