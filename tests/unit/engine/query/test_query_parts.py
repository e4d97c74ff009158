"""Numbers, ranges, address pieces, orders and statistics of the query engine."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.query.numbers import block, block_text, count, duration, mac
from nftui.engine.query.orders import parse_order
from nftui.engine.query.pieces import pieces, prefix_groups, signed
from nftui.engine.query.statistics import STATISTICS, parse_statistic
from nftui.engine.query.tree import complement, unite_blocks, unite_spans
from nftui.engine.schema import FIELDS
from nftui.errors import UsageError
from nftui.text import parse_address


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("1500", 1500), ("0x1f", 31), ("10k", 10_000), ("1.5M", 1_500_000), ("2G", 2 * 10**9), ("1t", 10**12),
     ("1Ki", 1024), ("1.5MiB", 1_572_864), ("3kB", 3000), ("7b", 7)],
)  # fmt: skip
def test_counts(text: str, value: int) -> None:
    assert count(text) == value


@pytest.mark.parametrize("text", ["", "k", "1.5.5", "1x", "-5", "1e9", "0x", "0x1k", "9" * 50])
def test_what_is_no_count(text: str) -> None:
    assert count(text) is None


def test_durations() -> None:
    assert [duration(text) for text in ("250", "250ms", "1.5s", "2m", "2min", "1h", "1d", "1w")] == [
        250, 250, 1500, 120_000, 120_000, 3_600_000, 86_400_000, 604_800_000,
    ]  # fmt: skip
    assert duration("0.5") == Fraction(1, 2)
    assert duration("1y") is None


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("10.0.0.1", "10.0.0.1", "10.0.0.1"), ("10/8", "10.0.0.0", "10.255.255.255"),
     ("172.16/12", "172.16.0.0", "172.31.255.255"), ("192.0.2.77/24", "192.0.2.0", "192.0.2.255"),
     ("0/0", "0.0.0.0", "255.255.255.255"), ("2001:db8::/126", "2001:db8::", "2001:db8::3"),
     ("10.0.0.3-10.0.0.9", "10.0.0.3", "10.0.0.9"), ("fe80::1", "fe80::1", "fe80::1")],
)  # fmt: skip
def test_blocks(text: str, first: str, last: str) -> None:
    assert block(text) == (parse_address(first), parse_address(last))


@pytest.mark.parametrize(
    "text", ["10", "10.0.0", "10.0.0.256", "10/33", "10.0.0.9-10.0.0.3", "x", "", "::g", "10.0.0.0/x"]
)
def test_what_is_no_block(text: str) -> None:
    assert block(text) is None


def test_a_block_is_written_as_it_is_read() -> None:
    for text in ("10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1", "10.0.0.3-10.0.0.9"):
        found = block(text)
        assert found is not None
        assert block_text(found) == text


def test_macs() -> None:
    assert mac("0:11:22:33:44:5") == mac("00-11-22-33-44-05") == mac("0011.2233.4405") == 0x001122334405
    assert mac("00:11:22:33:44") is None


_SPAN = st.tuples(st.integers(-50, 50) | st.none(), st.integers(-50, 50) | st.none())


@given(st.lists(_SPAN, max_size=6))
def test_united_spans_and_their_complement_split_all_integers(spans: list[tuple[int | None, int | None]]) -> None:
    def holds(span: tuple[int | None, int | None], n: int) -> bool:
        return (span[0] is None or span[0] <= n) and (span[1] is None or n <= span[1])

    united = unite_spans(spans)
    outside = complement(united)
    for n in range(-60, 61):
        inside = any(holds(span, n) for span in spans)
        assert any(holds(span, n) for span in united) is inside
        assert any(holds(span, n) for span in outside) is not inside


_ADDRESS = st.one_of(
    st.integers(0, 2**128 - 1),
    st.integers(0xFFFF << 32, (0xFFFF << 32) + 2**32 - 1),
    st.sampled_from([0, 2**64 - 1, 2**64, 2**63, 2**127 - 1, 2**127, 2**128 - 1, 2**64 + 2**63]),
)


@given(_ADDRESS, _ADDRESS, st.lists(_ADDRESS, min_size=1, max_size=5))
def test_pieces_hold_exactly_the_addresses_of_a_range(a: int, b: int, probes: list[int]) -> None:
    low, high = min(a, b), max(a, b)
    cut = list(pieces((low, high)))
    for probe in [*probes, low, high, max(0, low - 1), min(2**128 - 1, high + 1)]:
        halves = signed(probe >> 64), signed(probe & (2**64 - 1))
        hits = sum(
            p.high[0] <= halves[0] <= p.high[1] and (p.low is None or p.low[0] <= halves[1] <= p.low[1]) for p in cut
        )
        assert hits == (low <= probe <= high)


@given(st.lists(st.tuples(_ADDRESS, st.integers(0, 300)), min_size=1, max_size=4), st.lists(_ADDRESS, max_size=5))
def test_prefix_groups_hold_exactly_the_addresses_of_ranges(ranges: list[tuple[int, int]], probes: list[int]) -> None:
    blocks = unite_blocks((start, min(start + size, 2**128 - 1)) for start, size in ranges)
    groups = prefix_groups(blocks)
    for probe in [*probes, *(edge for low, high in blocks for edge in (low, high, min(2**128 - 1, high + 1)))]:
        high, low = signed(probe >> 64), signed(probe & (2**64 - 1))
        found = any((high & g.high_mask, low & g.low_mask) in g.keys for g in groups)
        assert found is any(start <= probe <= end for start, end in blocks)


def test_statistics_name_fields_of_one_kind() -> None:
    for statistic in STATISTICS.values():
        assert len({FIELDS[name].show for name in statistic.fields}) == 1, statistic.name


def test_a_statistic_is_asked_for_as_nfdump_does() -> None:
    asked = parse_statistic("dstport:p/flows/bytes:a")
    assert asked.statistic == STATISTICS["dstport"]
    assert asked.per_protocol
    assert [(order.name, order.ascending) for order in asked.orders] == [("flows", False), ("bytes", True)]
    assert [order.name for order in parse_statistic("ip").orders] == ["flows"]
    assert parse_statistic("record/bytes").statistic is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("srcipp", "did you mean srcip?"),
        ("ip/byts", "did you mean bytes?"),
        ("ip:q", "only :p"),
        ("", "unknown statistic"),
    ],
)
def test_a_wrong_statistic_gets_a_hint(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("?", r"\?")):
        parse_statistic(text)


def test_times_are_ordered_upwards_and_counters_downwards() -> None:
    assert [parse_order(text).ascending for text in ("tstart", "tend", "tstart:d", "bytes", "ibyte", "duration")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
