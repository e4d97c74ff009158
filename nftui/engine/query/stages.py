"""Steps between the flows that pass a filter and what is asked of them.

A stage takes a relation of flows and gives one of flows again, so that lists, statistics, series and files apply to
it unchanged. Which flows pass is decided before, flow by flow as they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class Stage(Protocol):
    """A step."""

    @property
    def reason(self) -> str:
        """Why sums over stored flows (roll-ups) cannot answer any more."""
        ...

    def reads(self, fields: Iterable[str]) -> set[str]:
        """Fields of the flows it takes that are needed for the given fields of those it gives."""
        ...

    def sql(self, source: str, fields: Sequence[str]) -> str:
        """Statement that gives the flows.

        Args:
            source: relation with the columns of `reads(fields)`, as FROM text; may be used several times.
            fields: registry fields whose columns are wanted.
        """
        ...


def read_by(stages: Sequence[Stage], fields: Iterable[str]) -> list[set[str]]:
    """Fields before each stage and, last, behind all of them."""
    out = [set(fields)]
    for stage in reversed(stages):
        out.insert(0, stage.reads(out[0]))
    return out
