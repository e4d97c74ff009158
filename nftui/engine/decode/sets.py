"""Sets of NetFlow v9 (RFC 3954 section 5) and IPFIX messages (RFC 7011 section 3.3), in the order of the wire."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from nftui.engine.decode.datagrams import Ints, Wire
from nftui.engine.decode.tally import Tally

_FEW = 8
"""Datagrams below which a walk one by one is cheaper."""
_PAIR = struct.Struct(">HH")


@dataclass(slots=True)
class Sets:
    """All sets of n datagrams in the order of the wire.

    Attributes:
        message: index of the datagram.
        kind: set id.
        start, end: content without the set header.
        broken: indexes of datagrams that end in a set of a length that cannot be.
    """

    message: Ints
    kind: Ints
    start: Ints
    end: Ints
    broken: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.message)


def walk(wire: Wire, begin: Ints, end: Ints, ranks: Ints, tally: Tally) -> Sets:
    """Find the sets.

    A set whose length is below 4 or passes the end of the datagram ends the walk of that datagram; the sets
    before it are kept. Zero fill and up to 3 bytes behind the last set are padding.

    Args:
        wire: the arena.
        begin: first byte behind each datagram's header.
        end: end of each datagram.
        ranks: exporter in the tally.
        tally: gets `sets.bad_length` and `sets.zero_fill`.
    """
    position = begin.copy()
    active = np.arange(len(begin))
    parts: list[tuple[Ints, Ints, Ints, Ints]] = []
    broken: list[int] = []
    while True:
        active = active[position[active] + 4 <= end[active]]
        if len(active) <= _FEW:
            break
        at = position[active]
        kind = wire.u2[at].astype(np.int64)
        length = wire.u2[at + 2].astype(np.int64)
        after = at + length
        good = (length >= 4) & (after <= end[active])
        if not good.all():
            zero = ~good & (kind == 0) & (length == 0)
            tally.many("sets.zero_fill", ranks[active[zero]])
            tally.many("sets.bad_length", ranks[active[~good & ~zero]])
            broken += active[~good & ~zero].tolist()
            active, at, kind, after = active[good], at[good], kind[good], after[good]
        parts.append((active, kind, at + 4, after))
        position[active] = after
    parts += [
        _walk_one(wire, number, int(position[number]), int(end[number]), int(ranks[number]), tally, broken)
        for number in active.tolist()
    ]
    if not parts:
        empty = np.zeros(0, np.int64)
        return Sets(empty, empty, empty, empty, broken)
    if len(parts) == 1:
        return Sets(*parts[0], broken)
    message, kind, start, stop = (np.concatenate(column) for column in zip(*parts, strict=True))
    # Sets of one datagram are in order already: a stable sort by datagram gives the order of the wire.
    order = np.argsort(message, kind="stable")
    return Sets(message[order], kind[order], start[order], stop[order], broken)


def _walk_one(
    wire: Wire, message: int, begin: int, end: int, rank: int, tally: Tally, broken: list[int]
) -> tuple[Ints, Ints, Ints, Ints]:
    raw = wire.data[begin:end].tobytes()
    found: list[tuple[int, int, int]] = []
    at, size = 0, end - begin
    while at + 4 <= size:
        kind, length = _PAIR.unpack_from(raw, at)
        if length < 4 or at + length > size:
            tally.one("sets.zero_fill" if kind == length == 0 else "sets.bad_length", rank)
            if kind or length:
                broken.append(message)
            break
        found.append((kind, begin + at + 4, begin + at + length))
        at += length
    table = np.array(found, np.int64).reshape(-1, 3)
    return np.full(len(table), message, np.int64), table[:, 0], table[:, 1], table[:, 2]
