"""Sums over all flows of a question."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from nftui.engine.history.holdings import state_of
from nftui.engine.history.question import Question
from nftui.engine.live.snapshot import Amount
from nftui.engine.query.parquet import parquet_sql
from nftui.engine.query.planner import Plan
from nftui.engine.query.rollup import read_sql

_KNOWN = 32
_INSIDE = ("packets_in", "bytes_in")


@dataclass(frozen=True, slots=True)
class Sums:
    """Exact sums.

    Attributes:
        records: flow records.
        flows: flows that they stand for.
        packets: of both directions, all of each flow.
        bytes: likewise.
        packets_inside: those within the range.
        bytes_inside: likewise.
    """

    records: int = 0
    flows: int = 0
    packets: int = 0
    bytes: int = 0
    packets_inside: int = 0
    bytes_inside: int = 0

    def amount(self, seconds: float) -> Amount:
        """The sums with rates over a range of this length."""
        return Amount(
            self.flows,
            self.packets,
            self.bytes,
            self.flows / seconds,
            self.packets_inside / seconds,
            self.bytes_inside * 8 / seconds,
        )


class KnownSums:
    """Sums that were asked for before, for as long as the files are the same: a screen asks for them with each view."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], Sums] = OrderedDict()

    def find(self, question: Question) -> Sums:
        """Sums over all flows of a question."""
        state = state_of(question.session.sources)
        key = (question.within, question.filter, question.scaled, state)
        found = self._known.get(key)
        if found is None:
            found = find_sums(question)
            if state_of(question.session.sources) != state:
                return found  # a file was left out, or a segment has grown
            self._known[key] = found
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return found


def find_sums(question: Question) -> Sums:
    """Sums over all flows of a question."""
    amounts = question.amounts

    def statement(source: str, plan: Plan) -> str:
        sums = (
            ""
            if plan.only_rollups
            else f"SELECT COUNT(*) AS records, SUM(flows) AS flows, {amounts.total('pk', True)} AS packets, "  # noqa: S608
            f"{amounts.octets(True)} AS bytes, {amounts.total('pk', False)} AS packets_in, "
            f"{amounts.octets(False)} AS bytes_in FROM ({amounts.relation(source)}) AS counted"
        )
        if plan.rollups:
            rolled = read_sql(parquet_sql(plan.rollups), plan.kinds, 1, question.scaled)
            names = "records, flows, packets, bytes, packets AS packets_in, bytes AS bytes_in"
            sums += " UNION ALL " if sums else ""
            sums += f"SELECT {names} FROM ({rolled}) AS rolled"  # noqa: S608
        totals = ", ".join(f"SUM({name})" for name in ("records", "flows", "packets", "bytes", *_INSIDE))
        return f"SELECT {totals} FROM ({sums}) AS parts"  # noqa: S608

    [row] = question.rows((), ("proto",), statement)
    return Sums(*(int(value or 0) for value in row))
