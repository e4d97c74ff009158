"""Capture files for the probe's benchmarks, written a hundred thousand packets at a time.

`mixed`: IMIX sizes 7:4:1, conversations of TCP and UDP that come and go, 8 % IPv6, 2 % VLAN. `syn`: every packet
opens a new flow. The same seed gives the same file. As a script: FILE KIND PACKETS.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

CHUNK = 100_000
SIZES, WEIGHTS = np.array([64, 576, 1500]), np.array([7, 4, 1]) / 12
START = 1_700_000_000


def write_capture(path: Path, kind: str, packets: int, snaplen: int = 96, seed: int = 1) -> None:
    """Write a capture of `kind`, `mixed` or `syn`, at 500 000 packets a second of capture time."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(np.array([0xA1B2C3D4, 0x00040002, 0, 0, snaplen, 1], "<u4").tobytes())
        for first in range(0, packets, CHUNK):
            count = min(CHUNK, packets - first)
            file.write(_chunk(rng, kind, first, count, snaplen).tobytes())


def _chunk(rng: np.random.Generator, kind: str, first: int, count: int, snaplen: int) -> np.ndarray:
    number = np.arange(first, first + count)
    if kind == "syn":
        flow, back = number, np.zeros(count, bool)
        size = np.full(count, 64)
    else:
        newest = number * 0.15
        flow = np.maximum(0, newest - rng.exponential(3000, count)).astype(np.int64)
        back = rng.random(count) < 0.45
        size = rng.choice(SIZES, count, p=WEIGHTS)
    mark = (flow * 2654435761) & 0xFFFFFFFF
    v6 = (mark % 100 < 8) if kind == "mixed" else np.zeros(count, bool)
    vlan = (mark // 100 % 100 < 2) & ~v6 if kind == "mixed" else np.zeros(count, bool)
    tcp = (mark // 10_000 % 10 < 7) if kind == "mixed" else np.ones(count, bool)
    size = np.where(v6, np.maximum(size, 90), size)
    captured = np.minimum(size, snaplen)
    head = np.zeros((count, 120), np.uint8)
    _put(head, 0, START + number // 500_000, 4, "<")
    _put(head, 4, number % 500_000 * 2, 4, "<")
    _put(head, 8, captured, 4, "<")
    _put(head, 12, size, 4, "<")
    frame = head[:, 16:]
    frame[:, 0], frame[:, 6] = 2, 2
    shift = np.where(vlan, 4, 0)
    ip = 14 + shift
    _put(frame, 12, np.where(vlan, 0x8100, np.where(v6, 0x86DD, 0x0800)), 2)
    rows = np.arange(count)
    _scatter(frame, rows[vlan], np.full(int(vlan.sum()), 14), 100 + mark[vlan] % 5, 2)
    _scatter(frame, rows[vlan], np.full(int(vlan.sum()), 16), np.full(int(vlan.sum()), 0x0800), 2)
    client = 0x0A000000 + (mark >> 8) % 200_000
    server = 0xC0A80000 + flow % 5000
    source, target = np.where(back, server, client), np.where(back, client, server)
    high, low = 1024 + mark % 60_000, np.array([443, 80, 53, 22, 8080])[flow % 5]
    sport, dport = np.where(back, low, high), np.where(back, high, low)
    proto = np.where(tcp, 6, 17)
    four, six = ~v6, v6
    at = ip[four]
    for offset, values, width in (
        (0, np.full(count, 0x4500), 2),
        (2, size - ip, 2),
        (8, 64 * 256 + proto, 2),
        (12, source, 4),
        (16, target, 4),
    ):
        _scatter(frame, rows[four], at + offset, values[four], width)
    at = ip[six]
    for offset, values, width in (
        (0, np.full(count, 0x60000000), 4),
        (4, size - ip - 40, 2),
        (6, proto * 256 + 64, 2),
        (8, np.full(count, 0x20010DB8), 4),
        (20, source, 4),
        (24, np.full(count, 0x20010DB8), 4),
        (36, target, 4),
    ):
        _scatter(frame, rows[six], at + offset, values[six], width)
    transport = ip + np.where(v6, 40, 20)
    _scatter(frame, rows, transport, sport, 2)
    _scatter(frame, rows, transport + 2, dport, 2)
    udp = ~tcp
    _scatter(frame, rows[udp], transport[udp] + 4, (size - transport)[udp], 2)
    _scatter(frame, rows[tcp], transport[tcp] + 12, np.full(int(tcp.sum()), 0x50), 1)
    flags = np.full(count, 2) if kind == "syn" else np.where(rng.random(count) < 0.1, 17, 16)
    _scatter(frame, rows[tcp], transport[tcp] + 13, flags[tcp], 1)
    return _join(head, captured)


def _put(rows: np.ndarray, at: int, values: np.ndarray, width: int, order: str = ">") -> None:
    rows[:, at : at + width] = values.astype(f"{order}u{width}").view(np.uint8).reshape(-1, width)


def _scatter(rows: np.ndarray, which: np.ndarray, at: np.ndarray, values: np.ndarray, width: int) -> None:
    data = values.astype(f">u{width}").view(np.uint8).reshape(-1, width)
    for byte in range(width):
        rows[which, at + byte] = data[:, byte]


def _join(head: np.ndarray, captured: np.ndarray) -> np.ndarray:
    """Records one after the other; bytes behind the headers are zeros."""
    lengths = captured + 16
    ends = np.cumsum(lengths)
    out = np.zeros(int(ends[-1]), np.uint8)
    keep = np.minimum(lengths, head.shape[1])
    inside = np.arange(head.shape[1]) < keep[:, None]
    places = (ends - lengths)[:, None] + np.arange(head.shape[1])
    out[places[inside]] = head[inside]
    return out


if __name__ == "__main__":
    write_capture(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
