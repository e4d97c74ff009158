"""Records with variable-length fields (RFC 7011 section 7): where each record and each field begins.

The k-th records of all sets are walked at the same time, so that Python's cost is paid per record position and
not per record. The last few sets are walked one by one, which is cheaper than array operations on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nftui.engine.decode.datagrams import Ints, Wire
from nftui.engine.decode.layout import Program

_FEW = 12
"""Sets below which a walk one by one is cheaper."""


@dataclass(slots=True)
class Located:
    """Places of n records.

    Attributes:
        source: index of the set of each record.
        runs: position of each fixed run, by record.
        starts: position of each variable-length field, by record.
        lengths: bytes of each variable-length field, by record.
        used: bytes of whole records in each set.
        broken: whether a set ended in the middle of a record.
        full: whether a set had more records than allowed.
    """

    source: Ints
    runs: list[Ints]
    starts: list[Ints]
    lengths: list[Ints]
    used: Ints
    broken: np.ndarray[tuple[int], np.dtype[np.bool_]]
    full: np.ndarray[tuple[int], np.dtype[np.bool_]]


def locate(wire: Wire, program: Program, least: int, start: Ints, end: Ints, most: int) -> Located:
    """Find the records of the sets.

    Args:
        wire: the arena.
        program: their layout.
        least: smallest size of a record.
        start: first byte of each set's records.
        end: end of each set.
        most: records allowed per set.
    """
    fields = len(program.runs) - 1
    position = start.copy()
    broken = np.zeros(len(start), np.bool_)
    full = np.zeros(len(start), np.bool_)
    parts: list[list[Ints]] = []
    active = np.arange(len(start))
    rounds = 0
    while True:
        active = active[position[active] + least <= end[active]]
        if len(active) <= _FEW or rounds >= most:
            break
        rounds += 1
        begin = position[active]
        at, stop = begin, end[active]
        found: list[Ints] = []
        for index in range(fields):
            found.append(at)
            at = at + program.runs[index]
            safe = np.minimum(at, stop)
            length = wire.u1[safe].astype(np.int64)
            long = length == 255
            length = np.where(long, wire.u2[safe + 1].astype(np.int64), length)
            at = at + np.where(long, 3, 1)
            found += [at, length]
            at = at + length
        found.append(at)
        at = at + program.runs[fields]
        good = at <= stop
        if not good.all():
            broken[active[~good]] = True
            active, found, at = active[good], [column[good] for column in found], at[good]
            # A broken record ends its set.
            position[broken] = end[broken]
        parts.append([active, *found])
        position[active] = at
    if rounds >= most:
        full[active] = True
        active = active[:0]
    table = [np.concatenate(columns) for columns in zip(*parts, strict=True)] if parts else []
    singles = _locate_singly(wire, program, least, active, position, end, most - rounds, broken, full)
    if len(singles):
        rest = singles.T
        table = [np.concatenate([a, b]) for a, b in zip(table, rest, strict=True)] if table else list(rest)
    if not table:
        table = [np.zeros(0, np.int64)] * (2 + 3 * fields)
    order = np.argsort(table[0], kind="stable")
    table = [column[order] for column in table]
    used = np.where(broken, end, position) - start
    return Located(table[0], table[1::3], table[2::3], table[3::3], used, broken, full)


def _locate_singly(
    wire: Wire, program: Program, least: int, active: Ints, position: Ints, end: Ints, most: int,
    broken: np.ndarray[tuple[int], np.dtype[np.bool_]], full: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> Ints:  # fmt: skip
    out: list[list[int]] = []
    for source in active.tolist():
        first, stop = int(position[source]), int(end[source])
        raw = wire.data[first:stop].tobytes()
        size, at, count = len(raw), 0, 0
        while at + least <= size:
            if count >= most:
                full[source] = True
                break
            row = [source]
            place = at
            for run in program.runs[:-1]:
                row.append(first + place)
                place += run
                if place >= size:
                    break
                length = raw[place]
                place += 1
                if length == 255:
                    length = int.from_bytes(raw[place : place + 2], "big")
                    place += 2
                row += (first + place, length)
                place += length
            else:
                row.append(first + place)
                place += program.runs[-1]
                if place <= size:
                    out.append(row)
                    at, count = place, count + 1
                    continue
            broken[source] = True
            break
        position[source] = first + at
    return np.array(out, np.int64) if out else np.zeros((0, 0), np.int64)
