"""What lists and statistics can be ordered by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import Enum

from nftui.engine.query.sql import value_sql
from nftui.errors import UsageError

_ALIASES = {
    "ipkg": "packets", "ipackets": "packets", "ibyte": "bytes", "ibytes": "bytes", "ipps": "pps", "ibps": "bps",
    "ibpp": "bpp", "opackets": "opkg", "obytes": "obyte", "packet": "packets", "byte": "bytes", "flow": "flows",
}  # fmt: skip

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

LIST_ORDERS = (*GROUP_ORDERS, "opkg", "obyte", "opps", "obps", "obpp")
"""Orders of lists; those with o are of the reverse direction."""

STATISTIC_ORDERS = ("flows", "packets", "bytes", "pps", "bps", "bpp")
"""Orders of `-s`, without direction."""


class Direction(Enum):
    """Which counters of a flow a statistic counts."""

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

_FLOW_FIELDS = {"opkg": "out_packets", "obyte": "out_bytes", "tstart": "time_flow_start_ms", "tend": "time_flow_end_ms"}


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Attributes:
        name: canonical name, one of `LIST_ORDERS`.
        ascending: smallest first.
        direction: of a statistic, which counters it counts.
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

    def flow_sql(self, scaled: bool) -> str:
        """ORDER BY term for single flows; flows without the value come last."""
        name = _FLOW_FIELDS.get(self.name, self.name)
        if name in {"opps", "obps", "obpp"}:
            return f"{_reverse_rate(name, scaled)} {self._direction} NULLS LAST"
        return f"{value_sql(name, scaled)} {self._direction} NULLS LAST"

    @property
    def _direction(self) -> str:
        return "ASC" if self.ascending else "DESC"


def _reverse_rate(name: str, scaled: bool) -> str:
    """Rate of the reverse direction."""
    octets, packets = value_sql("out_bytes", scaled), value_sql("out_packets", scaled)
    if name == "obpp":
        return f"CASE WHEN {packets} > 0 THEN CAST({octets} AS DOUBLE) / ({packets}) ELSE 0.0 END"
    amount = f"CAST({packets} AS DOUBLE) * 1000" if name == "opps" else f"CAST({octets} AS DOUBLE) * 8000"
    start, end = _FLOW_FIELDS["tstart"], _FLOW_FIELDS["tend"]
    return f"CASE WHEN {end} > {start} THEN {amount} / ({end} - {start}) ELSE 0.0 END"


def parse_order(text: str, known: tuple[str, ...] = LIST_ORDERS) -> Order:
    """Order from `bytes`, `bytes:a` (ascending) or `bytes:d`. Raises UsageError."""
    name, _, direction = text.partition(":")
    name = _ALIASES.get(name.lower(), name.lower())
    if name not in known or direction not in {"", "a", "d"}:
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else f": use one of {', '.join(known)}"
        raise UsageError(f"unknown order {text!r}{hint}")
    by_time = name in {"tstart", "tend"}
    return Order(name, direction == "a" or (by_time and not direction))


def parse_statistic_order(text: str) -> Order:
    """Order of `-s`: `flows`, `bytes`, `ibyte`, `opps:a` ... Raises UsageError."""
    name, mark, direction = text.partition(":")
    name = name.lower().replace("packets", "pkg").replace("bytes", "byte") if name[:1].lower() in "io" else name
    if name in _BY_DIRECTION:
        canonical, counted = _BY_DIRECTION[name]
        return replace(parse_order(f"{canonical}{mark}{direction}", STATISTIC_ORDERS), direction=counted)
    return parse_order(text, STATISTIC_ORDERS)
