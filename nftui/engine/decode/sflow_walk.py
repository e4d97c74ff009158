"""sFlow datagrams to samples, and samples to records: where each of them lies.

Format: sFlow version 5 (sflow.org, "sFlow Version 5", July 2004, section 5). Counts of samples and records bound the
walk and promise nothing: each length is checked against the end of what it lies in.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass, fields

import numpy as np

from nftui.engine.batch import Mask
from nftui.engine.decode.datagrams import Ints, Wire

FIRST_WORD = 5
"""First 32 bits of a datagram. NetFlow and IPFIX have their version in the first 16, so that nothing is ambiguous."""
HEADER_BYTES = 28
"""Smallest header, with an IPv4 agent."""

_FEW = 8
"""Rows below which a walk one by one is cheaper."""
_PAIR = struct.Struct(">II")


@dataclass(slots=True)
class Headers:
    """Headers of n datagrams.

    Attributes:
        agent: position of the agent's address.
        agent_bytes: its size, 4 or 16; 0 where the header is not usable.
        sub_agent: number of the sub-agent.
        sequence: datagrams sent by the sub-agent.
        uptime: milliseconds since the agent started.
        samples: number of samples, as claimed.
        begin: position of the first sample.
    """

    agent: Ints
    agent_bytes: Ints
    sub_agent: Ints
    sequence: Ints
    uptime: Ints
    samples: Ints
    begin: Ints

    def take(self, rows: Ints) -> Headers:
        """The chosen headers."""
        return Headers(*(getattr(self, item.name)[rows] for item in fields(self)))


def read_headers(wire: Wire, offset: Ints, length: Ints) -> Headers:
    """Headers of datagrams that have at least `HEADER_BYTES`."""
    kind = wire.u4[offset + 4]
    size = np.where(kind == 1, 4, np.where(kind == 2, 16, 0))
    after = offset + 8 + size
    size[after + 16 > offset + length] = 0
    sub_agent, sequence, uptime, samples = (wire.u4[after + at].astype(np.int64) for at in (0, 4, 8, 12))
    return Headers(offset + 8, size, sub_agent, sequence, uptime, samples, after + 16)


@dataclass(slots=True)
class Items:
    """Samples of datagrams, or records of samples.

    Attributes:
        owner: row of the datagram or sample.
        format: enterprise number * 4096 + format number.
        start, end: content behind format and length; never beyond the end of the owner.
        cut: whether the length runs out of the owner.
    """

    owner: Ints
    format: Ints
    start: Ints
    end: Ints
    cut: Mask

    def __len__(self) -> int:
        return len(self.owner)

    def take(self, rows: Ints | Mask) -> Items:
        """The chosen items."""
        return Items(self.owner[rows], self.format[rows], self.start[rows], self.end[rows], self.cut[rows])


def walk(wire: Wire, begin: Ints, end: Ints, count: Ints) -> Items:
    """Find the items: format, length, content, one after the other.

    The walk of an owner ends where less than 8 bytes are left, and with an item that is cut off. Words of zeros
    between items are padding. Items come in the order of their place in the owner, all first ones first.

    Args:
        wire: the arena.
        begin: first byte of each owner's items.
        end: end of each owner.
        count: how many items each owner claims to have; what is behind these is none.
    """
    position = begin.copy()
    active = np.arange(len(begin))
    parts: list[Items] = []
    for done in itertools.count():
        going = (position + 8 <= end) & (count > done)
        if not going.all():
            active, position, end, count = active[going], position[going], end[going], count[going]
        if len(active) <= _FEW:
            break
        kind = wire.u4[position].astype(np.int64)
        size = wire.u4[position + 4].astype(np.int64)
        start = position + 8
        position = start + size
        cut = position > end
        stop = np.minimum(position, end) if cut.any() else position
        item = Items(active, kind, start, stop, cut)
        padding = (kind | size) == 0
        parts.append(item.take(~padding) if padding.any() else item)
    rows = zip(active.tolist(), position.tolist(), end.tolist(), (count - done).tolist(), strict=True)
    parts += [_walk_one(wire, *row) for row in rows]
    if len(parts) == 1:
        return parts[0]
    if not parts:
        empty = np.zeros(0, np.int64)
        return Items(empty, empty, empty, empty, np.zeros(0, np.bool_))
    return Items(
        np.concatenate([part.owner for part in parts]),
        np.concatenate([part.format for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.cut for part in parts]),
    )


def _walk_one(wire: Wire, owner: int, begin: int, end: int, count: int) -> Items:
    raw = wire.data[begin:end].tobytes()
    found: list[tuple[int, int, int, bool]] = []
    at, size = 0, end - begin
    while at + 8 <= size and count:
        count -= 1
        kind, length = _PAIR.unpack_from(raw, at)
        after = at + 8 + length
        if kind or length:
            found.append((kind, begin + at + 8, begin + min(after, size), after > size))
        at = after
    table = np.array(found, np.int64).reshape(-1, 4)
    return Items(np.full(len(table), owner), table[:, 0], table[:, 1], table[:, 2], table[:, 3] > 0)


def in_order(items: Items) -> Items:
    """The items of each owner together, owners in order."""
    if len(items) < 2 or bool((items.owner[1:] >= items.owner[:-1]).all()):
        return items
    return items.take(np.argsort(items.owner, kind="stable"))
