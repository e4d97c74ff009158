"""Single flow records of a question, in the order of any column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch, concat
from nftui.engine.history.question import Question
from nftui.engine.query.sql import value_sql
from nftui.engine.schema import CORE, FIELDS, Kind
from nftui.engine.store.arrow import from_arrow

_TIES = ("time_received_ms", "time_flow_start_ms")


@dataclass(frozen=True, slots=True)
class FoundFlows:
    """Flow records in order.

    Attributes:
        batch: all of their fields.
        keys: uint64, the same for the same record in every answer; equal records have different ones.
    """

    batch: FlowBatch
    keys: NDArray[np.uint64]

    def find(self, key: int) -> int | None:
        """Row of a key."""
        rows = np.flatnonzero(self.keys == np.uint64(key))
        return int(rows[0]) if len(rows) else None


def find_flows(question: Question, sort: str, descending: bool, limit: int, offset: int) -> FoundFlows:
    """Flow records in order, those that are equal by time of reception, the latest first.

    Args:
        question: which flows.
        sort: column of the flow list.
        descending: largest first.
        limit: records wanted.
        offset: records of the order to leave out before.
    """
    present = question.session.present()
    names = [name for name, item in FIELDS.items() if name in CORE or item.physical[0] in present]
    columns = [column for name in names for column in FIELDS[name].physical]
    way = "DESC" if descending else "ASC"
    order = [f"{term} {way}" for term in _terms(sort, question, set(columns))] + [f"{name} DESC" for name in _TIES]

    def statement(source: str) -> str:
        return (
            f"SELECT {', '.join(columns)} FROM {source} ORDER BY {', '.join(order)}, "  # noqa: S608
            f"hash({', '.join(columns)}) LIMIT {limit} OFFSET {offset}"
        )

    found = [from_arrow(batch) for batch in question.session.batches(*question.over(names, statement))]
    batch = concat(found) if found else FlowBatch(0)
    return FoundFlows(batch, _keys(batch, names))


def _terms(sort: str, question: Question, columns: set[str]) -> list[str]:
    """Terms that order flows by a column."""
    duration = "GREATEST(time_flow_end_ms - time_flow_start_ms, 0)"
    if sort == "duration":
        return [duration]
    if sort in {"bytes", "packets", "rate"}:
        name = "packets" if sort == "packets" else "bytes"
        counters = [name, f"out_{name}"] if question.amounts.opposite else [name]
        amount = " + ".join(f"CAST(COALESCE({value_sql(n, question.scaled)}, 0) AS HUGEINT)" for n in counters)
        return [f"({amount})" if sort != "rate" else f"CAST({amount} AS DOUBLE) / GREATEST({duration}, 1000)"]
    field = FIELDS[sort]
    if field.physical[0] not in columns:
        return []
    if field.kind is Kind.TEXT:
        return [f"COALESCE({sort}, '')"]
    return [term for column in field.physical for term in (f"COALESCE({column}, 0) < 0", f"COALESCE({column}, 0)")]


def _keys(batch: FlowBatch, names: Sequence[str]) -> NDArray[np.uint64]:
    """Hashes of the records' values and of how often the same record came before."""
    seen: dict[bytes, int] = {}
    keys = np.zeros(len(batch), np.uint64)
    for row in range(len(batch)):
        digest = blake2b(repr([batch.value(name, row) for name in names]).encode(), digest_size=8)
        count = seen[digest.digest()] = seen.get(digest.digest(), -1) + 1
        digest.update(str(count).encode())
        keys[row] = int.from_bytes(digest.digest(), "little")
    return keys
