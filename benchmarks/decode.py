"""Decode from memory: nanoseconds of CPU per flow, by format and by datagrams per block.

Run: python benchmarks/decode.py [--quick]
"""

from __future__ import annotations

import argparse
import random
import struct
import time

from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.decode.sequence import Sequences

V4 = 0xFFFF << 32
NOW_S = 1_700_000_000
V9_FIELDS = [(8, 4), (12, 4), (15, 4), (10, 4), (14, 4), (2, 4), (1, 4), (22, 4), (21, 4), (7, 2), (11, 2), (6, 1),
             (4, 1), (5, 1), (16, 4), (17, 4), (9, 1), (13, 1), (61, 1)]  # fmt: skip
IPFIX_FIELDS = [(8, 4), (12, 4), (10, 4), (14, 4), (2, 8), (1, 8), (152, 8), (153, 8), (7, 2), (11, 2), (6, 2), (4, 1),
                (5, 1), (16, 4), (17, 4), (9, 1), (13, 1), (136, 1)]  # fmt: skip
VARIABLE_FIELDS = [(8, 4), (12, 4), (2, 8), (1, 8), (152, 8), (153, 8), (7, 2), (11, 2), (6, 2), (4, 1), (96, 65535),
                   (371, 65535)]  # fmt: skip


def v5(rng: random.Random, count: int, sequence: int) -> bytes:
    """One v5 datagram."""
    head = struct.pack(">HHIIIIBBH", 5, count, 3_600_000, NOW_S, 0, sequence, 0, 0, 0)
    records = [
        struct.pack(">IIIHHIIIIHHBBBBHHBBH", rng.getrandbits(32), rng.getrandbits(32), 1, 1, 2, rng.randrange(1, 999),
                    rng.randrange(40, 9999), 3_590_000, 3_599_000, rng.randrange(65536),
                    443, 0, 24, 6, 0, 1, 2, 24, 16, 0)
        for _ in range(count)
    ]  # fmt: skip
    return head + b"".join(records)


def template(version: int, fields: list[tuple[int, int]]) -> bytes:
    """A template set for template 256."""
    body = struct.pack(">HH", 256, len(fields)) + b"".join(struct.pack(">HH", *item) for item in fields)
    return struct.pack(">HH", 0 if version == 9 else 2, 4 + len(body)) + body


def value(rng: random.Random, element: int, length: int) -> bytes:
    """One plausible value."""
    if length == 65535:
        text = rng.choice([b"http", b"dns over https", b"ssh", b"user%d" % rng.randrange(500)])
        return bytes([len(text)]) + text
    if element in {152, 153, 21, 22}:
        early = 10_000 if element in {152, 22} else 0
        now = NOW_S * 1000 if element > 100 else 3_600_000
        return (now - early - rng.randrange(10_000)).to_bytes(length, "big")
    return rng.getrandbits(min(31, 8 * length)).to_bytes(length, "big")


def message(version: int, domain: int, sequence: int, sets: bytes) -> bytes:
    """A v9 or IPFIX datagram."""
    if version == 9:
        return struct.pack(">HHIIII", 9, 1, 3_600_000, NOW_S, sequence, domain) + sets
    return struct.pack(">HHIII", 10, 16 + len(sets), NOW_S, sequence, domain) + sets


def data_set(rng: random.Random, fields: list[tuple[int, int]], count: int) -> bytes:
    """A data set for template 256."""
    body = b"".join(value(rng, *item) for _ in range(count) for item in fields)
    return struct.pack(">HH", 256, 4 + len(body)) + body


def measure(name: str, warm: list[bytes], payloads: list[bytes], records: int, sizes: list[int]) -> None:
    """Print the cost per flow for each block size."""
    line = f"{name:32}"
    for size in sizes:
        decoder = Decoder()
        session = decoder.session(V4 | 0x0A000001, 2055)
        for payload in warm:
            decoder.decode(block_of([payload], [session], NOW_S * 1000))
        part = (payloads * (size // len(payloads) + 1))[:size]
        block = block_of(part, [session] * len(part), NOW_S * 1000)
        best = float("inf")
        for _ in range(5):
            rounds = max(1, 1024 // size)
            spent = 0.0
            for _ in range(rounds):
                # The same datagrams again, as if they followed.
                decoder._domains.expected[:] = -1
                decoder._sequences = Sequences(decoder._domains)
                begin = time.process_time()
                decoded = decoder.decode(block)
                spent += time.process_time() - begin
            best = min(best, spent / rounds)
            assert not decoded.counts.get("decoder_bug")
        line += f"{best / (size * records) * 1e9:9.0f}"
    print(line, flush=True)


def main() -> None:
    """Measure all formats."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only blocks of 512 datagrams")
    sizes = [512] if parser.parse_args().quick else [1, 8, 32, 128, 512, 1024]
    rng = random.Random(1)
    print(f"{'ns per flow, datagrams per block:':32}" + "".join(f"{size:9}" for size in sizes))
    measure("v5, 30 records", [], [v5(rng, 30, 30 * i) for i in range(1024)], 30, sizes)
    measure("v5, 1 record", [], [v5(rng, 1, i) for i in range(1024)], 1, sizes)
    for version, fields, count, name in (
        (9, V9_FIELDS, 24, "v9, 24 records"), (9, V9_FIELDS, 1, "v9, 1 record"),
        (10, IPFIX_FIELDS, 19, "IPFIX, 19 records"), (10, VARIABLE_FIELDS, 13, "IPFIX 2 strings, 13 records"),
    ):  # fmt: skip
        warm = [message(version, 1, 0, template(version, fields))]
        units = 1 if version == 9 else count
        payloads = [message(version, 1, i * units, data_set(rng, fields, count)) for i in range(1024)]
        measure(name, warm, payloads, count, sizes)
    domains = list(range(1000))
    warm = [message(10, domain, 0, template(10, IPFIX_FIELDS)) for domain in domains]
    payloads = [message(10, domain, 0, data_set(rng, IPFIX_FIELDS, 19)) for domain in domains]
    measure("IPFIX, 1000 domains, 19 records", warm, payloads, 19, sizes)


if __name__ == "__main__":
    main()
