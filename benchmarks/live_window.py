"""CPU and memory of the live window at full rate: python benchmarks/live_window.py [--rate 300000] [--seconds 60].

Simulated time: per second one second of flows is added in batches of 1500 flows, as decoding gives them, and two
snapshots are taken. Hosts and ports are Zipf-distributed over 200 000 addresses (`--worst`: every flow is new). Each
line is a view; CPU milliseconds are per simulated second, in the steady state (second half).
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.live.snapshot import VIEWS, LiveRequest
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.parser import parse_filter

BATCH = 1500
V4 = 0xFFFF << 32


def make_batches(count: int, worst: bool) -> list[FlowBatch]:
    rng = np.random.default_rng(7)
    hosts = 1 << 31 if worst else 200_000

    def address() -> np.ndarray:
        chosen = rng.integers(0, hosts, BATCH) if worst else rng.zipf(1.1, BATCH) * 2654435761 % hosts
        return (V4 | 0x0A000000) + chosen.astype(np.int64)

    batches = []
    for _ in range(count):
        zero = np.zeros(BATCH, np.int64)
        packets = 1 + rng.geometric(0.05, BATCH)
        client = rng.integers(1024, 65536, BATCH)
        server = np.minimum(rng.zipf(1.5, BATCH) % 1024, 1023)
        batches.append(
            FlowBatch(
                BATCH,
                {
                    "time_received_ms": zero, "time_flow_start_ms": zero,
                    "time_flow_end_ms": (rng.pareto(1, BATCH) * 1000).clip(0, 120_000).astype(np.int64),
                    "sampler_address_hi": zero, "sampler_address_lo": zero + (V4 | 1),
                    "src_addr_hi": zero, "src_addr_lo": address(), "dst_addr_hi": zero, "dst_addr_lo": address(),
                    "src_port": client.astype(np.uint16), "dst_port": server.astype(np.uint16),
                    "proto": rng.choice([6, 17, 1], BATCH, p=[0.7, 0.25, 0.05]).astype(np.uint8),
                    "tcp_flags": zero.astype(np.uint16), "ip_tos": zero.astype(np.uint8),
                    "bytes": packets * rng.integers(40, 1500, BATCH), "packets": packets, "flows": zero + 1,
                    "sampling_rate": np.full(BATCH, 1, np.uint32), "quality": zero.astype(np.uint16),
                    "flow_source": zero.astype(np.uint8), "observation_domain_id": zero.astype(np.uint32),
                    "in_if": rng.integers(1, 48, BATCH).astype(np.uint32),
                    "out_if": rng.integers(1, 48, BATCH).astype(np.uint32),
                    "src_as": rng.integers(1, 5000, BATCH).astype(np.uint32),
                    "dst_as": rng.integers(1, 5000, BATCH).astype(np.uint32),
                },
            )
        )  # fmt: skip
    return batches


def run(request: LiveRequest, batches: list[FlowBatch], rate: int, seconds: int) -> str:
    clock = ManualClock()
    window = LiveWindow(clock)
    adding = asking = 0.0
    longest = 0.0
    place = 0
    for second in range(seconds):
        steady = second >= seconds // 2
        for _ in range(2):
            start = time.thread_time()
            for _ in range(rate // BATCH // 2):
                window.add(batches[place % len(batches)])
                place += 1
            added = time.thread_time()
            clock.advance(0.4999)
            snapshot = window.snapshot(request)
            asked = time.thread_time()
            if steady:
                adding += added - start
                asking += asked - added
                longest = max(longest, asked - added)
    counted = seconds - seconds // 2
    start = time.thread_time()
    window.snapshot(LiveRequest(request.view, filter=parse_filter("bytes >= 0"), limit=200))
    rebuild = time.thread_time() - start
    name = request.view + (" (filter)" if request.filter else "")
    return (
        f"{name:18} {adding / counted * 1e3:7.2f} {asking / counted * 1e3:9.1f} {longest * 1e3:9.1f} "
        f"{rebuild * 1e3:9.1f} {snapshot.rows_total:9d} {snapshot.covered_seconds:8.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=300_000, help="flows per second")
    parser.add_argument("--seconds", type=int, default=60, help="simulated seconds per view")
    parser.add_argument("--worst", action="store_true", help="hosts do not repeat")
    parser.add_argument("--views", nargs="*", default=list(VIEWS))
    options = parser.parse_args()
    batches = make_batches(2000, options.worst)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{options.rate} flows/s, {options.seconds} s simulated, worst case: {options.worst}")
    print(f"{'view':18} {'add':>7} {'snapshots':>9} {'longest':>9} {'rebuild':>9} {'groups':>9} {'covered':>8}")
    print(f"{'':18} {'ms/s':>7} {'ms/s':>9} {'ms':>9} {'ms':>9}")
    for view in options.views:
        print(run(LiveRequest(view, limit=200), batches, options.rate, options.seconds), flush=True)
    if "flow" in options.views:
        request = LiveRequest("flow", filter=parse_filter("dst port 443"), limit=200)
        print(run(request, batches, options.rate, options.seconds), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory above the input: {(peak - base) / 1024:.0f} MB")


if __name__ == "__main__":
    main()
