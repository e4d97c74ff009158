"""The filter's two compilers and a slow reading of each sentence give the same flows, for random filters."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_network
from math import floor

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.query.mask import mask
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.sql import compile_where, sql
from nftui.engine.schema import FIELDS, NON_NULL, Kind
from nftui.engine.store.arrow import TYPES, to_arrow

FULL = os.environ.get("NFTUI_FULL") == "1"
FILTERS = 5000 if FULL else 500
FLOWS = 250

Row = dict[str, object]
Test = Callable[[Row], bool]

_V4 = 0xFFFF << 32
_ADDRESSES = [
    _V4 | int(IPv4Address(text))
    for text in ("10.0.0.1", "10.0.0.2", "10.1.2.3", "192.0.2.1", "255.255.255.255", "0.0.0.0")
] + [
    int(IPv6Address(t)) for t in ("2001:db8::1", "2001:db8::2", "2001:db8:1::1", "fe80::1", "::1", "ffff:" * 7 + "ffff")
]
_NUMBERS: dict[str, list[int]] = {
    "src_port": [0, 53, 80, 443, 1023, 1024, 8080, 65535], "dst_port": [0, 53, 80, 443, 2048, 2049, 65535],
    "proto": [1, 6, 17, 58, 47], "tcp_flags": [0, 1, 2, 16, 18, 24, 27, 63, 194, 258], "ip_tos": [0, 8, 184, 255],
    "dst_tos": [0, 8, 184], "icmp_type": [0, 3, 8], "icmp_code": [0, 1], "packets": [0, 1, 2, 10, 1000, 10**7],
    "bytes": [0, 1, 40, 1500, 10_000, 10**6, 10**9, 10**12, 2**63 - 1], "flows": [1, 1, 1, 7],
    "out_bytes": [0, 90, 10**6], "out_packets": [0, 2], "sampling_rate": [1, 2, 100, 1000, 2**32 - 1],
    "in_if": [0, 1, 3], "out_if": [0, 2, 3],
    "src_as": [0, 65000, 4200000000], "dst_as": [0, 65000, 13], "src_mask": [0, 24], "dst_mask": [8, 24],
    "src_vlan": [1, 100], "direction": [0, 1], "forwarding_status": [0, 64, 128, 131, 192], "min_ttl": [1, 64],
    "max_ttl": [1, 64, 255], "port_block_start": [0, 50, 1024], "port_block_end": [80, 2048], "port_block_size": [64],
    "ingress_acl_id": [0x1F, 0xFFFFFFFF], "client_latency_us": [0, 250, 1500, 40_000],
    "mpls_1": [0x101, 0x1000, 0x1F3], "mpls_2": [0x101, 0x23E], "in_src_mac": [0x1122334455, 7],
    "nat_event": [1, 2], "firewall_event": [1, 2, 3], "firewall_ext_event": [1001, 1004], "post_nat_src_port": [80, 9],
}  # fmt: skip
_TEXTS = {"username": ["alice", "Bob", "o'hara", "100%_x", "bo!b"], "in_if_name": ["eth0", "Gi0/1"]}
_BASE = 1_750_000_000_000


def _flows(rng: random.Random) -> list[Row]:
    rows = []
    for _ in range(FLOWS):
        row: Row = {"time_flow_start_ms": _BASE + rng.choice([0, 1, 999, 5000])}
        row["time_flow_end_ms"] = row["time_flow_start_ms"] + rng.choice([0, 0, 1, 7, 1000, 1001, 60_000])  # type: ignore[operator]
        row["time_received_ms"] = _BASE + 60_000
        row["flow_source"], row["quality"], row["flows"] = 9, 0, 1
        row["sampler_address"] = rng.choice(_ADDRESSES[:3])
        for name in ("src_addr", "dst_addr", "next_hop", "post_nat_src_addr"):
            if rng.random() < 0.85:
                row[name] = rng.choice(_ADDRESSES)
        for name, choices in _NUMBERS.items():
            if rng.random() < 0.8:
                row[name] = rng.choice(choices)
        for name, texts in _TEXTS.items():
            if rng.random() < 0.7:
                row[name] = rng.choice(texts)
        rows.append(row)
    return rows


def _batch(rows: list[Row]) -> FlowBatch:
    batch = FlowBatch(len(rows))
    for name in dict.fromkeys(name for row in rows for name in row):
        item = FIELDS[name]
        values = [row.get(name) for row in rows]
        if item.kind is Kind.TEXT:
            texts = sorted({v for v in values if isinstance(v, str)})
            codes = [texts.index(v) if isinstance(v, str) else -1 for v in values]
            batch.text[name] = TextColumn(np.array(codes, np.int32), texts)
            continue
        numbers = [v if isinstance(v, int) else 0 for v in values]
        if item.kind is Kind.ADDRESS:
            for column, shift in zip(item.physical, (64, 0), strict=True):
                halves = np.array([v >> shift & 0xFFFFFFFFFFFFFFFF for v in numbers], np.uint64)
                batch.columns[column] = halves.view(np.int64)
        else:
            batch.columns[name] = np.array(numbers, item.dtype)
        if name not in NON_NULL:
            batch.valid[name] = np.array([v is not None for v in values])
    return batch


def _table(batch: FlowBatch) -> pa.Table:
    """All columns that exist, null where the batch has none, as the query engine presents a store."""
    arrow = to_arrow(batch)
    columns = {}
    for name, kind in TYPES.items():
        known = name in arrow.schema.names
        columns[name] = arrow.column(name) if known else pa.nulls(len(batch), kind)
    return pa.table(columns)


# Sentences of the language, each with a plain reading -----------------------------------------------------------

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "": lambda a, b: a == b, "= ": lambda a, b: a == b, "== ": lambda a, b: a == b, "eq ": lambda a, b: a == b,
    "> ": lambda a, b: a > b, "gt ": lambda a, b: a > b, "< ": lambda a, b: a < b, "lt ": lambda a, b: a < b,
    ">= ": lambda a, b: a >= b, "<= ": lambda a, b: a <= b,
}  # fmt: skip


def _scaled(row: Row, name: str) -> int | None:
    value, rate = row.get(name), row.get("sampling_rate", 1)
    assert isinstance(rate, int)
    if not isinstance(value, int):
        return None
    rate = min(max(rate, 1), 10_000_000)
    return value if rate == 1 else min(value, (2**63 - 1) // 10_000_000) * rate


def _value(row: Row, name: str) -> float | None:
    if name in {"bytes", "packets", "out_bytes", "out_packets"}:
        return _scaled(row, name)
    duration = row["time_flow_end_ms"] - row["time_flow_start_ms"]  # type: ignore[operator]
    if name == "duration":
        return duration
    if name in {"pps", "bps"}:
        amount = _scaled(row, "packets" if name == "pps" else "bytes")
        factor = 1000 if name == "pps" else 8000
        return None if amount is None else float(floor(float(amount) * factor / duration)) if duration > 0 else 0.0
    if name == "bpp":
        octets, packets = row.get("bytes"), row.get("packets")
        if octets is None or packets is None:
            return None
        return float(floor(float(octets) / packets)) if packets else 0.0  # type: ignore[arg-type, operator]
    value = row.get(name)
    return value if isinstance(value, int) else None


def _compare(names: tuple[str, ...], sign: str, number: float) -> Test:
    def test(row: Row) -> bool:
        values = [_value(row, name) for name in names]
        return any(v is not None and _SIGNS[sign](v, number) for v in values)

    return test


_COMPARED = {
    "src port": ("src_port",), "dst port": ("dst_port",), "port": ("src_port", "dst_port"), "proto": ("proto",),
    "packets": ("packets",), "bytes": ("bytes",), "in bytes": ("bytes",), "out bytes": ("out_bytes",),
    "flows": ("flows",), "duration": ("duration",), "pps": ("pps",), "bps": ("bps",), "bpp": ("bpp",),
    "src as": ("src_as",), "as": ("src_as", "dst_as"), "if": ("in_if", "out_if"), "in if": ("in_if",),
    "tos": ("ip_tos",), "dst tos": ("dst_tos",), "mask": ("src_mask", "dst_mask"), "vlan": ("src_vlan", "dst_vlan"),
    "ttl": ("min_ttl", "max_ttl"), "flags": ("tcp_flags",), "nat event": ("nat_event",), "src_vlan": ("src_vlan",),
    "src nport": ("post_nat_src_port",), "sampling rate": ("sampling_rate",), "customer vlan": ("customer_vlan",),
    "asa xevent": ("firewall_ext_event",), "fwdstat": ("forwarding_status",), "flowdir": ("direction",),
    "pblock start": ("port_block_start",), "nat pblock size": ("port_block_size",), "ingress acl": ("ingress_acl_id",),
}  # fmt: skip
_THRESHOLDS = [
    0,
    1,
    2,
    5,
    53,
    80,
    100,
    443,
    999,
    1000,
    1024,
    8080,
    65535,
    65536,
    2**32,
    10**9,
    10**12,
    2**63 - 1,
    2**64,
]


def _comparison(rng: random.Random) -> tuple[str, Test]:
    phrase, names = rng.choice(list(_COMPARED.items()))
    pool = [v for name in names for v in _NUMBERS.get(name, [])] or _THRESHOLDS
    number = rng.choice(pool if rng.random() < 0.7 else _THRESHOLDS)
    if names[0] in {"pps", "bps", "bpp"}:
        number = min(number, 2**53 - 2)  # rates are doubles: exact up to there
    sign = rng.choice(list(_SIGNS))
    return f"{phrase} {sign}{number}", _compare(names, sign, number)


def _unequal(rng: random.Random) -> tuple[str, Test]:
    phrase, names = rng.choice(list(_COMPARED.items()))
    number = rng.choice([v for name in names for v in _NUMBERS.get(name, [7])])
    equal = _compare(names, "", number)
    return f"{phrase} != {number}", lambda row: not equal(row)


def _list_of(rng: random.Random) -> tuple[str, Test]:
    phrase, names = rng.choice([p for p in _COMPARED.items() if p[0] != "flags"])
    many = rng.random() < 0.2
    numbers = {rng.choice(_THRESHOLDS[:14]) for _ in range(3)} | (set(range(3, 60, 2)) if many else set())
    low = rng.choice(_THRESHOLDS[:12])
    parts = [str(n) for n in numbers] + [f"{low}-{low + 50}"]
    rng.shuffle(parts)

    def test(row: Row) -> bool:
        values = [_value(row, name) for name in names]
        return any(v is not None and (v in numbers or low <= v <= low + 50) for v in values)

    return f"{phrase} in [{rng.choice([' ', ', ', ',']).join(parts)}]", test


_SIDES = {
    "src ip": ("src_addr",), "dst ip": ("dst_addr",), "ip": ("src_addr", "dst_addr"), "host": ("src_addr", "dst_addr"),
    "next ip": ("next_hop",), "router ip": ("sampler_address",), "src nip": ("post_nat_src_addr",),
    "src or dst ip": ("src_addr", "dst_addr"),
}  # fmt: skip


def _text_of(value: int) -> str:
    return str(IPv4Address(value & 0xFFFFFFFF)) if value >> 32 == 0xFFFF else str(IPv6Address(value))


def _address(rng: random.Random) -> tuple[str, Test]:
    phrase, names = rng.choice(list(_SIDES.items()))
    value = rng.choice(_ADDRESSES)
    return f"{phrase} {_text_of(value)}", lambda row: any(row.get(name) == value for name in names)


def _both_sides(rng: random.Random) -> tuple[str, Test]:
    low = rng.choice([0, 80, 1024])
    return f"src and dst port >= {low}", lambda row: all((row.get(n, -1)) >= low for n in ("src_port", "dst_port"))  # type: ignore[operator]


def _network(rng: random.Random) -> tuple[str, Test]:
    side = rng.choice(["src net", "dst net", "net"])
    names = {"src net": ("src_addr",), "dst net": ("dst_addr",), "net": ("src_addr", "dst_addr")}[side]
    value = rng.choice(_ADDRESSES)
    width = 32 if value >> 32 == 0xFFFF else 128
    length = rng.choice([0, 1, 8, 20, 24, 31, 32] if width == 32 else [0, 1, 16, 32, 63, 64, 65, 112, 127, 128])
    net = ip_network(f"{_text_of(value)}/{length}", strict=False)

    def test(row: Row) -> bool:
        for name in names:
            found = row.get(name)
            if isinstance(found, int):
                if net.version == 6:
                    if IPv6Address(found) in net:
                        return True
                elif found >> 32 == 0xFFFF and IPv4Address(found & 0xFFFFFFFF) in net:
                    return True
        return False

    return f"{side} {_text_of(value)}/{length}", test


def _address_list(rng: random.Random) -> tuple[str, Test]:
    phrase, names = rng.choice(list(_SIDES.items()))
    chosen = {rng.choice(_ADDRESSES) for _ in range(3)}
    filler = [_V4 | rng.getrandbits(32) for _ in range(rng.choice([0, 9, 400]))]
    filler += [rng.getrandbits(128) for _ in range(len(filler) // 2)]
    wanted = chosen | set(filler)
    low = rng.choice(_ADDRESSES)
    parts = [_text_of(v) for v in wanted] + [f"{_text_of(low)}-{_text_of(low + 2 if low < 2**128 - 9 else low)}"]
    if low >> 32 == 0xFFFF and (low + 2) >> 32 != 0xFFFF:
        parts.pop()
        low = -9

    def test(row: Row) -> bool:
        values = [row.get(name) for name in names]
        return any(isinstance(v, int) and (v in wanted or low <= v <= low + 2) for v in values)

    return f"{phrase} in [{' '.join(parts)}]", test


def _fixed(rng: random.Random) -> tuple[str, Test]:
    def has(row: Row, bits: int) -> bool:
        flags = row.get("tcp_flags")
        return row.get("proto") == 6 and isinstance(flags, int) and flags & bits == bits

    def type_of(row: Row) -> int | None:
        if row.get("proto") not in {1, 58}:
            return None
        port = row.get("dst_port")
        return row.get("icmp_type", None if port is None else port // 256)  # type: ignore[return-value, operator]

    def code_of(row: Row) -> int | None:
        if row.get("proto") not in {1, 58}:
            return None
        port = row.get("dst_port")
        return row.get("icmp_code", None if port is None else port % 256)  # type: ignore[return-value, operator]

    def v4(value: object) -> bool:
        return isinstance(value, int) and value >> 32 == 0xFFFF

    def label(row: Row, index: int) -> int | None:
        entry = row.get(f"mpls_{index}")
        return entry >> 4 if isinstance(entry, int) else None

    def block(row: Row, name: str) -> bool:
        numbers = [row.get(n) for n in ("port_block_start", name, "port_block_end")]
        return None not in numbers and sorted(numbers) == numbers  # type: ignore[type-var]

    def fold(row: Row, name: str) -> str:
        return str(row.get(name, "")).lower()

    sentences: list[tuple[str, Test]] = [
        ("any", lambda row: True),
        ("tcp", lambda row: row.get("proto") == 6),
        ("udp port 53", lambda row: row.get("proto") == 17 and 53 in (row.get("src_port"), row.get("dst_port"))),
        ("flags SA", lambda row: has(row, 18)),
        ("flags = SA", lambda row: has(row, 0) and row["tcp_flags"] & 255 == 18),  # type: ignore[operator]
        ("flags X", lambda row: has(row, 63)),
        ("ipv4", lambda row: v4(row.get("src_addr")) or v4(row.get("dst_addr"))),
        ("ipv6", lambda row: any(n in row and not v4(row[n]) for n in ("src_addr", "dst_addr"))),
        ("icmp-type 8", lambda row: type_of(row) == 8),
        ("icmp type > 3", lambda row: (type_of(row) or 0) > 3),
        ("icmp-code 1", lambda row: code_of(row) == 1),
        ("mpls label1 > 16", lambda row: (label(row, 1) or 0) > 16),
        ("mpls any 16", lambda row: 16 in (label(row, 1), label(row, 2))),
        ("mpls exp2 7", lambda row: "mpls_2" in row and row["mpls_2"] >> 1 & 7 == 7),  # type: ignore[operator]
        ("mpls eos 16", lambda row: any(label(row, i) == 16 and row[f"mpls_{i}"] & 1 for i in (1, 2))),  # type: ignore[operator]
        ("fwdstat drop", lambda row: 128 <= row.get("forwarding_status", 0) < 192),  # type: ignore[operator]
        (
            "asa event denied ingress",
            lambda row: row.get("firewall_event") == 3 and row.get("firewall_ext_event") == 1001,
        ),
        ("nat event add", lambda row: row.get("nat_event") == 1),
        ("mac 00:11:22:33:44:55", lambda row: row.get("in_src_mac") == 0x1122334455),
        ("ttl equal", lambda row: "min_ttl" in row and row["min_ttl"] == row.get("max_ttl")),
        ("src port in pblock", lambda row: block(row, "src_port")),
        ("port in nat pblock", lambda row: block(row, "src_port") or block(row, "dst_port")),
        ("client latency > 1", lambda row: row.get("client_latency_us", 0) > 1000),  # type: ignore[operator]
        ("client latency < 251us", lambda row: row.get("client_latency_us", 9**9) < 251),  # type: ignore[operator]
        ("user alice", lambda row: fold(row, "username") == "alice"),
        ("user 'BO*'", lambda row: fold(row, "username").startswith("bo")),
        ('username "*%_*"', lambda row: "%_" in fold(row, "username")),
        ('username "*!b"', lambda row: fold(row, "username").endswith("!b")),
        ('username "o\'hara"', lambda row: fold(row, "username") == "o'hara"),
        ("in if gi0/1", lambda row: fold(row, "in_if_name") == "gi0/1"),
        ("src_vlan defined", lambda row: "src_vlan" in row),
        ("bytes defined", lambda row: "bytes" in row),
        ("username defined", lambda row: "username" in row),
        ("out_dst_mac defined", lambda row: False),
        ("duration > 1s", lambda row: (_value(row, "duration") or 0) > 1000),
        ("bytes > 1.5k", lambda row: (_value(row, "bytes") or 0) > 1500),
        ("pps > 1.5", lambda row: (_value(row, "pps") or 0) > 1.5),
        ("first seen > 2025-06-15T15:06:40.500Z", lambda row: row["time_flow_start_ms"] > _BASE + 500),  # type: ignore[operator]
        ("direction egress", lambda row: row.get("direction") == 1),
    ]
    return rng.choice(sentences)


_LEAVES = (
    _comparison,
    _comparison,
    _comparison,
    _unequal,
    _list_of,
    _address,
    _network,
    _address_list,
    _both_sides,
    _fixed,
    _fixed,
)


def _sentence(rng: random.Random, depth: int) -> tuple[str, Test]:
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice(_LEAVES)(rng)
    if kind < 0.45:
        text, test = _sentence(rng, depth - 1)
        return f"{rng.choice(['not', '!', 'NOT'])} ({text})", lambda row: not test(row)
    parts = [_sentence(rng, depth - 1) for _ in range(rng.choice([2, 2, 3]))]
    tests = [test for _, test in parts]
    if kind < 0.75:
        text = rng.choice([" and ", " && "]).join(f"({t})" for t, _ in parts)
        return text, lambda row: all(test(row) for test in tests)
    return rng.choice([" or ", " || "]).join(f"({t})" for t, _ in parts), lambda row: any(test(row) for test in tests)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    out = duckdb.connect()
    out.execute("SET threads = 1")
    return out


@pytest.mark.parametrize("seed", range(10))
def test_mask_sql_and_plain_reading_agree(seed: int, connection: duckdb.DuckDBPyConnection) -> None:
    rng = random.Random(seed)
    rows = _flows(rng)
    batch = _batch(rows)
    connection.register("arrow_flows", _table(batch))
    connection.execute("CREATE OR REPLACE TEMP TABLE flows AS SELECT row_number() OVER () - 1 AS n, * FROM arrow_flows")
    passed = 0
    for _ in range(FILTERS // 10):
        text, test = _sentence(rng, 3)
        parsed = parse_filter(text)
        expected = [i for i, row in enumerate(rows) if test(row)]
        assert np.flatnonzero(mask(parsed, batch)).tolist() == expected, text
        assert _selected(connection, sql(parsed)) == expected, text
        where = compile_where(parsed)
        for table in where.tables:
            halves = [[key[side] for key in table.keys] for side in (0, 1)]
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {table.name} AS "
                "SELECT unnest($1::BIGINT[]) AS high, unnest($2::BIGINT[]) AS low",
                halves,
            )
        assert _selected(connection, where.text) == expected, text
        passed += 0 < len(expected) < FLOWS
    assert passed > FILTERS // 10 // 3, "most random filters should pass some flows and not all"


def _selected(connection: duckdb.DuckDBPyConnection, condition: str) -> list[int]:
    rows = connection.execute(f"SELECT n FROM flows WHERE {condition} ORDER BY n").fetchall()
    return [n for (n,) in rows]


def test_unscaled_conditions_act_on_the_counters_of_the_wire() -> None:
    rows: list[Row] = [
        {"bytes": 100, "packets": 2, "sampling_rate": 10, "time_flow_start_ms": 0, "time_flow_end_ms": 1000},
        {"bytes": 100, "packets": 2, "time_flow_start_ms": 0, "time_flow_end_ms": 1000},
    ]
    batch = _batch(
        [{**r, "time_received_ms": 0, "sampler_address": 1, "flow_source": 9, "flows": 1, "quality": 0} for r in rows]
    )
    for text, scaled, unscaled in (
        ("bytes > 500", [True, False], [False, False]),
        ("packets 20", [True, False], [False, False]),
        ("bps >= 8000", [True, False], [False, False]),
        ("bpp 50", [True, True], [True, True]),
    ):
        assert mask(parse_filter(text), batch).tolist() == scaled, text
        assert mask(parse_filter(text), batch, scaled=False).tolist() == unscaled, text
        found = duckdb.connect()
        found.register("flows", _table(batch))
        for flag, expected in ((True, scaled), (False, unscaled)):
            got = found.execute(f"SELECT {sql(parse_filter(text), scaled=flag)} FROM flows").fetchall()
            assert [bool(v) for (v,) in got] == expected, text
