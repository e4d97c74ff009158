"""The vectorised decoder against the slow one, on generated templates and data, in blocks of any size."""

from __future__ import annotations

import struct

from export_wire import NOW_MS, V4, VARIABLE, Field, a_set, message, options_template, template, varying, withdrawal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slow_decoder import ELEMENTS, SlowDecoder, fast_rows

from nftui.engine.counters import Counts, add, datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.limits import Limits
from nftui.engine.schema import FIELDS, Kind

LIMITS = Limits(extra_bytes_per_record=1 << 20)
IANA = sorted(element for pen, element in ELEMENTS if pen == 0 and element != 149)
UNMAPPED = [35, 36, 49, 64, 98, 130, 193, 195, 1000]
IPV6_ELEMENTS = {27, 28, 62, 63, 169, 170, 281, 282}
DELAYS = {123, 124, 125}
"""Elements of nProbe that are converted: they have tests by value."""


@st.composite
def fields(draw: st.DrawFn, version: int) -> list[Field]:
    """Fields of a template: plain, reduced, odd, variable, enterprise, repeated."""
    out: list[Field] = []
    for _ in range(draw(st.integers(1, 10))):
        kind = draw(st.sampled_from(["plain", "plain", "plain", "odd", "variable", "enterprise", "unmapped"]))
        if kind == "unmapped":
            out.append((draw(st.sampled_from(UNMAPPED)), draw(st.integers(0, 20))))
        elif kind == "enterprise" and version == 10:
            element = draw(st.integers(1, 500).filter(lambda number: number not in DELAYS))
            out.append((element, draw(st.integers(0, 12)), draw(st.sampled_from([9, 29305, 35632]))))
        else:
            element = draw(st.sampled_from(IANA if version == 9 else [n for n in IANA if n < 0x8000]))
            item = FIELDS[ELEMENTS[0, element][0]]
            if item.kind is Kind.ADDRESS:
                length = 16 if element in IPV6_ELEMENTS else 4
                length = length if kind == "plain" else draw(st.sampled_from([0, 3, length]))
            elif item.kind is Kind.TEXT:
                length = VARIABLE if kind == "variable" else draw(st.integers(0, 40))
            else:
                length = VARIABLE if kind == "variable" else draw(st.integers(0 if kind == "odd" else 1, 9))
            out.append((element, length))
    return one_family(out)


def one_family(found: list[Field]) -> list[Field]:
    """Without the second family of an address: which one counts has a test of its own."""
    seen: dict[str, int] = {}
    out = []
    for item in found:
        name = ELEMENTS.get((item[2] if len(item) == 3 else 0, item[0]), ("", 0))[0]
        if (
            name
            and FIELDS[name].kind is Kind.ADDRESS
            and item[1] in {4, 16}
            and seen.setdefault(name, item[1]) != item[1]
        ):
            continue
        out.append(item)
    return out


@st.composite
def records(draw: st.DrawFn, found: list[Field]) -> bytes:
    """Whole records, sometimes with a rest behind them."""
    out = b""
    for _ in range(draw(st.integers(0, 5))):
        for item in found:
            if item[1] == VARIABLE:
                out += varying(draw(st.binary(max_size=12)), draw(st.booleans()))
            else:
                out += draw(st.binary(min_size=item[1], max_size=item[1]))
    return out + draw(st.sampled_from([b"", b"", bytes(2), b"\xff\xff\xff"]))


@st.composite
def traffic(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """Datagrams of up to two sessions, as (session, bytes), with templates that change in between."""
    versions = {1: draw(st.sampled_from([9, 10])), 2: draw(st.sampled_from([9, 10]))}
    shapes = {version: draw(st.lists(fields(version), min_size=1, max_size=5)) for version in set(versions.values())}
    known: dict[tuple[int, int, int], list[Field]] = {}
    out = []
    for _ in range(draw(st.integers(1, 12))):
        session = draw(st.sampled_from([1, 2]))
        version, domain = versions[session], draw(st.sampled_from([0, 7]))
        sets = b""
        for _ in range(draw(st.integers(1, 5))):
            number = draw(st.integers(256, 258))
            key = (session, domain, number)
            action = draw(st.sampled_from(["define", "data", "data", "data", "options", "withdraw"]))
            if action == "define":
                known[key] = draw(st.sampled_from(shapes[version]))
                sets += template(version, number, known[key])
            elif action == "options":
                known[key] = [(7, 2), (42, 4)]
                sets += options_template(version, number, known[key][:1], known[key][1:])
            elif action == "withdraw" and version == 10:
                known.pop(key, None)
                sets += withdrawal(number)
            else:
                sets += a_set(number, draw(records(known.get(key, [(8, 4), (1, 4)]))))
        out.append((session, message(version, sets, domain=domain)))
    return out


def fast(datagrams: list[tuple[int, bytes]], size: int) -> tuple[object, Counts]:
    """Rows and counts of the vectorised decoder with blocks of `size` datagrams."""
    decoder = Decoder(LIMITS)
    batches = []
    counts: Counts = {}
    for start in range(0, len(datagrams), size):
        part = datagrams[start : start + size]
        sessions = [decoder.session(V4 | session, 1) for session, _ in part]
        decoded = decoder.decode(block_of([raw for _, raw in part], sessions, NOW_MS))
        batches += decoded.batches
        add(counts, decoded.counts)
        assert datagram_balance(counts) == 0
        assert record_balance(counts) == 0
    return fast_rows(batches), counts


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(traffic())
def test_same_rows_as_the_slow_decoder(datagrams: list[tuple[int, bytes]]) -> None:
    slow = SlowDecoder()
    for session, raw in datagrams:
        slow.datagram(session, raw)
    for size in (1, 7, 512):
        rows, counts = fast(datagrams, size)
        assert rows == slow.rows
        assert counts.get("records.options", 0) == slow.options
        assert counts.get("decoder_bug", 0) == 0


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(traffic(), st.integers(13, 40))
def test_many_sessions_at_once(datagrams: list[tuple[int, bytes]], copies: int) -> None:
    """The same from many exporters in one block: the lockstep walks and the path for many layouts."""
    slow = SlowDecoder()
    many = []
    for session, raw in datagrams:
        for copy in range(copies):
            slow.datagram(session + 10 * copy, raw)
            many.append((session + 10 * copy, raw))
    rows, counts = fast(many, 4096)
    assert rows == slow.rows
    assert counts.get("decoder_bug", 0) == 0


def test_the_slow_decoder_knows_a_record() -> None:
    slow = SlowDecoder()
    slow.datagram(1, message(9, template(9, 256, [(8, 4), (1, 3)]) + a_set(256, struct.pack(">I", 1) + b"\1\0\0")))
    assert slow.rows == {repr({"bytes": 65536, "flows": 1, "src_addr": V4 | 1}): 1}
