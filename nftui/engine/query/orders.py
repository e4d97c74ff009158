"""What lists and statistics can be ordered by."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from nftui.engine.query.sql import value_sql
from nftui.engine.query.values import BITS_PER_BYTE_MS, SECOND_MS
from nftui.errors import UsageError

_ALIASES = {"packet": "packets", "byte": "bytes", "flow": "flows"}

GROUP_ORDERS: dict[str, str] = {
    "flows": "flows",
    "packets": "packets",
    "bytes": "bytes",
    "pps": "CASE WHEN last > first THEN CAST(packets AS DOUBLE) * 1000 / (last - first) ELSE 0.0 END",
    "bps": "CASE WHEN last > first THEN CAST(bytes AS DOUBLE) * 8000 / (last - first) ELSE 0.0 END",
    "bpp": "CASE WHEN packets > 0 THEN CAST(bytes AS DOUBLE) / packets ELSE 0.0 END",
    "tstart": "first",
    "tend": "last",
    "duration": "last - first",
}
"""Order of groups, over the columns that `grouping` makes."""

LIST_ORDERS = tuple(GROUP_ORDERS)
"""Orders of lists, without direction."""

STATISTIC_ORDERS = ("flows", "packets", "bytes", "pps", "bps", "bpp")
"""Orders of `-s`, without direction."""


class Direction(Enum):
    """Which counters of a flow an order looks at, and a statistic counts."""

    BOTH = ""
    IN = "i"
    """From source to destination: the flow's own."""
    OUT = "o"
    """The opposite ones."""


_DIRECTED = {"packets": "pkg", "bytes": "byte", "pps": "pps", "bps": "bps", "bpp": "bpp"}
_BY_DIRECTION = {
    f"{direction.value}{short}": (name, direction)
    for direction in (Direction.IN, Direction.OUT) for name, short in _DIRECTED.items()
}  # fmt: skip

_TIMES = {"tstart": "time_flow_start_ms", "tend": "time_flow_end_ms"}
_COUNTERS = {
    "bytes": ("bytes",), "packets": ("packets",), "bps": ("bytes",), "pps": ("packets",), "bpp": ("bytes", "packets"),
}  # fmt: skip
_RATE_FACTORS = {"pps": SECOND_MS, "bps": BITS_PER_BYTE_MS}


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Attributes:
        name: canonical name, one of `LIST_ORDERS`.
        ascending: smallest first.
        direction: whose counters decide.
    """

    name: str
    ascending: bool
    direction: Direction = Direction.BOTH

    @property
    def label(self) -> str:
        """The name as given, without its direction of sorting."""
        return self.direction.value + (_DIRECTED[self.name] if self.direction.value else self.name)

    def group_sql(self) -> str:
        """ORDER BY term for groups."""
        return f"{GROUP_ORDERS[self.name]} {self._direction}"

    @property
    def opposite(self) -> set[str]:
        """Fields with counters of the opposite direction that it looks at."""
        names = _COUNTERS.get(self.name, ()) if self.direction is not Direction.IN else ()
        return {f"out_{name}" for name in names}

    @property
    def summed(self) -> tuple[str, ...]:
        """Fields whose sums it adds up, for orders by a sum."""
        if self.direction is Direction.IN or self.name not in _COUNTERS:
            return (self.name,)
        opposite = f"out_{self.name}"
        return (opposite,) if self.direction is Direction.OUT else (self.name, opposite)

    def amount_sql(self, scaled: bool) -> str:
        """What flows are ordered by, or flows summed up; null without the counters."""
        if self.name not in _COUNTERS:
            return value_sql(_TIMES.get(self.name, self.name), scaled)
        if self.direction is Direction.IN:
            return value_sql(self.name, scaled)
        counters = [_counter_sql(name, self.direction, scaled) for name in _COUNTERS[self.name]]
        if self.name == "bpp":
            octets, packets = counters
            known = f"{packets} IS NOT NULL AND {octets} IS NOT NULL"
            return f"CASE WHEN {packets} > 0 THEN FLOOR(CAST({octets} AS DOUBLE) / {packets}) WHEN {known} THEN 0.0 END"
        [counter] = counters
        if self.name not in _RATE_FACTORS:
            return counter
        start, end = _TIMES["tstart"], _TIMES["tend"]
        rate = f"FLOOR(CAST({counter} AS DOUBLE) * {_RATE_FACTORS[self.name]} / ({end} - {start}))"
        return f"CASE WHEN {end} > {start} THEN {rate} WHEN {counter} IS NOT NULL THEN 0.0 END"

    def flow_sql(self, scaled: bool) -> str:
        """ORDER BY term for flows, single or summed up; those without the value come last."""
        return f"{self.amount_sql(scaled)} {self._direction} NULLS LAST"

    @property
    def _direction(self) -> str:
        return "ASC" if self.ascending else "DESC"


def _counter_sql(name: str, direction: Direction, scaled: bool) -> str:
    """A counter of the opposite direction, or of both together: two of 63 bits make one of 64."""
    own, opposite = value_sql(name, scaled), value_sql(f"out_{name}", scaled)
    if direction is Direction.OUT:
        return f"({opposite})"
    together = f"COALESCE({own}, 0) + CAST({opposite} AS HUGEINT)"
    return f"(CASE WHEN out_{name} > 0 THEN {together} ELSE {own} END)"


def parse_order(text: str, known: tuple[str, ...] = LIST_ORDERS) -> Order:
    """Order from `bytes`, `ibyte`, `obyte`, `bytes:a` (ascending) or `bytes:d`. Raises UsageError."""
    name, _, way = text.lower().partition(":")
    name = name.replace("packets", "pkg").replace("bytes", "byte") if name[:1] in {"i", "o"} else name
    name, direction = _BY_DIRECTION.get(name, (_ALIASES.get(name, name), Direction.BOTH))
    if name not in known or way not in {"", "a", "d"}:
        every = (*known, *_BY_DIRECTION)
        near = get_close_matches(name, every, 1)
        hint = f"; did you mean {near[0]}?" if near else f": use one of {', '.join(every)}"
        raise UsageError(f"unknown order {text!r}{hint}")
    by_time = name in _TIMES
    return Order(name, way == "a" or (by_time and not way), direction)


def parse_statistic_order(text: str) -> Order:
    """Order of `-s`: `flows`, `bytes`, `ibyte`, `opps:a` ... Raises UsageError."""
    return parse_order(text, STATISTIC_ORDERS)
