"""Flows around a flow: those of its conversation, and those of its source before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.screens.flow_facts import Flow

_NEIGHBOURS = 12
"""Flows before, and as many after."""
_SLICES = 200
_AROUND_MS = 300_000
"""Neighbours in what is stored are looked for so far away."""
_ICMP = frozenset({1, 58})
_TEXTS = ("proto", "src_addr", "src_port", "dst_addr", "dst_port", "tcp_flags")


@dataclass(frozen=True, slots=True)
class Relative:
    """One flow of a list.

    Attributes:
        key: of the row, to open it.
        at_ms: end of the flow, or reception where the list has no more, UTC ms.
        protocol, source, source_port, target, target_port, flags: as text.
        packets, octets: scaled.
    """

    key: int
    at_ms: int
    protocol: str
    source: str
    source_port: str
    target: str
    target_port: str
    flags: str
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Relatives:
    """What was found.

    Attributes:
        conversation: records of the conversation, the flow itself among them, oldest first.
        neighbours: other flows of the source, nearest in time, oldest first.
        about: where was looked, in words.
    """

    conversation: tuple[Relative, ...] = ()
    neighbours: tuple[Relative, ...] = ()
    about: str = ""


def conversation_filter(flow: Flow) -> str:
    """Filter for both directions of a flow's conversation; empty for a flow without addresses."""
    source, target = flow.address("src_addr"), flow.address("dst_addr")
    if not source or not target:
        return ""
    protocol = flow.number("proto")
    ports = flow.number("src_port"), flow.number("dst_port")
    ways = []
    for (one, other), (near, far) in (((source, target), ports), ((target, source), ports[::-1])):
        parts = [f"src_addr {one}", f"dst_addr {other}"]
        if protocol not in _ICMP:  # a port of ICMP is type and code, and the answer has others
            parts += [f"src_port {near}"] if near is not None else []
            parts += [f"dst_port {far}"] if far is not None else []
        ways.append(f"({' and '.join(parts)})")
    head = f"proto {protocol} and " if protocol is not None else ""
    return f"{head}({' or '.join(ways)})"


def neighbour_filter(flow: Flow) -> str:
    """Filter for all flows of a flow's source, either end."""
    source = flow.address("src_addr")
    return f"src_addr {source} or dst_addr {source}" if source else ""


def requests(flow: Flow, place: LiveRequest, limit: int, read: Callable[[str], object]) -> list[LiveRequest | None]:
    """Questions for the conversation and for the neighbours; None where a flow cannot be asked about.

    Args:
        flow: whose relatives are wanted.
        place: the table's question: its time is theirs.
        limit: most flows of an answer.
        read: parses a filter.
    """
    from nftui.engine.history.values import TimeRange

    base = replace(
        place, view="flows", sort="", descending=True, limit=limit, anchor=None, offset=0, scaled=True,
        fields=("time_flow_end_ms",),
    )  # fmt: skip
    texts = conversation_filter(flow), neighbour_filter(flow)
    made = [replace(base, filter=read(text)) if text else None for text in texts]  # type: ignore[arg-type]
    near = made[1]
    if near is not None and near.within is not None:
        start, end = flow.times
        made[1] = replace(near, within=TimeRange(start - _AROUND_MS, end + _AROUND_MS))
    return made


def relatives_of(flow: Flow, talk: LiveSnapshot | None, near: LiveSnapshot | None) -> Relatives:
    """The answers as lists."""
    own = flow.times[1]
    mine = _listed(talk)
    ids = {item.key for item in mine}
    others = [item for item in _listed(near) if item.key not in ids]
    before = [item for item in others if item.at_ms <= own][-_NEIGHBOURS:]
    after = [item for item in others if item.at_ms > own][:_NEIGHBOURS]
    kept = sorted(sorted(mine, key=lambda item: abs(item.at_ms - own))[:_SLICES], key=lambda item: item.at_ms)
    more = talk.rows_total - len(kept) if talk is not None else 0
    where = "In the live window" if talk is None or talk.request.within is None else "In the time on the screen"
    about = f"{where}; {more:,} more are not listed." if more > 0 else f"{where}."
    return Relatives(tuple(kept), (*before, *after), about)


def _listed(snapshot: LiveSnapshot | None) -> list[Relative]:
    if snapshot is None:
        return []
    values = snapshot.values
    ends = values.get("time_flow_end_ms")
    found = []
    for row, key in enumerate(snapshot.keys):
        moment = values["time_received_ms"][row] if ends is None or isinstance(ends[row], str) else ends[row]
        protocol, source, source_port, target, target_port, flags = (str(values[name][row]) for name in _TEXTS)
        packets, octets = int(values["packets"][row]), int(values["bytes"][row])
        found.append(
            Relative(int(key), int(moment), protocol, source, source_port, target, target_port, flags, packets, octets)
        )
    return sorted(found, key=lambda item: (item.at_ms, item.key))
