"""Every kind of question that the program asks, for any session: `nftui dump`, `nftui ioc` and the screens of the past.

An answer is made of plain values, so that those of two engines can be compared with `==`. A new kind of question is a
new line in `shapes`; a new phrase of the filter language is covered by itself, see `every_flow`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, is_dataclass, replace
from typing import Any

import numpy as np
from every_flow import SPAN_MS, START_MS, every_filter, many_addresses

from nftui.engine.clock import ManualClock
from nftui.engine.history.history import History
from nftui.engine.history.layers import LAYERINGS
from nftui.engine.history.values import TimelineRequest, TimeRange
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.query.aggregate import BY_TUPLE, Aggregation, Bidirectional, parse_aggregation
from nftui.engine.query.beyond import find_beyond
from nftui.engine.query.bins import Binned, per_bin, rank_bins
from nftui.engine.query.directions import Directed
from nftui.engine.query.distinct import count_distinct, parse_distinct
from nftui.engine.query.distributions import find_distributions
from nftui.engine.query.filters import Filter
from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.indicators import IndicatorList
from nftui.engine.query.initiator import Initiated
from nftui.engine.query.orders import LIST_ORDERS, STATISTIC_ORDERS, Direction, parse_order
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.series import find_series, parse_series
from nftui.engine.query.sightings import find_sightings
from nftui.engine.query.slices import Deduplicated, Stitched
from nftui.engine.query.sources import Sources
from nftui.engine.query.sql import sql
from nftui.engine.query.stages import Stage
from nftui.engine.query.statistics import STATISTICS, parse_statistic
from nftui.engine.query.time import Mode, Window
from nftui.engine.query.together import rank_together
from nftui.engine.schema import FIELDS

WINDOW = Window(START_MS + 600_000, START_MS + 5_000_000)
FILTERS = (
    "any", "tcp and bytes > 1k", "ip 10.0.0.1", "not (src net 10.0.0.0/8 or port in [53 443])", "flags S or user 'bo*'",
    "bps > 1k and not dst ip 2001:db8::1", "src port in pblock or icmp-type 8", many_addresses(40),
)  # fmt: skip
"""One for each kind of node in a filter's tree, and the ways in which they are joined."""
PER_STATEMENT = 40
"""Filters that are looked at in one statement."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question.

    Attributes:
        name: of the test.
        ask: gives the answer of a session in plain values.
    """

    name: str
    ask: Callable[[FlowSession], Any]


def plain(value: Any) -> Any:
    """A value without arrays and classes, so that `==` compares all of it.

    Of floating point numbers ten digits: they are added up in the order of rows, which engines do not promise.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return plain(astuple(value))
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value


# Filters --------------------------------------------------------------------------------------------------------------


def filter_cases() -> list[Case]:
    """Every filter, many in one statement: how many flows pass, and which, by two sums over their numbers."""
    texts = every_filter()
    groups = [texts[i : i + PER_STATEMENT] for i in range(0, len(texts), PER_STATEMENT)]
    return [Case(f"filters-{number}", lambda session, group=group: ask_filters(session, group))  # type: ignore[misc]
            for number, group in enumerate(groups)]  # fmt: skip


def ask_filters(session: FlowSession, texts: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """For each filter, the number of flows that pass, the sum of their numbers and that of these by themselves."""
    filters = [parse_filter(text) for text in texts]
    fields = {"flow_id", *(name for item in filters for name in item.fields)}
    sums = ", ".join(
        f"SUM(CASE WHEN {sql(item)} THEN {term} ELSE 0 END)"
        for item in filters
        for term in ("1", "flow_id", "flow_id * flow_id")
    )
    [row] = session.all_rows([name for name in FIELDS if name in fields], lambda source: f"SELECT {sums} FROM {source}")
    return {text: (int(row[3 * i]), int(row[3 * i + 1]), int(row[3 * i + 2])) for i, text in enumerate(texts)}


# Kinds of questions ---------------------------------------------------------------------------------------------------

Ask = Callable[[FlowSession, Filter], Any]


def shapes() -> dict[str, Ask]:
    """Every kind of question, by a name."""
    out: dict[str, Ask] = {
        "totals": lambda s, f: Query(s, f).totals(),
        "totals-window": lambda s, f: [Query(s, f, replace(WINDOW, mode=mode)).totals() for mode in Mode],
        "totals-relative": lambda s, f: Query(s, f, Window(last_seconds=600)).totals(),
        "totals-first-flows": lambda s, f: Query(s, f, most=100).totals(),
        "minutes": lambda s, f: Query(s, f).minutes(),
        "beyond": lambda s, f: find_beyond(s, Query(s, f, WINDOW), True),
        "summary": lambda s, f: find_distributions(s, Query(s, f), True),
        "together": _together,
        "distinct": _distinct,
        "ioc": _indicators,
        "history-extent": lambda s, _: _past(s).extent(),
        "history-changes": _changes,
        "named-operations": _named,
    }  # fmt: skip
    for order in ("", *LIST_ORDERS, "bytes:a", "ibyte", "obyte", "opps", "ibpp"):
        out[f"list-{order or 'received'}"] = lambda s, f, o=order: _list(s, f, o)
    for order in STATISTIC_ORDERS:
        out[f"statistic-by-{order}"] = lambda s, f, o=order: _ranked(s, f, f"ip:p/{o}", 7)
    for name, aggregation in _aggregations().items():
        out[f"aggregated-{name}"] = lambda s, f, a=aggregation: _list(s, f, "", a)
        out[f"aggregated-{name}-top"] = lambda s, f, a=aggregation: _list(s, f, "bytes", a)
    for text in ("1m", "5m/proto", "1h/dstip", "10m/user"):
        out[f"series-{text.replace('/', '-')}"] = lambda s, f, t=text: find_series(
            s, Query(s, f), parse_series(t), True, 3
        )
    out["series-window"] = lambda s, f: find_series(s, Query(s, f, WINDOW), parse_series("7m/srcport"), False, 5)
    for name, stage in _stages().items():
        out[f"stage-{name}"] = lambda s, f, g=stage: _staged(s, f, g)
    out["binned-statistic"] = _binned
    for view in ("host", "pair", "flow", "port", "proto", "as", "interface", "exporter", "conversation", "flows",
                 "by:ip", "by:flags", "by:user", "by:mac"):  # fmt: skip
        out[f"history-{view}"] = lambda s, f, v=view: _views(s, f, v)
    for by in LAYERINGS:
        out[f"timeline-{by}"] = lambda s, f, b=by: _timeline(s, f, b)
    return out


def shape_cases(filters: Sequence[str] = FILTERS) -> list[Case]:
    """Every kind of question under every kind of filter."""
    return [
        Case(f"{name}-{number}", lambda session, ask=ask, text=text: plain(ask(session, parse_filter(text))))  # type: ignore[misc]
        for name, ask in shapes().items()
        for number, text in enumerate(filters)
    ]


def statistic_cases() -> list[Case]:
    """Every statistic of `-s`, many in one case."""
    names = sorted(STATISTICS)
    groups = [names[i : i + 12] for i in range(0, len(names), 12)]

    def ask(session: FlowSession, group: Sequence[str]) -> Any:
        return {name: plain(_ranked(session, parse_filter("any"), f"{name}/flows", 1000)) for name in group}

    return [Case(f"statistics-{number}", lambda session, group=group: ask(session, group))  # type: ignore[misc]
            for number, group in enumerate(groups)]  # fmt: skip


def rotating_cases() -> list[Case]:
    """Every kind of question once, under one kind of filter after the other, and all filters: for a slow engine."""
    cases = shape_cases()
    return [*(cases[i * len(FILTERS) + i % len(FILTERS)] for i in range(len(shapes()))), *filter_cases()]


def _aggregations() -> dict[str, Aggregation]:
    return {
        "a": BY_TUPLE, "b": Bidirectional(False), "B": Bidirectional(True), "initiator": Initiated(),
        "masked": parse_aggregation("srcip4/24,srcip6/64,proto"), "net": parse_aggregation("srcnet,dstnet"),
        "many": parse_aggregation("router,inif,srcas,tos,user,flags"),
    }  # fmt: skip


def _stages() -> dict[str, Stage]:
    return {
        "stitched": Stitched(), "deduplicated": Deduplicated(), "both": Directed(Direction.BOTH),
        "opposite": Directed(Direction.OUT), "binned": Binned(300_000, WINDOW, True),
    }  # fmt: skip


def _list(session: FlowSession, filter_: Filter, order: str, aggregation: Aggregation | None = None) -> Any:
    shown = ["proto", "src_addr_hi", "src_addr_lo", "dst_addr_hi", "dst_addr_lo", "src_port", "dst_port", "bytes"]
    fields = ["proto", "src_addr", "dst_addr", "src_port", "dst_port", "bytes"]
    if aggregation is not None:
        fields = [name for name in aggregation.columns if name in FIELDS]
        shown = [column for name in fields for column in FIELDS[name].physical]
    query = Query(session, filter_, aggregation=aggregation)
    found = query.flows(shown, fields, parse_order(order) if order else None, 50 if order else None)
    return [row for portion in found for row in portion]


def _ranked(session: FlowSession, filter_: Filter, text: str, limit: int) -> Any:
    return Query(session, filter_).rank(parse_statistic(text), limit)


def _together(session: FlowSession, filter_: Filter) -> Any:
    wanted = [
        parse_statistic(text) for text in ("ip/bytes", "dstport:p/packets/bpp", "record/bytes", "mac/flows", "user")
    ]
    return rank_together(session, Query(session, filter_), wanted, 9, True)


def _distinct(session: FlowSession, filter_: Filter) -> Any:
    query, request = Query(session, filter_), parse_statistic("srcip/bytes")
    [ranking] = query.rank(request, 5)
    return count_distinct(session, query, request, ranking, parse_distinct("dstip,port,user"))


def _staged(session: FlowSession, filter_: Filter, stage: Stage) -> Any:
    query = Query(session, filter_, WINDOW, stages=[stage])
    return [query.totals(), query.rank(parse_statistic("proto/bytes"), None)]


def _binned(session: FlowSession, filter_: Filter) -> Any:
    query = Query(session, filter_, WINDOW, stages=[Binned(900_000, WINDOW, True)])
    summed = Query(
        session, filter_, WINDOW, stages=[Binned(900_000, WINDOW, True)],
        aggregation=per_bin(parse_aggregation("proto,srcport")),
    )  # fmt: skip
    listed = summed.flows(["time_flow_start_ms", "proto", "src_port"], ["proto", "src_port"], None, None)
    return [
        rank_bins(session, query, parse_statistic("srcip:p/bytes"), 3, True),
        rank_bins(session, query, parse_statistic("ip/flows"), None, True),
        [row for portion in listed for row in portion],
    ]


def _indicators(session: FlowSession, filter_: Filter) -> Any:
    wanted = IndicatorList()
    wanted.add(
        "list", ["10.0.0.1", "10.0.0.0/8", "2001:db8::/32", "port 443", "udp/53", "10.0.0.2:443", "192.0.2.0/25"]
    )
    return find_sightings(session, Query(session, filter_), [entry.indicator for entry in wanted.entries], True)


def _named(session: FlowSession, filter_: Filter) -> Any:
    """Percentiles of the length of flows, and distinct source ports: few enough to be counted exactly by all."""
    query = Query(session, filter_)
    length = "time_flow_end_ms - time_flow_start_ms"
    statement = (
        f"SELECT proto, QUANTILE_CONT({length}, 0.5), QUANTILE_CONT({length}, 0.95), APPROX_COUNT_DISTINCT(src_port) "
        "FROM {} GROUP BY proto ORDER BY proto NULLS LAST"
    )
    names, over = query.over(["proto", "src_port", "time_flow_start_ms", "time_flow_end_ms"], statement.format)
    return session.all_rows(names, over)


# The screens of the past ----------------------------------------------------------------------------------------------


class _Kept:
    """The file of the session, for a history."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def sources(self, *_: TimeRange) -> Sources:
        return self._sources

    def remember(self, skipped: Sequence[tuple[str, str]]) -> None: ...

    def forget(self, everything: bool = False) -> None: ...

    def close(self) -> None: ...


def _past(session: FlowSession) -> History:
    return History(holdings=_Kept(session.sources), sessions=lambda _: session, clock=ManualClock(START_MS + SPAN_MS))


RANGES = (TimeRange(START_MS + 600_000, START_MS + 1_800_000), TimeRange(START_MS - 1, START_MS + 2 * SPAN_MS))


def _views(session: FlowSession, filter_: Filter, view: str) -> Any:
    with closing(_past(session)) as past:
        out = []
        for within, sort, descending in ((RANGES[0], "", True), (RANGES[1], "bytes", True), (RANGES[0], "seen", False)):
            request = LiveRequest(view, filter_, sort, descending, 20, within=within)
            found = past.snapshot(request)
            out.append(_answer(found))
            if len(found):
                anchored = LiveRequest(
                    view, filter_, "packets", descending, 5, anchor=int(found.keys[-1]), within=within
                )
                out.append(_answer(past.snapshot(anchored)))
        return out


def _answer(found: LiveSnapshot) -> Any:
    return [found.keys, found.ranks, found.rows_total, found.values, found.history, found.total, found.exact]


def _changes(session: FlowSession, filter_: Filter) -> Any:
    with closing(_past(session)) as past:
        out = []
        for view in ("host", "port", "by:user"):
            found = past.changes(LiveRequest(view, filter_, "rate", True, 15, within=RANGES[0]), RANGES[1])
            out.append([found.keys, found.values, found.rows_total, found.tallies, found.now, found.then, found.exact])
        return out


def _timeline(session: FlowSession, filter_: Filter, by: str) -> Any:
    with closing(_past(session)) as past:
        out = []
        for within, buckets in ((RANGES[0], 20), (RANGES[1], 100)):
            found = past.timeline(TimelineRequest(within, filter_, by, "bytes", buckets))
            out.append([found.start_ms, found.step_ms, found.labels, found.values])
        return out
