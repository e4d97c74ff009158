"""Flows with a value, an extreme or nothing in every field of the registry, and filters that name every phrase."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from nftui.engine.query import tree
from nftui.engine.query.operands import states
from nftui.engine.query.pieces import signed
from nftui.engine.query.words import PHRASES, Shape, Word
from nftui.engine.schema import FIELDS, NON_NULL, Kind
from nftui.engine.store.arrow import TYPES
from nftui.text import parse_address

Row = dict[str, Any]
START_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z
SPAN_MS = 7_200_000

ADDRESSES = tuple(
    parse_address(text)
    for text in ("10.0.0.1", "10.0.0.2", "10.1.2.3", "192.0.2.1", "255.255.255.255", "2001:db8::1", "2001:db8:1::1",
                 "8000::", "ffff:ffff:ffff:ffff:8000::1", "::1")
)  # fmt: skip
TEXTS = ("alice", "Bob", "o'hara", "100%_x", "bo!b", 'q"\\n', "Gi0/1", "été")
_POOLS: dict[str, tuple[int, ...]] = {
    "proto": (6, 17, 1, 58), "src_port": (0, 53, 80, 443, 1024, 65535), "dst_port": (0, 53, 80, 443, 2049, 65535),
    "tcp_flags": (0, 2, 16, 18, 27, 258), "ip_tos": (0, 8, 184), "bytes": (0, 1, 40, 1500, 10**6, 2**38 - 1, 2**39),
    "packets": (0, 1, 2, 1000, 10**6), "flows": (1, 1, 1, 2), "sampling_rate": (0, 1, 2, 100),
    "forwarding_status": (0, 64, 65, 128, 131, 192), "src_mask": (0, 1, 24, 32, 64, 65, 128), "quality": (0,),
    "dst_mask": (0, 8, 31, 63, 128), "icmp_type": (0, 3, 8), "icmp_code": (0, 1), "flow_end_reason": (1, 2, 3),
    "direction": (0, 1), "biflow_direction": (0, 1, 2), "mpls_1": (0x101, 0x1000, 0x1F3), "mpls_2": (0x101, 0x23E),
    "in_src_mac": (0x1122334455, 7), "client_latency_us": (0, 250, 1500, 40_000), "flow_source": (5, 9, 10),
    "firewall_event": (1, 2, 3), "firewall_ext_event": (1001, 1004), "nat_event": (1, 2), "out_bytes": (0, 90, 10**6),
    "out_packets": (0, 2), "port_block_start": (0, 50, 1024), "port_block_end": (80, 2048), "out_if": (1, 2, 2**32 - 1),
    "in_if": (1, 2, 3),
}  # fmt: skip


def every_flow(seed: int, count: int) -> list[Row]:
    """Flows by the names of fields, addresses as 128-bit integers; absent fields are missing. `flow_id` counts them."""
    rng = random.Random(seed)
    return [_flow(rng, number) for number in range(count)]


def _flow(rng: random.Random, number: int) -> Row:
    start = START_MS + rng.randrange(SPAN_MS)
    length = rng.choice((0, 0, 1, 999, 1000, 60_000, 400_000, 3_600_001))
    row: Row = {
        "time_flow_start_ms": start, "time_flow_end_ms": start + length,
        "time_received_ms": start + length + rng.randrange(1000), "flow_id": number,
        "sampler_address": rng.choice(ADDRESSES[3:6]),
    }  # fmt: skip
    for name, item in FIELDS.items():
        if name in row or item.kind is Kind.EXTRA or name == "initiator":
            continue
        if name not in NON_NULL and rng.random() < 0.2:
            continue
        if item.kind is Kind.ADDRESS:
            row[name] = rng.choice(ADDRESSES)
        elif item.kind is Kind.TEXT:
            row[name] = rng.choice(TEXTS)
        else:
            row[name] = rng.choice(_POOLS.get(name) or _usual(item.dtype))
    return row


def _usual(dtype: str) -> tuple[int, ...]:
    bits = int(dtype[1]) * 8
    return (0, 1, 64, 2**bits - 1) if dtype[0] == "u" else (0, 1, 64, 2**47)


def flow_table(rows: list[Row]) -> pa.Table:
    """The flows in the store's columns."""
    columns: dict[str, list[Any]] = {name: [] for name in TYPES}
    for row in rows:
        for name, item in FIELDS.items():
            value = row.get(name)
            if item.kind is Kind.ADDRESS:
                halves = (None, None) if value is None else (signed(value >> 64), signed(value & 2**64 - 1))
                for column, half in zip(item.physical, halves, strict=True):
                    columns[column].append(half)
            else:
                columns[name].append(value)
    return pa.table({name: pa.array(values, TYPES[name]) for name, values in columns.items()})


# Filters ----------------------------------------------------------------------------------------------------------


def every_filter() -> list[str]:
    """Filters that use every phrase of the language, each with the forms that its operand has."""
    out = []
    for phrase, word in PHRASES.items():
        out += [f"{' '.join(phrase)} {operand}".strip() for operand in _operands(word)]
    some = ("tcp", "ipv6", "port 53", "bytes > 1k", "user 'bo*'")
    out += [f"not ({text})" for text in out[:: max(1, len(out) // 100)]]
    out += [f"({a}) {how} not ({b})" for how in ("and", "or") for a in some for b in some if a != b]
    return list(dict.fromkeys(out))


_OPERANDS: dict[Shape, tuple[str, ...]] = {
    Shape.COUNT: ("> 1k", "<= 40", "in [1 1500 2M-1T]", "!= 1", "defined"),
    Shape.PORT: ("53", "> 443", "in [80 443 1024-2100]", "!= http"),
    Shape.PROTOCOL: ("tcp", "!= 17", "in [1 58]"),
    Shape.DURATION: ("> 999ms", "1m", "in [0 1s-2h]"),
    Shape.TIME: ("> 2026-11-21T13:00Z", "<= 2026-11-21T12:30:00.500Z"),
    Shape.MAC: ("00:11:22:33:44:55", "!= 00:00:00:00:00:07"),
    Shape.ADDRESS: (
        "10.0.0.1", "!= 2001:db8::1", "in [10.0.0.0/8 2001:db8::/32 ::1]", "8000::/1", "0.0.0.0/0",
        "10.0.0.2-192.0.2.0", "defined",
    ),
    Shape.NETWORK: ("10.0.0.0/8", "ffff::/16", "10.0.0.0 255.255.0.0", "2001:db8::/63"),
    Shape.FLAGS: ("SA", "= S", "!= 2", "> 17", "X"),
    Shape.TEXT: ("alice", "'BO*'", '"*%_*"', '"*!b"', '"o\'hara"', "!= bob", "defined", "in [alice bob]", "'*\\*'",
                 "ÉTÉ"),
    Shape.INTERFACE: ("1", "> 2", "gi0/1", "'GI*'"),
    Shape.ICMP_TYPE: ("8", "> 3"),
    Shape.ICMP_CODE: ("1", "!= 0"),
    Shape.MPLS_LABEL: ("16", "> 16"),
    Shape.MPLS_EXP: ("7", "in [0 1]"),
    Shape.MPLS_END: ("16",),
    Shape.LATENCY: ("> 1", "< 251us"),
    Shape.DENIAL: ("ingress", "1004"),
    Shape.NUMBER: ("1", "> 63", "!= 64", "in [0 2-70]", "defined"),
}  # fmt: skip


def _operands(word: Word) -> Iterator[str]:
    if word.shape is Shape.STATE:
        yield from [*states(word.fields[0])][:3]
        yield from ("1", "> 1", "!= 2")
        return
    yield from _OPERANDS.get(word.shape, ("",))


def many_addresses(count: int) -> str:
    """A filter with so many addresses and networks that they become tables."""
    listed = " ".join(f"10.{i // 250}.{i % 250}.{i % 3}" for i in range(count))
    return f"ip in [{listed} 192.0.2.0/24 2001:db8::/64]"


# A slow reading of a filter -----------------------------------------------------------------------------------------


def passes(node: tree.Node, row: Row, scaled: bool = True) -> bool:
    """Whether a flow passes, read off the tree."""
    match node:
        case tree.All(parts):
            return all(passes(part, row, scaled) for part in parts)
        case tree.Any(parts):
            return any(passes(part, row, scaled) for part in parts)
        case tree.Not(part):
            return not passes(part, row, scaled)
        case tree.Always(value):
            return value
        case tree.Present(field):
            return field in row
        case tree.Numbers(value, spans):
            number = value_of(value, row, scaled)
            return number is not None and any(
                (low is None or number >= low) and (high is None or number <= high) for low, high in spans
            )
        case tree.Addresses(field, blocks):
            return field in row and any(low <= row[field] <= high for low, high in blocks)
        case tree.Bits(field, mask, bits):
            return field in row and row[field] & mask == bits
        case tree.Ordered(field, other):
            return field in row and other in row and row[field] <= row[other]
        case tree.Text(field, pattern, how):
            text = row.get(field)
            if text is None:
                return False
            text = text.lower()
            return {
                tree.Match.EQUAL: text == pattern, tree.Match.PREFIX: text.startswith(pattern),
                tree.Match.SUFFIX: text.endswith(pattern), tree.Match.CONTAINS: pattern in text,
            }[how]  # fmt: skip


def counter(name: str, row: Row, scaled: bool = True) -> int | None:
    """A counter, times the sampling rate."""
    rate = max(1, row.get("sampling_rate", 1)) if scaled else 1
    return row[name] * rate if name in row else None


def value_of(name: str, row: Row, scaled: bool = True) -> float | int | None:
    """A value that filters compare."""
    length = row["time_flow_end_ms"] - row["time_flow_start_ms"]
    match name:
        case "bytes" | "packets" | "out_bytes" | "out_packets":
            return counter(name, row, scaled)
        case "duration":
            return length
        case "pps" | "bps":
            amount = counter("packets" if name == "pps" else "bytes", row, scaled)
            factor = 1000 if name == "pps" else 8000
            return None if amount is None else amount * factor // length if length > 0 else 0
        case "bpp":
            if "bytes" not in row or "packets" not in row:
                return None
            return row["bytes"] // row["packets"] if row["packets"] else 0
        case "port_code":
            return row["dst_port"] % 256 if "dst_port" in row else None
    return row.get(name)
