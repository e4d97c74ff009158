"""Slowest datagram among seeded mutations of the interop corpus, each decoded alone. Target: below 50 ms.

Run: python benchmarks/mutations.py [COUNT]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from corpus_cases import cases
from mutations import mutations

from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder


def main() -> None:
    """Decode and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for group in (("v1", "v5", "v7"), ("v9",), ("ipfix",), ("sflow5",)):
        datagrams = [item.payload for case in cases(group) for item in case.datagrams()]
        decoder = Decoder()
        session = decoder.session(0xFFFF_0A00_0001, 2055)
        times = []
        for raw in mutations(1, datagrams, count):
            block = block_of([raw], [session], 1_700_000_000_000)
            begin = time.thread_time()
            decoded = decoder.decode(block)
            times.append((time.thread_time() - begin, len(raw)))
            if decoded.counts.get("decoder_bug"):
                raise SystemExit("decoder bug")
        times.sort()
        slowest, size = times[-1]
        print(
            f"{'/'.join(group):10} {count} mutations: median {times[len(times) // 2][0] * 1e3:.2f} ms, "
            f"p99 {times[len(times) * 99 // 100][0] * 1e3:.2f} ms, slowest {slowest * 1e3:.1f} ms ({size} bytes)"
        )


if __name__ == "__main__":
    main()
