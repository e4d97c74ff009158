"""One question to the past: its files, its flows, and how a statement over roll-ups and flows is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from nftui.engine.history.parts import Amounts
from nftui.engine.history.values import TimeRange
from nftui.engine.query.directions import reported
from nftui.engine.query.filters import EVERYTHING, Filter
from nftui.engine.query.flow_session import FlowSession, Part
from nftui.engine.query.planner import Plan, make_plan
from nftui.engine.query.query import Query
from nftui.engine.query.time import Mode, Window


@dataclass(slots=True)
class Question:
    """Flows that overlap a range and match a filter.

    Attributes:
        session: where the flows are.
        within: the range.
        filter: which flows; None for all.
        scaled: apply sampling.
        amounts: their counters.
    """

    session: FlowSession
    within: TimeRange
    filter: Filter | None
    scaled: bool
    amounts: Amounts = field(init=False)
    _query: Query = field(init=False)

    def __post_init__(self) -> None:
        window = Window(self.within.start_ms, self.within.end_ms)
        self._query = Query(self.session, self.filter or EVERYTHING, window, self.scaled)
        self.amounts = Amounts(self.within, self.scaled, reported(self.session))

    def without_filter(self) -> Question:
        """The same question about all flows."""
        return Question(self.session, self.within, None, self.scaled)

    def plan(self, sections: tuple[str, ...]) -> Plan:
        """What the sums of these sections are made from: roll-ups of hours whose flows all lie within the range."""
        reason = ""
        if self.filter is not None:
            reason = "the filter looks at single flows"
        elif self.amounts.opposite:
            reason = "flows have counters of both directions"
        window = Window(self.within.start_ms, self.within.end_ms, mode=Mode.INSIDE)
        return make_plan(self.session.sources, sections, window, reason)

    def rows(
        self, fields: Iterable[str], sections: tuple[str, ...], statement: Callable[[str, Plan], str]
    ) -> list[tuple[Any, ...]]:
        """Result rows of a statement over the flows that no roll-up has, and the roll-ups.

        Args:
            fields: registry fields that the statement reads of flows, beside their counters.
            sections: what it takes from roll-ups; empty for nothing.
            statement: makes the SQL text from the relation of flows, as FROM text, and the plan with the roll-ups.
        """
        needed = {*fields, *self.amounts.fields}

        def text(_: str) -> str:
            plan = self.plan(sections)
            names, over = self._query.over(needed, lambda source: statement(source, plan))
            return over(self.session.relation(names, Part(plan.files, True)))

        return self.session.all_rows((), text)

    def over(self, fields: Iterable[str], statement: Callable[[str], str]) -> tuple[list[str], Callable[[str], str]]:
        """What `Session.rows` and `Session.batches` take for a statement over all flows of the question."""
        return self._query.over({*fields, *self.amounts.fields}, statement)
