"""What a table shows of the groups on the screen: all sums, and octets over ten parts of the range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.history.question import Question
from nftui.engine.history.ranking import counted, key_columns, repeats, rolled_keys, rolled_kinds
from nftui.engine.history.stored_views import Key, StoredView
from nftui.engine.history.totals import Sums
from nftui.engine.history.values import TimeRange
from nftui.engine.live.ranked import HISTORY_PARTS
from nftui.engine.query.keys import key_table
from nftui.engine.query.parquet import parquet_sql
from nftui.engine.query.planner import Plan
from nftui.engine.query.values import MAX_SUM
from nftui.engine.store.layout import HOUR_MS

_ROLLED = -1
"""Stands for roll-ups where flows have the number of their end."""

_NAMES = (
    "code", "first_part", "last_part", "again", "file", "seen", "flows", "fwd", "bwd", "pk", "fwd_inside",
    "bwd_inside", "pk_inside",
)  # fmt: skip
"""Columns of the sums after the first one, which says where they are from."""

_ROLLED_PART_MS = HOUR_MS // 4
"""Parts of the range as long as this are drawn from roll-ups, each hour spread evenly."""

COUNTS = ("octets", "packets", "flows", "tx", "rx")
"""All of each flow."""

INSIDE = ("octets_inside", "packets_inside", "tx_inside", "rx_inside")
"""What lies within the range."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Sums of some groups.

    Attributes:
        sums: int64[groups] by the names of `COUNTS` and `INSIDE`, and `seen`: latest end of a flow, UTC ms.
        history: float64[groups, 10], bits per second in equal parts of the range. What a flow has in the range is
            spread evenly over the parts that it touches.
        exact: False where a sum was cut to 63 bits.
    """

    sums: dict[str, NDArray[np.int64]]
    history: NDArray[np.float64]
    exact: bool


class _Table:
    """Sums while they are gathered: exact integers, for sums of sums may need more than 64 bits."""

    def __init__(self, groups: int) -> None:
        self.sums = {name: np.zeros(groups, object) for name in (*COUNTS, *INSIDE)}
        self.seen = np.zeros(groups, np.int64)
        self.octets = np.zeros((groups, HISTORY_PARTS))

    def add(self, groups: NDArray[np.int64], **amounts: NDArray[Any]) -> None:
        """Add amounts to groups, of which each may be named many times."""
        for name, values in amounts.items():
            np.add.at(self.sums[name], groups, values)


def find_shown(question: Question, view: StoredView, keys: Sequence[Key]) -> Shown:
    """Sums of the groups with these keys, in their order."""
    table = _Table(len(keys))
    step = max(1, -(-question.within.length_ms // HISTORY_PARTS))
    if keys:
        _gather(question, view, keys, step, table)
    borders = question.within.start_ms + np.arange(HISTORY_PARTS + 1) * step
    lengths = np.diff(np.minimum(borders, question.within.end_ms)).clip(1)
    exact = all(value <= MAX_SUM for values in table.sums.values() for value in values.tolist())
    sums = {name: np.array([min(n, MAX_SUM) for n in values], np.int64) for name, values in table.sums.items()}
    return Shown({**sums, "seen": table.seen}, table.octets * 8000 / lengths, exact)


def _gather(question: Question, view: StoredView, keys: Sequence[Key], step: int, table: _Table) -> None:
    session = question.session
    chosen = session.next_table() + "_shown"
    session.add_columns(chosen, key_table(view.fields, keys))
    rolls = view.sections if step >= _ROLLED_PART_MS else ()

    def statement(source: str, plan: Plan) -> str:
        ends = () if plan.only_rollups else range(len(view.ends))
        parts = [_end_sums(question, view, end, step, source, chosen) for end in ends]
        if plan.rollups:
            parts.append(_rolled_sums(question, view, plan, chosen))
        return " UNION ALL ".join(parts)

    spreads = {
        slot.rollup_file: _spread(slot.start_ms, question.within, step)
        for slot in session.sources.rollups.values()
        if rolls
    }
    try:
        rows = question.rows(view.read, rolls, statement)
    finally:
        session.drop(chosen)
    for what in dict.fromkeys(row[0] for row in rows):
        columns = _columns([row[1:] for row in rows if row[0] == what])
        np.maximum.at(table.seen, columns["code"], columns["seen"].astype(np.int64))
        if what == _ROLLED:
            _add_rolled(view, table, spreads, columns)
        else:
            _add_flows(view, table, what, columns)


def _columns(rows: Sequence[tuple[Any, ...]]) -> dict[str, NDArray[Any]]:
    """Rows of `_end_sums` or `_rolled_sums` without their first value, as columns; sums are exact integers."""
    kinds = dict.fromkeys(("code", "first_part", "last_part"), np.int64)
    columns = dict(zip(_NAMES, zip(*rows, strict=True), strict=True))
    return {name: np.array(values, kinds.get(name, object)) for name, values in columns.items()}


def _end_sums(question: Question, view: StoredView, end: int, step: int, source: str, chosen: str) -> str:
    """Sums by group, first and last part of the range that flows touch, and whether another end counted them."""
    amounts, within = question.amounts, question.within
    columns = key_columns(view.ends[end])
    same = " AND ".join(f"{column} IS NOT DISTINCT FROM k{i}" for i, column in enumerate(columns))
    where = counted(view, end, repeated=view.talker.two_ends)
    names, keys = ["code"], ["code", "first_part", "last_part"]
    if end and view.talker.two_ends:
        names.append(f"{repeats(view, end, 0)} AS again")
        keys.append("again")
    flows = amounts.relation(f"{source} JOIN {chosen} ON {same} WHERE {where}", *names)
    first = f"(GREATEST(s, {within.start_ms}) - {within.start_ms}) // {step}"
    last = f"(GREATEST(LEAST(e, {within.end_ms}) - 1, s, {within.start_ms}) - {within.start_ms}) // {step}"
    sums = [amounts.total(name, whole) for whole in (True, False) for name in ("fwd", "bwd", "pk")]
    return (
        f"SELECT {end} AS what, code, {first} AS first_part, {last} AS last_part, "  # noqa: S608
        f"{'again' if 'again' in keys else 'FALSE'} AS again, '' AS file, MAX(e) AS seen, SUM(flows) AS flows, "
        f"{', '.join(sums)} FROM ({flows}) AS chosen_flows GROUP BY {', '.join(keys)}"
    )


def _add_flows(view: StoredView, table: _Table, end: int, columns: dict[str, NDArray[Any]]) -> None:
    """Add rows of `_end_sums` of an end."""
    if view.talker.two_ends:
        sent = {"tx": columns["fwd"], "tx_inside": columns["fwd_inside"]}
        received = {"rx": columns["bwd"], "rx_inside": columns["bwd_inside"]}
        if end:
            sent = {"rx": columns["fwd"], "rx_inside": columns["fwd_inside"]}
            received = {"tx": columns["bwd"], "tx_inside": columns["bwd_inside"]}
        table.add(columns["code"], **sent, **received)
        once = ~columns["again"].astype(bool)
        columns = {name: values[once] for name, values in columns.items()}
    groups, octets = columns["code"], columns["fwd_inside"] + columns["bwd_inside"]
    table.add(
        groups, octets=columns["fwd"] + columns["bwd"], packets=columns["pk"], flows=columns["flows"],
        octets_inside=octets, packets_inside=columns["pk_inside"],
    )  # fmt: skip
    first, last = columns["first_part"], columns["last_part"]
    shares = octets.astype(np.float64) / (last + 1 - first)
    for part in range(HISTORY_PARTS):
        touched = (first <= part) & (part <= last)
        table.octets[:, part] += np.bincount(groups[touched], shares[touched], len(table.octets))


def _rolled_sums(question: Question, view: StoredView, plan: Plan, chosen: str) -> str:
    """Sums by group, section and file, in the columns of `_end_sums`: octets, packets and flows only."""
    kinds = sorted({*rolled_kinds(view, "octets")[0], *rolled_kinds(view, "rx")[0]})
    octets, packets = (f"COALESCE(scaled_{name}, {name})" if question.scaled else name for name in ("bytes", "packets"))
    same = " AND ".join(
        f"rolled.{name} IS NOT DISTINCT FROM {chosen}.{name}" for name in ("k0", "k1")[: len(key_columns(view.fields))]
    )
    rolled = (
        f"SELECT *, {rolled_keys(view)} FROM {parquet_sql(plan.rollups, filename=True)} "  # noqa: S608
        f"WHERE kind IN ({', '.join(map(str, kinds))})"
    )
    return (
        f"SELECT {_ROLLED} AS what, code, kind AS first_part, 0 AS last_part, FALSE AS again, filename AS file, "  # noqa: S608
        f"last AS seen, flows, {octets}, 0, {packets}, 0, 0, 0 FROM ({rolled}) AS rolled JOIN {chosen} ON {same}"
    )


def _add_rolled(
    view: StoredView, table: _Table, spreads: dict[str | None, NDArray[np.float64]], columns: dict[str, NDArray[Any]]
) -> None:
    """Add rows of `_rolled_sums`. Their flows lie within the range."""
    for name in ("tx", "rx") if view.talker.two_ends else ():
        counting = np.isin(columns["first_part"], rolled_kinds(view, name)[1])
        octets = columns["fwd"][counting]
        table.add(columns["code"][counting], **{name: octets, f"{name}_inside": octets})
    counting = np.isin(columns["first_part"], rolled_kinds(view, "octets")[1])
    columns = {name: values[counting] for name, values in columns.items()}
    groups, octets, packets = columns["code"], columns["fwd"], columns["pk"]
    table.add(
        groups, octets=octets, packets=packets, flows=columns["flows"], octets_inside=octets, packets_inside=packets
    )
    files = columns["file"].tolist()
    if files:
        shares = octets.astype(np.float64)[:, None] * np.stack([spreads[file] for file in files])
        np.add.at(table.octets, groups, shares)


def _spread(hour_ms: int, within: TimeRange, step: int) -> NDArray[np.float64]:
    """How much of an hour lies in each part of the range."""
    borders = np.clip(within.start_ms + np.arange(HISTORY_PARTS + 1) * step, within.start_ms, within.end_ms)
    lengths = np.diff(np.clip(borders, hour_ms, hour_ms + HOUR_MS)).astype(np.float64)
    if not lengths.any():  # flows are received in other hours than they are of where clocks are wrong
        lengths[0 if hour_ms < within.start_ms else -1] = 1.0
    return np.asarray(lengths / lengths.sum())


def group_values(
    view: StoredView, words: Sequence[NDArray[np.uint64]], shown: Shown, total: Sums, seconds: float
) -> dict[str, NDArray[Any] | list[str]]:
    """Columns of a view by name.

    Args:
        view: the view.
        words: key columns of the rows, as `StoredView.words` makes them.
        shown: sums of the rows.
        total: sums over all flows, for shares.
        seconds: length of the range.
    """
    sums = shown.sums
    values: dict[str, NDArray[Any] | list[str]] = {
        column.spec.name: column.write(words) for column in view.talker.columns
    }
    values |= {
        "rate": sums["octets_inside"] * 8 / seconds,
        "packet_rate": sums["packets_inside"] / seconds,
        "flow_rate": sums["flows"] / seconds,
        "share": sums["octets"] * (100 / max(1, total.bytes)),
        "bytes": sums["octets"],
        "packets": sums["packets"],
        "flows": sums["flows"],
        "seen": sums["seen"],
    }
    if view.talker.two_ends:
        values |= {
            "tx": sums["tx_inside"] * 8 / seconds,
            "rx": sums["rx_inside"] * 8 / seconds,
            "tx_bytes": sums["tx"],
            "rx_bytes": sums["rx"],
        }
    return values


def seconds_of(within: TimeRange) -> float:
    """Length of a range, for rates."""
    return max(1, within.length_ms) / 1000
