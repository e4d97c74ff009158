"""A flood of templates from invented sources beside one real exporter: memory, CPU, and what the real one loses.

    python benchmarks/flood.py                        100 000 sources, 10 templates each, at 5 000 datagrams a second
    python benchmarks/flood.py --rate 20000 --collectors nftui

Every source is an address of 127.0.0.0/8 and announces templates that nobody else has. The real exporter announces its
template once, before the flood, and then sends its flows evenly all the time. Both collectors get the same datagrams
and the same socket buffer; collector on core 0, sender on core 1.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import socket
import struct
import tempfile
import time
from pathlib import Path

from collectors import Collector, available, start

_FIELDS = 12
_REAL = [(8, 4), (12, 4), (1, 4), (2, 4), (22, 4), (21, 4)]
_REAL_FLOWS = 10
_WARM = 1500
_ELEMENTS = range(1, 400)


def v9(sets: bytes, sequence: int, domain: int) -> bytes:
    """A NetFlow v9 datagram."""
    uptime = int(time.monotonic() * 1000) & 0xFFFFFFFF
    return struct.pack(">HHIIII", 9, 1, uptime, int(time.time()), sequence, domain) + sets


def template_set(templates: list[list[tuple[int, int]]]) -> bytes:
    """A template set; ids from 256 on."""
    body = b"".join(
        struct.pack(">HH", 256 + place, len(fields)) + b"".join(struct.pack(">HH", *item) for item in fields)
        for place, fields in enumerate(templates)
    )
    return struct.pack(">HH", 0, 4 + len(body)) + body


def real_flows() -> bytes:
    """A data set of the real exporter."""
    uptime = int(time.monotonic() * 1000) & 0xFFFFFFFF
    record = struct.pack(">IIIIII", 0x0A000001, 0x0A000002, 1500, 3, uptime, uptime)
    return struct.pack(">HH", 256, 4 + len(record) * _REAL_FLOWS) + record * _REAL_FLOWS


def invented(rng: random.Random, templates: int) -> bytes:
    """What an invented source sends: templates of its own."""
    made = [[(rng.choice(_ELEMENTS), rng.choice((1, 2, 4, 8))) for _ in range(_FIELDS)] for _ in range(templates)]
    return v9(template_set(made), 0, rng.getrandbits(32))


def rss_mb(pid: int) -> float:
    """Resident memory now."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def measure(name: str, args: argparse.Namespace) -> str:
    """Run one collector through the flood; one line for the table."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="nftui-bench-") as folder:
        collector = start(name, args.port, Path(folder) / "store", args.buffer)
        target = ("127.0.0.1", args.port)
        real = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        real.bind(("127.0.0.1", 0))
        real.sendto(v9(template_set([_REAL]), 0, 7), target)
        sequence = 1
        # An exporter like any other when the flood comes, and rounds of reception as large as they get.
        for place in range(_WARM):
            real.sendto(v9(real_flows(), sequence, 7), target)
            sequence += 1
            if place < 20:
                time.sleep(0.02)
        collector.wait_until_drained()
        before, used = rss_mb(collector.process.pid), collector.usage()
        peak = _send(collector, rng, real, target, sequence, args)
        sequence += args.sources // 100
        collector.wait_until_drained()
        after, spent = rss_mb(collector.process.pid), collector.usage()
        dropped = collector.socket_state()[1]
        real.close()
        collector.stop()
        stored, _ = collector.stored()
    sent = (sequence - 1) * _REAL_FLOWS
    cpu = (spent.cpu - used.cpu) / args.sources * 1e6
    return (
        f"{name:8}{args.sources * args.templates:>11}{before:>10.0f}{peak - before:>+10.1f}{after - before:>+10.1f}"
        f"{cpu:>14.0f}{dropped:>9}{sent:>8}{sent - stored:>8}"
    )


def _send(
    collector: Collector, rng: random.Random, real: socket.socket, target: tuple[str, int], sequence: int,
    args: argparse.Namespace,
) -> float:  # fmt: skip
    begin, peak = time.monotonic(), 0.0
    for place in range(args.sources):
        number = 0x7F000100 + place * 7
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
            source.bind((socket.inet_ntoa(struct.pack(">I", number)), 0))
            source.sendto(invented(rng, args.templates), target)
        if place % 100 == 99:
            real.sendto(v9(real_flows(), sequence + place // 100, 7), target)
            ahead = begin + place / args.rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
        if place % 2000 == 0:
            peak = max(peak, rss_mb(collector.process.pid))
    return max(peak, rss_mb(collector.process.pid))


def main() -> None:
    """Measure all collectors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=100_000)
    parser.add_argument("--templates", type=int, default=10, help="of each source")
    parser.add_argument("--rate", type=float, default=5000, help="datagrams a second")
    parser.add_argument("--buffer", type=int, default=4 << 20, help="socket buffer in bytes, for both")
    parser.add_argument("--port", type=int, default=24900)
    parser.add_argument("--collectors", nargs="+", default=available("v9"))
    args = parser.parse_args()
    os.sched_setaffinity(0, {1})
    print("            templates    RSS MB  peak MB   end MB  us/datagram  dropped    real    lost")
    for name in args.collectors:
        print(measure(name, args), flush=True)


if __name__ == "__main__":
    main()
