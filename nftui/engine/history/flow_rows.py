"""Single flow records of a question, in the order of any column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch, concat
from nftui.engine.history.question import Question
from nftui.engine.query.sql import value_sql
from nftui.engine.schema import CORE, FIELDS, Kind
from nftui.engine.store.arrow import from_arrow, schema_of, to_arrow
from nftui.engine.store.segment import widen

_TIES = ("time_received_ms", "time_flow_start_ms")


@dataclass(frozen=True, slots=True)
class FoundFlows:
    """Flow records in order.

    Attributes:
        batch: all of their fields.
        keys: uint64, the same for the same record in every answer; equal records have different ones.
        repeats: int64, how many equal records came before.
        ranks: int64, place of each in the whole order. The one that was asked for comes last where it lies apart.
    """

    batch: FlowBatch
    keys: NDArray[np.uint64]
    repeats: NDArray[np.int64]
    ranks: NDArray[np.int64]

    def find(self, key: int) -> int | None:
        """Row of a key."""
        rows = np.flatnonzero(self.keys == np.uint64(key))
        return int(rows[0]) if len(rows) else None

    def only(self, key: int) -> FoundFlows | None:
        """The record of a key alone; None if there is none."""
        row = self.find(key)
        if row is None:
            return None
        rows = slice(row, row + 1)
        return FoundFlows(self.batch.slice(row, row + 1), self.keys[rows], self.repeats[rows], self.ranks[rows])


def find_flows(
    question: Question, sort: str, descending: bool, limit: int, offset: int, anchor: FoundFlows | None = None
) -> FoundFlows:
    """Flow records in order, those that are equal by time of reception, the latest first.

    Args:
        question: which flows.
        sort: column of the flow list.
        descending: largest first.
        limit: records wanted.
        offset: records of the order to leave out before.
        anchor: one record, of an earlier answer, that is wanted in any case if it is among the flows.
    """
    present = question.session.present()
    names = [name for name, item in FIELDS.items() if name in CORE or item.physical[0] in present]
    columns = [column for name in names for column in FIELDS[name].physical]
    way = "DESC" if descending else "ASC"
    terms = [(term, way) for term in _terms(sort, question, set(columns))] + [(name, "DESC") for name in _TIES]
    terms.append((f"hash({', '.join(columns)})", "ASC"))
    order = ", ".join(f"{term} {way}" for term, way in terms)

    def statement(source: str) -> str:
        return f"SELECT {', '.join(columns)} FROM {source} ORDER BY {order} LIMIT {limit} OFFSET {offset}"  # noqa: S608

    found = [from_arrow(batch) for batch in question.session.batches(*question.over(names, statement))]
    batch = concat(found) if found else FlowBatch(0)
    page = FoundFlows(batch, *_keys(batch, names), np.arange(offset, offset + len(batch)))
    place = None if anchor is None else _place(question, names, columns, terms, anchor)
    if anchor is None or place is None or offset <= place < offset + len(batch):
        return page
    return FoundFlows(
        concat([batch.slice(0, min(len(batch), limit - 1)), anchor.batch]),
        np.append(page.keys[: limit - 1], anchor.keys),
        np.append(page.repeats[: limit - 1], anchor.repeats),
        np.append(page.ranks[: limit - 1], place),
    )


def _place(
    question: Question,
    names: Sequence[str],
    columns: Sequence[str],
    terms: Sequence[tuple[str, str]],
    anchor: FoundFlows,
) -> int | None:
    """Where a record stands in the order; None if it is not among the flows."""
    session = question.session
    table = session.next_table() + "_anchor"
    session.add_columns(table, pa.Table.from_batches([widen(to_arrow(anchor.batch), schema_of(columns))]))
    values = ", ".join(f"{term} AS t{i}" for i, (term, _) in enumerate(terms))
    equal_terms = [f"f.t{i} = a.t{i}" for i in range(len(terms))]
    signs = [">" if way == "DESC" else "<" for _, way in terms]
    # Not one within the other: translation for other engines takes a level of Python's stack for each bracket.
    branches = [" AND ".join([*equal_terms[:i], f"f.t{i} {sign} a.t{i}"]) for i, sign in enumerate(signs)]
    before = f"f.t0 {signs[0]}= a.t0 AND (({') OR ('.join(branches)}))"
    same = " AND ".join(equal_terms)

    def statement(source: str) -> str:
        return (
            f"SELECT COUNT(*) FILTER ({before}), COUNT(*) FILTER ({same}) "  # noqa: S608
            f"FROM (SELECT {values} FROM {source}) AS f, (SELECT {values} FROM {table}) AS a"
        )

    try:
        [(earlier, equal)] = session.all_rows(*question.over(names, statement))
    finally:
        session.drop(table)
    repeat = int(anchor.repeats[0])
    return int(earlier) + repeat if equal > repeat else None


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


def _keys(batch: FlowBatch, names: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of the records' values and of how often the same record came before, and how often that was."""
    seen: dict[bytes, int] = {}
    keys, repeats = np.zeros(len(batch), np.uint64), np.zeros(len(batch), np.int64)
    for row in range(len(batch)):
        digest = blake2b(repr([batch.value(name, row) for name in names]).encode(), digest_size=8)
        repeats[row] = count = seen[digest.digest()] = seen.get(digest.digest(), -1) + 1
        digest.update(str(count).encode())
        keys[row] = int.from_bytes(digest.digest(), "little")
    return keys, repeats
