"""NetFlow and IPFIX datagrams by hand, for tests that need full control of every byte."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from nftui.engine.batch import FlowBatch, concat
from nftui.engine.counters import datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoded, Decoder
from nftui.engine.limits import DEFAULT, Limits

NOW_S = 1_700_000_000
NOW_MS = NOW_S * 1000
V4 = 0xFFFF << 32
EXPORTER = V4 | 0xC0000201
VARIABLE = 65535

Field = tuple[int, int] | tuple[int, int, int]
"""Element and length, and the enterprise number if there is one."""


def v9(sets: bytes, sequence: int = 0, domain: int = 1, uptime: int = 3_600_000, seconds: int = NOW_S) -> bytes:
    """A NetFlow v9 datagram; the count of records in the header is left 0."""
    return struct.pack(">HHIIII", 9, 0, uptime & 0xFFFFFFFF, seconds, sequence & 0xFFFFFFFF, domain) + sets


def ipfix(sets: bytes, sequence: int = 0, domain: int = 1, seconds: int = NOW_S, length: int | None = None) -> bytes:
    """An IPFIX message."""
    size = 16 + len(sets) if length is None else length
    return struct.pack(">HHIII", 10, size, seconds, sequence & 0xFFFFFFFF, domain) + sets


def message(version: int, sets: bytes, sequence: int = 0, domain: int = 1) -> bytes:
    """A v9 or IPFIX datagram."""
    return v9(sets, sequence, domain) if version == 9 else ipfix(sets, sequence, domain)


def a_set(kind: int, body: bytes) -> bytes:
    """A set with its header."""
    return struct.pack(">HH", kind, 4 + len(body)) + body


def specifiers(fields: Iterable[Field]) -> bytes:
    """Field specifiers of a template."""
    out = b""
    for field in fields:
        if len(field) == 3:
            out += struct.pack(">HHI", field[0] | 0x8000, field[1], field[2])
        else:
            out += struct.pack(">HH", *field)
    return out


def template(version: int, template_id: int, fields: Sequence[Field]) -> bytes:
    """A template set with one template."""
    return a_set(0 if version == 9 else 2, struct.pack(">HH", template_id, len(fields)) + specifiers(fields))


def options_template(version: int, template_id: int, scope: Sequence[Field], fields: Sequence[Field]) -> bytes:
    """An options template set with one template."""
    if version == 9:
        head = struct.pack(">HHH", template_id, 4 * len(scope), 4 * len(fields))
        return a_set(1, head + specifiers([*scope, *fields]))
    head = struct.pack(">HHH", template_id, len(scope) + len(fields), len(scope))
    return a_set(3, head + specifiers([*scope, *fields]))


def withdrawal(template_id: int) -> bytes:
    """IPFIX template withdrawal."""
    return a_set(2, struct.pack(">HH", template_id, 0))


def varying(value: bytes, long: bool = False) -> bytes:
    """A value of variable length."""
    if long or len(value) > 254:
        return b"\xff" + struct.pack(">H", len(value)) + value
    return bytes([len(value)]) + value


def v5(
    records: Sequence[bytes], sequence: int = 0, count: int | None = None, uptime: int = 3_600_000, sampling: int = 0,
    engine: int = 0,
) -> bytes:  # fmt: skip
    """A NetFlow v5 datagram."""
    number = len(records) if count is None else count
    head = struct.pack(">HHIIIIHH", 5, number, uptime & 0xFFFFFFFF, NOW_S, 0, sequence & 0xFFFFFFFF, engine, sampling)
    return head + b"".join(records)


def v5_record(source: int = 0x0A000001, octets: int = 100, first: int = 3_590_000, last: int = 3_599_000) -> bytes:
    """A NetFlow v5 record."""
    return struct.pack(
        ">IIIHHIIIIHHBBBBHHBBH", source, 0x0A000002, 0, 1, 2, 3, octets, first & 0xFFFFFFFF, last & 0xFFFFFFFF, 1024,
        80, 0, 0x1B, 6, 4, 65001, 65002, 24, 16, 0,
    )  # fmt: skip


class Collector:
    """A decoder with one exporter, fed datagram lists."""

    def __init__(self, limits: Limits = DEFAULT, **more: object) -> None:
        self.decoder = Decoder(limits, **more)  # type: ignore[arg-type]
        self.counts: dict[str, int] = {}

    def feed(self, *payloads: bytes, port: int = 2055, address: int = EXPORTER, now_ms: int = NOW_MS) -> Decoded:
        """Decode datagrams as one block."""
        session = self.decoder.session(address, port)
        return self.note(self.decoder.decode(block_of(payloads, [session] * len(payloads), now_ms)))

    def expire(self, now_ms: int = NOW_MS + 600_000) -> Decoded:
        """Let time pass."""
        return self.note(self.decoder.expire(now_ms))

    def note(self, decoded: Decoded) -> Decoded:
        """Add the counts, and check what must always hold."""
        for name, amount in decoded.counts.items():
            self.counts[name] = self.counts.get(name, 0) + amount
        assert self.counts.get("decoder_bug", 0) == 0
        return decoded


def flows(decoded: Decoded) -> FlowBatch:
    """All flows of a block in one batch."""
    return concat(decoded.batches) if decoded.batches else FlowBatch(0)


def column(decoded: Decoded, name: str) -> list[object]:
    """Values of a field over all flows."""
    return [batch.value(name, row) for batch in decoded.batches for row in range(len(batch))]


PAIR = [(8, 4), (1, 4)]
"""Fields of a record: source address and octets."""


def balanced(collector: Collector) -> None:
    """Every datagram and every record is accounted for."""
    assert datagram_balance(collector.counts) == 0
    assert record_balance(collector.counts) == 0
