"""What of a flow lies within a range of time, as SQL.

A flow counts if it overlaps the range, with all of its packets and bytes: as `nftui dump` counts. Rates are those of
the range: packets and bytes are spread evenly over the life of a flow, with the arithmetic of series (see
`nftui.engine.query.series`), and what lies before or after the range is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from nftui.engine.history.values import TimeRange
from nftui.engine.query.passed import passed_sql
from nftui.engine.query.sql import value_sql
from nftui.engine.query.values import MAX_SUM

_START, _END = "time_flow_start_ms", "time_flow_end_ms"


@dataclass(frozen=True, slots=True)
class Amounts:
    """The counters of flows in a relation made by `relation`.

    Columns: `s` and `e`, when the flow began and ended; `flows`; `fwd` and `bwd`, octets of its own and of the
    opposite direction; `pk`, packets of both. Without counters of the opposite direction, null where a flow has none.

    Attributes:
        within: the range.
        scaled: apply sampling.
        opposite: any flow may have counters of the opposite direction.
    """

    within: TimeRange
    scaled: bool
    opposite: bool

    @property
    def fields(self) -> set[str]:
        """Registry fields that are read."""
        more = {"out_bytes", "out_packets"} if self.opposite else set()
        return {_START, _END, "flows", "packets", "bytes", "sampling_rate", *more}

    def relation(self, source: str, *columns: str) -> str:
        """SELECT of the counters and of further columns over a relation of flows."""
        forward, packets = self._counter("bytes"), self._counter("packets")
        backward = "0"
        if self.opposite:
            backward, more = self._counter("out_bytes"), self._counter("out_packets")
            packets = f"LEAST({packets}, {MAX_SUM} - {more}) + {more}"
        counters = (
            f"{_START} AS s", f"GREATEST({_START}, {_END}) AS e", "flows", f"{forward} AS fwd", f"{backward} AS bwd",
            f"{packets} AS pk",
        )  # fmt: skip
        return f"SELECT {', '.join([*columns, *counters])} FROM {source}"  # noqa: S608

    def _counter(self, name: str) -> str:
        value = value_sql(name, self.scaled)
        return f"COALESCE({value}, 0)" if self.opposite else value

    def inside(self, counter: str) -> str:
        """What of a counter lies within the range."""
        return self.between(counter, str(self.within.start_ms), str(self.within.end_ms))

    def between(self, counter: str, start: str, end: str) -> str:
        """What of a counter lies between two moments. A flow that lies there is not looked at twice."""
        # 64 bits: with 128 in one branch all sums would be of 128 bits, which takes twice as long.
        part = f"CAST(({passed_sql(counter, end)}) - ({passed_sql(counter, start)}) AS BIGINT)"
        return f"CASE WHEN s >= {start} AND e <= {end} AND s < {end} THEN {counter} ELSE {part} END"

    def octets(self, whole: bool) -> str:
        """Aggregate: octets of both directions, all of them or those within the range."""
        names = ("fwd", "bwd") if self.opposite else ("fwd",)
        return " + ".join(self.total(name, whole) for name in names)

    def total(self, counter: str, whole: bool) -> str:
        """Aggregate of one counter."""
        if counter == "bwd" and not self.opposite:
            return "0"
        return f"COALESCE(SUM({counter if whole else self.inside(counter)}), 0)"
