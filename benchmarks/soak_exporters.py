"""Exporters that misbehave as real ones and real networks do, for the soak: each a process with a socket of its own."""

from __future__ import annotations

import multiprocessing
import random
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

from workload import make_flows

from nftui.engine.batch import FlowBatch
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.engine.encode.sflow import SflowEncoder
from nftui.text import V4_PREFIX

KINDS = ("v5", "v9", "v9-sampled", "ipfix", "ipfix-varlen", "sflow", "garbage", "templates")
_STEP_SECONDS = 0.1
_LIFE_SECONDS = (20.0, 90.0)
"""Between two restarts of an exporter."""
_LOST, _TWICE, _SWAPPED = 0.01, 0.005, 0.01
"""Shares of datagrams that the network loses, sends twice, and delivers after their successor."""


class Exporters:
    """All exporters, to be held and let go together.

    Args:
        port: of the collector, on loopback.
        rate: flows per second of each.
        seed: of everything random.
    """

    def __init__(self, port: int, rate: float, seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._holding, self._stopping = context.Event(), context.Event()
        self._sent = [context.Value("Q", 0) for _ in KINDS]
        self._idle = [context.Event() for _ in KINDS]
        self._processes = [
            context.Process(
                target=_run,
                args=(
                    kind,
                    port,
                    rate,
                    seed + place,
                    self._sent[place],
                    self._idle[place],
                    self._holding,
                    self._stopping,
                ),
                daemon=True,
            )
            for place, kind in enumerate(KINDS)
        ]

    def start(self) -> None:
        """Start them, held."""
        self._holding.set()
        for process in self._processes:
            process.start()
        self.hold()

    def hold(self) -> None:
        """Let them pause, and wait until all do."""
        self._holding.set()
        for place, idle in enumerate(self._idle):
            if not idle.wait(60):
                raise RuntimeError(f"exporter {KINDS[place]} does not pause")

    def go(self) -> None:
        """Let them send."""
        for idle in self._idle:
            idle.clear()
        self._holding.clear()

    def sent(self) -> int:
        """Datagrams handed to the kernel."""
        return sum(value.value for value in self._sent)

    def stop(self) -> None:
        """End them."""
        self._stopping.set()
        for process in self._processes:
            process.join(20)
            if process.is_alive():
                process.kill()


def _run(
    kind: str, port: int, rate: float, seed: int, sent: Any, idle: Any, holding: Any, stopping: Any
) -> None:  # fmt: skip
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rng = random.Random(seed)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((f"127.0.3.{KINDS.index(kind) + 1}", 0))
    datagrams = _datagrams(kind, rate, rng)
    while not stopping.is_set():
        if holding.is_set():
            idle.set()
            time.sleep(0.02)
            continue
        began = time.monotonic()
        part = _disturbed(next(datagrams), rng)
        for raw in part:
            sender.sendto(raw, ("127.0.0.1", port))
        with sent.get_lock():
            sent.value += len(part)
        time.sleep(max(0.0, _STEP_SECONDS - (time.monotonic() - began)))


def _disturbed(datagrams: list[bytes], rng: random.Random) -> list[bytes]:
    """What is left of datagrams on their way."""
    out: list[bytes] = []
    for raw in datagrams:
        chance = rng.random()
        if chance < _LOST:
            continue
        if chance < _LOST + _SWAPPED and out:
            out.insert(len(out) - 1, raw)
        else:
            out += [raw] * (2 if chance > 1 - _TWICE else 1)
    return out


def _datagrams(kind: str, rate: float, rng: random.Random) -> Iterator[list[bytes]]:
    """What is sent in each step, for ever."""
    if kind == "garbage":
        while True:
            yield [_garbage(rng) for _ in range(5)]
    if kind == "templates":
        while True:
            yield [_template(rng) for _ in range(5)]
    flows = max(1, int(rate * _STEP_SECONDS))
    pool = [_flows(kind, flows, rng.randrange(1 << 30)) for _ in range(50)]
    while True:  # an exporter's life; the next one counts from 0 again
        encode, ends = _encoder(kind), time.monotonic() + rng.uniform(*_LIFE_SECONDS)
        while time.monotonic() < ends:
            batch = rng.choice(pool)
            now_ms = time.time_ns() // 1_000_000
            shift = now_ms - int(batch.columns["time_flow_end_ms"].max())
            for name in ("time_flow_start_ms", "time_flow_end_ms"):
                batch.columns[name] = batch.columns[name] + shift
            yield [bytes(raw) for raw in encode(batch, now_ms)]


def _flows(kind: str, count: int, seed: int) -> FlowBatch:
    batch = make_flows(count, seed, ipv6=kind != "v5", names=kind == "ipfix-varlen")
    if kind == "sflow":
        for name in ("next_hop_hi", "next_hop_lo", "src_mask", "dst_mask", "src_as", "dst_as"):
            del batch.columns[name]
        batch.columns["packets"] = batch.columns["packets"] * 0 + 1
    return batch


def _encoder(kind: str) -> Callable[[FlowBatch, int], Any]:
    boot_ms = time.time_ns() // 1_000_000 - 120_000
    if kind == "v5":
        return NetFlow5Encoder(boot_ms=boot_ms, sampling_rate=10).encode
    if kind in {"v9", "v9-sampled"}:
        rate = 100 if kind == "v9-sampled" else None
        return NetFlow9Encoder(1, boot_ms=boot_ms, sampling_rate=rate, refresh_datagrams=20).encode
    if kind == "sflow":
        return SflowEncoder(V4_PREFIX | 0x7F000306, header_bytes=64).encode
    return IpfixEncoder(7, refresh_datagrams=20).encode


def _garbage(rng: random.Random) -> bytes:
    """Noise, some of it with the beginning of an export datagram."""
    head = rng.choice((b"", b"\0\5", b"\0\x09", b"\0\x0a", b"\0\0\0\5", b"\0\5\0\x1e"))
    return head + rng.randbytes(rng.choice((0, 1, 20, 200, 1400)))


def _template(rng: random.Random) -> bytes:
    """A v9 template under one of many ids, in one of many domains."""
    fields = [(rng.randrange(1, 100), rng.choice((1, 2, 4, 8))) for _ in range(rng.randrange(1, 20))]
    record = struct.pack(">HH", rng.randrange(256, 3000), len(fields))
    record += b"".join(struct.pack(">HH", *field) for field in fields)
    record += bytes(-len(record) % 4)
    a_set = struct.pack(">HH", 0, 4 + len(record)) + record
    return struct.pack(">HHIIII", 9, 1, 1000, int(time.time()), rng.randrange(1000), rng.randrange(50)) + a_set
