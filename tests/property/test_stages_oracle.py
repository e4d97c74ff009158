"""Stitched, deduplicated and binned random flows, and several statistics at once, against loops and single queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_flows import BASE_MS, DEFAULTS, flow_file

from nftui.engine.query.aggregate import parse_aggregation
from nftui.engine.query.bins import Binned, per_bin, rank_bins
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.session import Session
from nftui.engine.query.slices import Deduplicated, Stitched
from nftui.engine.query.sources import find_sources
from nftui.engine.query.stages import Stage
from nftui.engine.query.statistics import parse_statistic
from nftui.engine.query.time import Window
from nftui.engine.query.together import rank_together

Row = dict[str, Any]
GAP = 5_000
flow = st.fixed_dictionaries(
    {
        "src_addr": st.sampled_from(("10.0.0.1", "2001:db8::1")), "src_port": st.sampled_from((1, None)),
        "dst_addr": st.sampled_from(("10.0.0.1", "10.0.0.2")), "dst_port": st.sampled_from((1, 2)),
        "sampler_address": st.sampled_from(("192.0.2.1", "192.0.2.2")), "in_if": st.sampled_from((1, None)),
        "sampling_rate": st.sampled_from((None, 10)), "flow_end_reason": st.sampled_from((None, 2, 3)),
        "tcp_flags": st.sampled_from((2, 16, 17, 18)), "direction": st.sampled_from((0, 1)),
        "bytes": st.integers(0, 1 << 39), "packets": st.integers(0, 1000), "flows": st.integers(1, 2),
        "proto": st.sampled_from((6, 17)), "time_flow_start_ms": st.integers(BASE_MS, BASE_MS + 30_000),
        "lasts": st.integers(0, 9_000),
    }
)  # fmt: skip
flows = st.lists(flow, min_size=1, max_size=25)
checked = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def finished(rows: Sequence[Row]) -> list[Row]:
    out = []
    for row in rows:
        end = row["time_flow_start_ms"] + row["lasts"]
        out.append({**DEFAULTS, **{k: v for k, v in row.items() if k != "lasts"}, "time_flow_end_ms": end})
    return out


@contextmanager
def asked(tmp_path: Path, rows: Sequence[Row], *stages: Stage) -> Iterator[tuple[Session, Query]]:
    path = flow_file(tmp_path / "flows.parquet", rows)
    with closing(Session(find_sources([str(path)]), threads=1)) as session:
        yield session, Query(session, parse_filter("any"), stages=stages)


TUPLE = ("proto", "src_addr", "dst_addr", "src_port", "dst_port")
SLICES = (*TUPLE, "sampler_address", "in_if", "direction", "sampling_rate")


def runs(rows: Sequence[Row], keys: Sequence[str], ends: bool) -> list[list[Row]]:
    """Rows with equal keys and no long pause between them; `ends`: nor a new connection."""
    by_key: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        by_key[tuple(row[name] for name in keys)].append(row)
    out: list[list[Row]] = []
    for some in by_key.values():
        last: int | None = None
        before: Row | None = None
        for row in sorted(some, key=lambda r: (r["time_flow_start_ms"], r["time_flow_end_ms"])):
            new = last is None or row["time_flow_start_ms"] > last + GAP
            if ends and before is not None and row["time_flow_start_ms"] >= before["time_flow_end_ms"]:
                again = bool(before["tcp_flags"] & 5) and bool(row["tcp_flags"] & 2)
                new = new or before["flow_end_reason"] == 3 or again
            if new:
                out.append([])
            out[-1].append(row)
            before, last = row, max(last or 0, row["time_flow_end_ms"])
    return out


LISTED = (
    "sampler_address", "src_addr", "dst_port", "time_flow_start_ms", "time_flow_end_ms", "tcp_flags", "bytes",
    "packets", "flows",
)  # fmt: skip


def listed(query: Query) -> list[tuple[object, ...]]:
    columns = ["sampler_address_lo", "src_addr_lo", *LISTED[2:]]
    return sorted(row[:9] for rows in query.flows(columns, LISTED, None, None) for row in rows)


def plain(row: Row) -> tuple[object, ...]:
    from nftui.text import parse_address

    low = [parse_address(row[name]) & (1 << 64) - 1 for name in LISTED[:2]]
    return (*low, *(row[name] for name in LISTED[2:]))


@checked
@given(st.lists(flow, min_size=1, max_size=25, unique_by=lambda r: r["time_flow_start_ms"]))
def test_slices_become_one_flow_with_their_sums(tmp_path: Path, given_rows: list[Row]) -> None:
    rows = finished(given_rows)
    want = []
    for run in runs(rows, SLICES, ends=True):
        flags = 0
        for row in run:
            flags |= row["tcp_flags"]
        sums = {name: sum(row[name] for row in run) for name in ("bytes", "packets")}
        times = {
            "time_flow_start_ms": min(r["time_flow_start_ms"] for r in run),
            "time_flow_end_ms": max(r["time_flow_end_ms"] for r in run),
        }
        want.append(plain({**run[0], **sums, **times, "tcp_flags": flags, "flows": max(r["flows"] for r in run)}))
    with asked(tmp_path, rows, Stitched(GAP)) as (_, query):
        assert listed(query) == sorted(want)


@checked
@given(flows)
def test_of_copies_one_observer_is_kept(tmp_path: Path, given_rows: list[Row]) -> None:
    rows = finished(given_rows)
    want = []
    for run in runs(rows, TUPLE, ends=False):
        observers: dict[tuple[str, int], list[Row]] = defaultdict(list)
        for row in run:
            observers[row["sampler_address"], row["direction"]].append(row)

        def rank(observer: tuple[str, int], observers: dict[tuple[str, int], list[Row]] = observers) -> object:
            seen = observers[observer]
            rates = [row["sampling_rate"] or 1 for row in seen]
            return max(rates), -sum(r["packets"] * rate for r, rate in zip(seen, rates, strict=True)), observer

        want += [plain(row) for row in observers[min(observers, key=rank)]]
    with asked(tmp_path, rows, Deduplicated(GAP)) as (_, query):
        assert listed(query) == sorted(want)


def passed(amount: int, start: int, end: int, moment: int) -> int:
    if moment <= start:
        return 0
    return amount if moment >= end else amount * (moment - start) // (end - start)


@checked
@given(flows, st.sampled_from((1000, 7000)), st.booleans())
def test_sums_per_bin_add_up(tmp_path: Path, given_rows: list[Row], step: int, limited: bool) -> None:
    rows = finished(given_rows)
    low, high = BASE_MS + 1_234, BASE_MS + 22_345
    window = Window(low, high) if limited else Window()
    want: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        start, end = row["time_flow_start_ms"], row["time_flow_end_ms"]
        if limited and (end < low or start >= high):
            continue
        for place in range(start // step, max(start, end - 1) // step + 1):
            t0, t1 = place * step, (place + 1) * step
            if limited:
                t0, t1 = max(t0, low), min(t1, high)
            if t0 >= t1 or (limited and end <= low < start + 1 and place * step + step <= low):
                continue
            sums = want[place * step, row["dst_port"]]
            sums[0] += row["flows"] if t0 <= start < t1 else 0
            rate = row["sampling_rate"] or 1
            for at, name in ((1, "packets"), (2, "bytes")):
                amount = row[name] * rate
                sums[at] += passed(amount, start, end, t1) - passed(amount, start, end, t0)
    aggregation = per_bin(parse_aggregation("dstport"))
    path = flow_file(tmp_path / "flows.parquet", rows)
    with closing(Session(find_sources([str(path)]), threads=1)) as session:
        query = Query(session, parse_filter("any"), window, True, None, aggregation, (Binned(step, window, True),))
        columns = ["time_flow_end_ms", "dst_port", "flows", "packets", "bytes"]
        got = {
            (row[0] - step, row[1]): list(row[2:5])
            for some in query.flows(columns, ["time_flow_end_ms", "dst_port", "flows", "packets", "bytes"], None, None)
            for row in some
        }
        ranked = rank_bins(session, query, parse_statistic("dstport/bytes"), None, True)[0]
    assert {key: sums for key, sums in got.items() if any(sums)} == {k: v for k, v in want.items() if any(v)}
    top = {
        (group.totals.first_ms, group.key[0]): [group.totals.flows, group.totals.packets, group.totals.bytes]
        for ranking in ranked for group in ranking.groups
    }  # fmt: skip
    assert top == got
    for ranking in ranked:
        assert [g.totals.bytes for g in ranking.groups] == sorted(
            (g.totals.bytes for g in ranking.groups), reverse=True
        )
        assert ranking.totals.bytes == sum(group.totals.bytes for group in ranking.groups)


STATISTICS = [
    "ip/bytes/flows",
    "srcip:p/packets",
    "dstip/bytes",
    "port",
    "record/bytes",
    "srcip/bps",
    "inif",
    "if:p/bytes",
    "mac",
]


@checked
@given(flows, st.lists(st.sampled_from(STATISTICS), min_size=2, max_size=4), st.sampled_from((None, 2)))
def test_several_statistics_at_once_are_those_asked_one_by_one(
    tmp_path: Path, given_rows: list[Row], texts: list[str], limit: int | None
) -> None:
    requests = [parse_statistic(text) for text in texts]
    with asked(tmp_path, finished(given_rows)) as (session, query):
        together = rank_together(session, query, requests, limit, True)
        assert together == [query.rank(request, limit) for request in requests]
        assert all(ranking.totals.records == len(given_rows) for some in together for ranking in some)
