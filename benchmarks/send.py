"""Send export datagrams to a collector on loopback at an exact rate.

    python benchmarks/send.py --port 9995 --kind v9 --rate 300000 --seconds 20

Datagrams are encoded beforehand and sent with sendmmsg in small bursts. Prints `ready` on standard error and,
with --wait, starts when a line comes on standard input. Result on standard output: one line of JSON.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import socket
import sys
import time
from dataclasses import dataclass

import numpy as np
from workload import EXPORTERS, KINDS, Stream, make_stream

_MMSG = np.dtype(
    [("name", "u8"), ("namelen", "u4"), ("pad0", "u4"), ("iov", "u8"), ("iovlen", "u8"), ("control", "u8"),
     ("controllen", "u8"), ("flags", "i4"), ("pad1", "u4"), ("length", "u4"), ("pad2", "u4")]
)  # fmt: skip
"""struct mmsghdr of Linux on 64 bits."""
_IOV = np.dtype([("base", "u8"), ("length", "u8")])

_BEHIND_SECONDS = 0.02
"""A sender that was held up longer does not make up for it: that would be another rate."""
_POOL_FLOWS = 100_000
_EXPORTER_FLOWS = 500
"""At least so many of each, so that templates are as rare as they are."""

_sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]


@dataclass
class Exporter:
    """One socket with its datagrams, ready for sendmmsg."""

    stream: Stream
    opened: socket.socket
    messages: np.ndarray
    vectors: np.ndarray
    place: int = 0

    @classmethod
    def create(cls, stream: Stream, source: str, port: int) -> Exporter:
        """Open a socket at `source` for the stream."""
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind((source, 0))
        opened.connect(("127.0.0.1", port))
        datagrams = stream.datagrams
        vectors = np.zeros(len(datagrams), _IOV)
        vectors["base"] = datagrams.data.ctypes.data + datagrams.offset
        vectors["length"] = datagrams.length
        messages = np.zeros(len(datagrams), _MMSG)
        messages["iov"] = vectors.ctypes.data + _IOV.itemsize * np.arange(len(datagrams))
        messages["iovlen"] = 1
        return cls(stream, opened, messages, vectors)

    def send(self, most: int) -> tuple[int, int]:
        """Send up to so many datagrams; returns how many, and the flows in them."""
        first = self.place
        count = min(most, len(self.messages) - first)
        pointer = self.messages.ctypes.data + _MMSG.itemsize * first
        sent = _sendmmsg(self.opened.fileno(), pointer, count, 0)
        if sent < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self.place += sent
        flows = int(self.stream.datagrams.flows[first : self.place].sum())
        if self.place == len(self.messages):
            self.place = 0
            self.stream.next_pass()
        return sent, flows


def run(exporters: list[Exporter], rate: float, seconds: float) -> dict[str, float]:
    """Send for a while; the last burst ends at the first full burst after `rate * seconds` flows."""
    per_datagram = np.mean([e.stream.datagrams.flows.mean() for e in exporters])
    burst = max(1, min(32, int(rate / per_datagram / 2000)))
    datagrams = flows = late = 0
    target = rate * seconds
    started = time.perf_counter()
    schedule = started
    turn = 0
    while flows < target:
        now = time.perf_counter()
        if now < schedule:
            if schedule - now > 80e-6:
                time.sleep(schedule - now - 60e-6)
            continue
        if now - schedule > _BEHIND_SECONDS:
            late += 1
            schedule = now
        sent, carried = exporters[turn].send(burst)
        turn = (turn + 1) % len(exporters)
        datagrams += sent
        flows += carried
        schedule += carried / rate
    took = time.perf_counter() - started
    return {"datagrams": datagrams, "flows": flows, "seconds": took, "rate": flows / took, "late": late}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--kind", choices=KINDS, default="v9")
    parser.add_argument("--rate", type=float, default=300_000, help="flows per second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--exporters", type=int, default=2, help="source addresses 127.0.x.y")
    parser.add_argument("--cpu", type=int, default=-1, help="run on this core only")
    parser.add_argument("--wait", action="store_true", help="start at a line on standard input")
    args = parser.parse_args()
    if args.cpu >= 0:
        os.sched_setaffinity(0, {args.cpu})
    count = EXPORTERS.get(args.kind, args.exporters)
    per = max(_EXPORTER_FLOWS, _POOL_FLOWS // count)
    exporters = [
        Exporter.create(make_stream(args.kind, per, seed), f"127.0.{1 + seed // 250}.{seed % 250 + 1}", args.port)
        for seed in range(count)
    ]
    print("ready", file=sys.stderr, flush=True)
    if args.wait:
        sys.stdin.readline()
    before = time.process_time()
    try:
        result = run(exporters, args.rate, args.seconds)
    except ConnectionRefusedError:
        sys.exit(f"nobody listens on port {args.port}")
    result["cpu_seconds"] = time.process_time() - before
    print(json.dumps(result))


if __name__ == "__main__":
    main()
