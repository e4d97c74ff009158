"""Conversations among stored flows: both directions in one row, as `nftui dump -B --initiator` puts them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.history.question import Question
from nftui.engine.history.ranking import ascending, key_columns, literals
from nftui.engine.history.stored_views import Key
from nftui.engine.history.totals import Sums
from nftui.engine.live.conversations import turned_flows
from nftui.engine.live.identified import identified_view
from nftui.engine.live.keys import FLOW_COLUMNS, NULL, flow_words, turned_round
from nftui.engine.live.snapshot import CONVERSATION_VIEW
from nftui.engine.query.initiator import Initiated
from nftui.engine.query.keys import key_table
from nftui.engine.query.query import key_values
from nftui.engine.query.statistics import RECORD
from nftui.engine.query.values import COUNTERS
from nftui.engine.schema import FIELDS
from nftui.engine.store.arrow import from_arrow

_KEYS = tuple(key_columns(RECORD))
_COUNTED = ("flows", "time_flow_end_ms", "initiator")
_SUMS = {"bytes": "bytes + out_bytes", "packets": "packets + out_packets", "tx_bytes": "bytes", "rx_bytes": "out_bytes",
         "tx_packets": "packets", "rx_packets": "out_packets", "flows": "flows", "seen": "time_flow_end_ms",
         "rate": "bytes_inside + out_bytes_inside", "tx": "bytes_inside", "rx": "out_bytes_inside",
         "packet_rate": "packets_inside + out_packets_inside"}  # fmt: skip
"""Columns of the view that are numbers, over both directions put together; `…_inside` is what the range saw of it."""

_ALIKE = {"share": "bytes", "flow_rate": "flows"}
_REASONS = dict(FIELDS["initiator"].names)


@dataclass(frozen=True, slots=True)
class FoundConversations:
    """Conversations in order.

    Attributes:
        keys: protocol, source, destination and ports of each; the source opened it.
        ranks: int64, place of each in the whole order. The one that was asked for comes last where it lies apart.
        total: conversations in all.
        values: int64 by the names of the columns of the view, sums of rates still to be divided by the time.
        reasons: number of the reason for which the source is the source; 0 where there is none.
    """

    keys: list[Key]
    ranks: NDArray[np.int64]
    total: int
    values: dict[str, NDArray[np.int64]]
    reasons: list[int]


def find_conversations(
    question: Question, sort: str, descending: bool, limit: int, offset: int, anchor: Key | None
) -> FoundConversations:
    """Conversations in the order of a column, equal ones in the order of their keys.

    Args:
        question: which flows.
        sort: column of the view.
        descending: largest first.
        limit: how many.
        offset: conversations of the order to leave out.
        anchor: key of one that is wanted in any case.
    """
    way = "DESC" if descending else "ASC"
    terms = [f"{term} {way}" for term in _terms(sort)] + [f"{name} NULLS LAST" for name in _KEYS]
    wanted = f"place >= {offset} AND place < {offset + limit}"
    if anchor is not None:
        wanted += f" OR ({_is(anchor)})"

    def statement(source: str) -> str:
        fields = (*RECORD, *COUNTERS, *_COUNTED)
        initiated = Initiated()
        whole = initiated.sql(source, fields, question.scaled)
        inside = initiated.sql(_inside(question, source), fields, question.scaled)
        same = " AND ".join(f"whole.{name} IS NOT DISTINCT FROM part.{name}" for name in _KEYS)
        parts = ", ".join(f"part.{name} AS {name}_inside" for name in COUNTERS)
        both = (
            f"SELECT whole.*, {parts} FROM (SELECT * FROM {whole}) AS whole "  # noqa: S608
            f"JOIN (SELECT * FROM {inside}) AS part ON {same}"
        )
        numbers = ", ".join(f"CAST({sql} AS HUGEINT) AS {name}" for name, sql in _SUMS.items())
        summed = f"SELECT {', '.join(_KEYS)}, initiator, {numbers} FROM ({both}) AS joined"  # noqa: S608
        placed = (
            f"SELECT *, ROW_NUMBER() OVER (ORDER BY {', '.join(terms)}) - 1 AS place, COUNT(*) OVER () AS total "  # noqa: S608
            f"FROM ({summed}) AS summed"
        )
        return f"SELECT * FROM ({placed}) AS placed WHERE {wanted} ORDER BY place"  # noqa: S608

    needed = Initiated().reads({*RECORD, *COUNTERS, *_COUNTED})
    rows = question.session.all_rows(*question.over(needed, statement))
    apart = [row for row in rows if not offset <= row[-2] < offset + limit]
    rows = [row for row in rows if offset <= row[-2] < offset + limit]
    if apart:
        rows = [*rows[: limit - 1], *apart]
    first = len(_KEYS) + 1
    return FoundConversations(
        [key_values(RECORD, row) for row in rows],
        np.array([row[-2] for row in rows], np.int64),
        int(rows[0][-1]) if rows else 0,
        {name: _numbers([row[first + i] for row in rows]) for i, name in enumerate(_SUMS)},
        [int(row[len(_KEYS)] or 0) for row in rows],
    )


def conversation_words(keys: Sequence[Key]) -> tuple[list[NDArray[np.uint64]], NDArray[np.uint64]]:
    """Key columns, the side that opened each conversation first, and the number that the live window knows it by."""
    batch = FlowBatch(0)
    if keys:
        batch = from_arrow(key_table(RECORD, keys).drop_columns(["code"]).rename_columns(list(_KEYS)))
    words = flow_words(batch)
    _, identity = identified_view(CONVERSATION_VIEW)
    return words, identity.keys(turned_round(words, turned_flows(batch)))


def conversation_values(
    found: FoundConversations, words: Sequence[NDArray[np.uint64]], total: Sums, seconds: float
) -> dict[str, NDArray[Any] | list[str]]:
    """Columns of the view by name.

    Args:
        found: the conversations.
        words: their keys, as `conversation_words` makes them.
        total: sums over all flows, for shares.
        seconds: length of the range.
    """
    values: dict[str, NDArray[Any] | list[str]] = {column.spec.name: column.write(words) for column in FLOW_COLUMNS}
    values |= found.values
    for name, factor in (("rate", 8), ("tx", 8), ("rx", 8), ("packet_rate", 1)):
        values[name] = found.values[name] * factor / seconds
    values["flow_rate"] = found.values["flows"] / seconds
    values["share"] = found.values["bytes"] * (100 / max(1, total.bytes))
    values["opened"] = [_REASONS.get(reason, NULL) for reason in found.reasons]
    return values


def _inside(question: Question, source: str) -> str:
    """The same flows with what of their counters lies within the range."""
    counters = ", ".join(f"{question.amounts.inside(name)} AS {name}" for name in COUNTERS)
    timed = (
        "SELECT *, time_flow_start_ms AS s, GREATEST(time_flow_start_ms, time_flow_end_ms) AS e "  # noqa: S608
        f"FROM {source}"
    )
    return f"(SELECT * REPLACE ({counters}) FROM ({timed}) AS timed) AS passed"  # noqa: S608


def _terms(sort: str) -> list[str]:
    """Terms of the order, addresses as unsigned numbers."""
    if sort in FIELDS and sort in RECORD:
        return [term for name in FIELDS[sort].physical for term in ascending(name, FIELDS[sort].kind)]
    return [_ALIKE.get(sort, sort)]


def _is(key: Key) -> str:
    """Condition that a row has this key."""
    pairs = zip(_KEYS, literals(RECORD, key), strict=True)
    return " AND ".join(f"{name} IS NOT DISTINCT FROM {value}" for name, value in pairs)


def _numbers(values: Sequence[object]) -> NDArray[np.int64]:
    most = np.iinfo(np.int64).max
    return np.array([min(int(value or 0), most) for value in values], np.int64)  # type: ignore[call-overload]
