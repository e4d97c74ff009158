"""Which direction the statistics of `-s` count where exporters report both in one record: nfdump's rule.

A flow's own counters are those of the direction from source to destination; `out_bytes` and `out_packets` are those
of the opposite one. Statistics count both together, `ibyte ipkg ipps ibps ibpp` the first, `obyte opkg opps obps obpp`
the opposite one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.orders import Direction
from nftui.engine.query.values import MAX_SUM
from nftui.engine.schema import FIELDS

_OPPOSITE = {"bytes": "out_bytes", "packets": "out_packets"}


@dataclass(frozen=True, slots=True)
class Directed:
    """Flows whose packets and bytes are those of a direction, or of both.

    Attributes:
        direction: which one; not `IN`, which needs no stage.
    """

    direction: Direction

    @property
    def reason(self) -> str:
        """Why roll-ups cannot answer."""
        return "flows have counters of both directions"

    def reads(self, fields: Iterable[str]) -> set[str]:
        """The fields, and the counters of the opposite direction."""
        return set(fields) | {_OPPOSITE[name] for name in fields if name in _OPPOSITE}

    def sql(self, source: str, fields: Sequence[str]) -> str:
        """The flows, with other counters."""
        columns: list[str] = []
        for name in fields:
            if name not in _OPPOSITE:
                columns += FIELDS[name].physical
            elif self.direction is Direction.OUT:
                columns.append(f"{_OPPOSITE[name]} AS {name}")
            else:
                opposite = _OPPOSITE[name]
                both = f"LEAST(COALESCE({name}, 0), {MAX_SUM} - {opposite}) + {opposite}"
                columns.append(f"CASE WHEN {opposite} > 0 THEN {both} ELSE {name} END AS {name}")
        return f"SELECT {', '.join(columns)} FROM {source}"  # noqa: S608


def reported(session: FlowSession) -> bool:
    """Whether any exporter reports the opposite direction."""
    return bool(session.present() & set(_OPPOSITE.values()))
