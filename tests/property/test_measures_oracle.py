"""Series, distributions and distinct counts of random flows, against loops in whole numbers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_flows import BASE_MS, DEFAULTS, flow_file

from nftui.engine.query.distinct import count_distinct, parse_distinct
from nftui.engine.query.distributions import ABSENT, DISTRIBUTIONS, find_distributions
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.series import MEASURES, Series, find_series, parse_series, spread
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources
from nftui.engine.query.statistics import parse_statistic
from nftui.engine.query.time import Mode, Window

COUNTER = st.one_of(st.sampled_from((None, 0, 1, 2, (1 << 62) - 1, 1 << 53)), st.integers(0, 1 << 40))
flow = st.fixed_dictionaries(
    {
        "bytes": COUNTER, "packets": COUNTER, "flows": st.integers(1, 3), "proto": st.sampled_from((6, 17, None)),
        "src_addr": st.sampled_from(("10.0.0.1", "2001:db8::1", None)), "src_port": st.sampled_from((1, 2, None)),
        "dst_addr": st.sampled_from(("10.0.0.1", "10.0.0.2", "2001:db8::1")), "dst_port": st.integers(1, 3),
        "time_flow_start_ms": st.integers(BASE_MS - 70_000, BASE_MS + 70_000), "lasts": st.integers(0, 130_000),
    }
)  # fmt: skip
flows = st.lists(flow, min_size=1, max_size=20)
checked = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def finished(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    out = []
    for row in rows:
        start, lasts = int(row["time_flow_start_ms"]), int(row["lasts"])  # type: ignore[call-overload]
        out.append({**DEFAULTS, **{k: v for k, v in row.items() if k != "lasts"}, "time_flow_end_ms": start + lasts})
    return out


@contextmanager
def asked(tmp_path: Path, rows: list[dict[str, object]], window: Window) -> Iterator[tuple[Session, Query]]:
    path = flow_file(tmp_path / "flows.parquet", rows)  # type: ignore[arg-type]
    with closing(Session(find_sources([str(path)]), threads=1)) as session:
        yield session, Query(session, parse_filter("any"), window)


def series_of(tmp_path: Path, rows: list[dict[str, object]], window: Window, text: str, limit: int | None) -> Series:
    with asked(tmp_path, rows, window) as (session, query):
        return find_series(session, query, parse_series(text), True, limit)


def passed(amount: int, start: int, end: int, moment: int) -> int:
    if moment <= start:
        return 0
    return amount if moment >= end else amount * (moment - start) // (end - start)


@checked
@given(flows, st.sampled_from((1000, 7000, 60_000)), st.booleans(), st.booleans())
def test_bins_hold_what_passed_in_them_and_add_up(
    tmp_path: Path, given_rows: list[dict[str, object]], step: int, split: bool, limited: bool
) -> None:
    rows = finished(given_rows)
    low, high = BASE_MS - 12_345, BASE_MS + 23_456
    window = Window(low, high) if limited else Window()
    result = series_of(tmp_path, rows, window, f"{step}ms" + ("/proto" if split else ""), None)
    if limited:
        rows = [r for r in rows if r["time_flow_end_ms"] >= low and r["time_flow_start_ms"] < high]  # type: ignore[operator]
    want: dict[tuple[object, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        start, end = int(row["time_flow_start_ms"]), int(row["time_flow_end_ms"])  # type: ignore[call-overload]
        key = row["proto"] if split else None
        if not limited or low <= start < high:
            want[key, start // step * step][0] += int(row["flows"])  # type: ignore[call-overload]
        for bin_start in range(start // step * step, end + 1, step):
            edges = (bin_start, bin_start + step)
            if limited:
                edges = (max(edges[0], low), min(edges[1], high))
            for place, name in ((1, "packets"), (2, "bytes")):
                amount = int(row[name] or 0)  # type: ignore[call-overload]
                if edges[0] < edges[1]:
                    share = passed(amount, start, end, edges[1]) - passed(amount, start, end, edges[0])
                    want[key, bin_start][place] += share
    got = {
        (line.key, result.start_ms + place * step): list(amounts)
        for line in result.lines
        for place, amounts in line.bins.items()
    }
    assert got == {key: sums for key, sums in want.items() if any(sums)}
    assert all(0 <= place < result.count for line in result.lines for place in line.bins)
    for index, name in enumerate(MEASURES):
        inside = sum(amounts[index] for line in result.lines for amounts in line.bins.values())
        total = sum(int(row[name] or 0) for row in rows)  # type: ignore[call-overload]
        assert inside + result.outside[index] == total
        assert limited or result.outside[index] == 0


@checked
@given(flows, st.integers(1, 3))
def test_the_smaller_keys_become_other(tmp_path: Path, given_rows: list[dict[str, object]], limit: int) -> None:
    rows = finished(given_rows)
    result = series_of(tmp_path, rows, Window(), "1m/dstport", limit)
    sums: dict[object, int] = defaultdict(int)
    for row in rows:
        sums[row["dst_port"]] += int(row["bytes"] or 0)  # type: ignore[call-overload]
    by_line = {(line.name, line.key): sum(a.bytes for a in line.bins.values()) for line in result.lines}
    others = sum(by_line.pop(key) for key in list(by_line) if key[0] == "other")
    assert all(sums.pop(key) == value for (_, key), value in by_line.items())
    assert len(by_line) == min(limit, len(by_line) + len(sums))
    assert sum(sums.values()) == others
    assert all(value <= min(by_line.values()) for value in sums.values())


@checked
@given(flows)
def test_the_spread_is_that_of_all_bins(tmp_path: Path, given_rows: list[dict[str, object]]) -> None:
    result = series_of(tmp_path, finished(given_rows), Window(), "5s", None)
    [line] = result.lines
    values = sorted(line.at(place).bytes for place in range(result.count))
    found = spread(line, result.count, MEASURES.index("bytes"))
    assert (found.least, found.most, found.total) == (values[0], values[-1], sum(values))
    assert found.average == sum(values) / len(values)
    rank = math.ceil(len(values) * 0.95)
    assert found.high == values[rank - 1]


@checked
@given(flows)
def test_distributions_count_every_flow_in_its_bucket(tmp_path: Path, given_rows: list[dict[str, object]]) -> None:
    rows = finished(given_rows)
    with asked(tmp_path, rows, Window(mode=Mode.OVERLAP)) as (session, query):
        found = find_distributions(session, query, True)
        assert found.totals == query.totals()
    want: dict[str, dict[int, list[int]]] = {name: defaultdict(lambda: [0, 0]) for name in DISTRIBUTIONS}
    for row in rows:
        octets, packets = row["bytes"], row["packets"]
        known = octets is not None and packets is not None
        values = {
            "bytes": octets, "packets": packets, "bpp": (octets // packets if packets else 0) if known else None,  # type: ignore[operator]
            "duration": row["time_flow_end_ms"] - row["time_flow_start_ms"],  # type: ignore[operator]
        }  # fmt: skip
        for name, value in values.items():
            bucket = want[name][ABSENT if value is None else int(value).bit_length()]  # type: ignore[call-overload]
            bucket[0] += 1
            bucket[1] += int(octets or 0)  # type: ignore[call-overload]
    got = {
        name: {place: [bucket.records, bucket.amounts.bytes] for place, bucket in buckets.items()}
        for name, buckets in found.buckets.items()
    }
    assert got == want


@checked
@given(flows, st.sampled_from(("srcip", "ip", "srcip:p", "record", "port", "proto")))
def test_distinct_counts_are_those_of_sets(tmp_path: Path, given_rows: list[dict[str, object]], name: str) -> None:
    rows = finished(given_rows)
    request = parse_statistic(name)
    wanted = parse_distinct("dstip,port,proto")
    with asked(tmp_path, rows, Window()) as (session, query):
        [ranking] = query.rank(request, None)
        counts = count_distinct(session, query, request, ranking, wanted)
    from nftui.text import parse_address

    def value(row: dict[str, object], field: str) -> object:
        return parse_address(str(row[field])) if field.endswith("addr") and row[field] is not None else row[field]

    ends = request.statistic.fields if request.statistic else (ranking.fields[0],)
    for place, group in enumerate(ranking.groups):
        members = [
            row
            for row in rows
            if any(tuple(value(row, f) for f in (end, *ranking.fields[1:])) == group.key for end in ends)
        ]
        for count in counts:
            values = {value(row, field) for row in members for field in count.statistic.fields} - {None}
            assert count.counts[place] == len(values), (count.name, group.key)
