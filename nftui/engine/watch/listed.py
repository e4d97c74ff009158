"""Addresses of lists: whoever talks to one of them is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.limits import DEFAULT
from nftui.engine.query import tree
from nftui.engine.query.filters import Filter
from nftui.engine.query.indicators import Entry, IndicatorKind, IndicatorList
from nftui.engine.query.mask import mask
from nftui.engine.query.tree import Block
from nftui.engine.watch.finding import Finding
from nftui.engine.watch.moment import Hashes, Moment, frequent, group, moment

_REREAD_SECONDS = 60.0
_MOST_AT_ONCE = 200
"""Listed addresses told of one moment; the others come with the next one if they are still there."""
_SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class _Lists:
    """What the files said when they were read."""

    entries: list[Entry]
    blocks: tuple[Block, ...]
    problems: tuple[str, ...]


class Listed:
    """Flows to and from the addresses of lists. Files that change are read again.

    Ports and address:port pairs in a list are not looked for here; `nftui ioc` does.

    Args:
        paths: the lists.
        hashes: keys of rows.
    """

    def __init__(self, paths: Sequence[Path], hashes: Hashes) -> None:
        self._paths = list(paths)
        self._hashes = hashes
        self._stamps: list[tuple[int, int] | None] = []
        self._lists = _Lists([], (), ())
        self._checked_ms: int | None = None

    @property
    def count(self) -> int:
        """Addresses and networks looked for."""
        return len(self._lists.entries)

    @property
    def problems(self) -> tuple[str, ...]:
        """Files that cannot be read, lines that cannot be used."""
        return self._lists.problems

    def find(self, batches: Sequence[FlowBatch], now_ms: int) -> list[Finding]:
        """Listed addresses among flows."""
        if not self._paths:
            return []
        if self._checked_ms is None or abs(now_ms - self._checked_ms) >= _REREAD_SECONDS * 1000:
            self._checked_ms = now_ms
            self._reread()
        found: list[Finding] = []
        if self._lists.blocks:
            for end, other in (("src", "dst"), ("dst", "src")):
                wanted = Filter("", tree.Addresses(f"{end}_addr", self._lists.blocks))
                matching = [(batch, mask(wanted, batch)) for batch in batches]
                present = moment([batch.take(rows) for batch, rows in matching if rows.any()], now_ms, 0.0)
                found += self._at_end(present, end, other)
        return found[:_MOST_AT_ONCE]

    def _at_end(self, present: Moment, end: str, other: str) -> list[Finding]:
        """Findings of flows that all have a listed address at an end."""
        rows = np.arange(len(present))
        talks = group(self._hashes.keys(present.column(f"{end}_hi", rows), present.column(f"{end}_lo", rows)))
        out = []
        for number, first in enumerate(talks.first[:_MOST_AT_ONCE]):
            mine = rows[talks.of == number]
            address = present.address(end, int(rows[first]))
            entry = self._entry(present, end, int(rows[first]))
            if entry is None:
                continue
            partners = group(
                self._hashes.keys(present.column(f"{other}_hi", mine), present.column(f"{other}_lo", mine))
            )
            names = [present.address(other, int(mine[row])) for row in np.sort(partners.first)[:5]]
            more = f" and {len(partners.first) - 5} more" if len(partners.first) > 5 else ""
            packets, octets = present.scaled("packets", mine), present.scaled("bytes", mine)
            way = "sends to" if end == "src" else "is sent to by"
            out.append(
                Finding(
                    "list", entry.label or Path(entry.file).name, address,
                    f"{address} ({entry.label or Path(entry.file).name}) {way} {names[0]}{more}",
                    f"ip {address}", int(present.column("start", mine).min()), present.now_ms,
                    len(mine), packets, octets,
                    (
                        ("listed as", f"{entry.indicator.text}, {Path(entry.file).name} line {entry.line}"),
                        ("talks with", ", ".join(names) + more),
                        frequent(present.column("dst_port" if end == "dst" else "src_port", mine), "port there"),
                    ),
                )
            )  # fmt: skip
        return out

    def _entry(self, present: Moment, end: str, row: int) -> Entry | None:
        """The smallest listed network that an address is in, the first one of several."""
        high, low = (int(present.columns[f"{end}_{half}"][row]) & 0xFFFFFFFFFFFFFFFF for half in ("hi", "lo"))
        value = high << 64 | low
        inside = [
            entry for entry in self._lists.entries
            if entry.indicator.block is not None and entry.indicator.block[0] <= value <= entry.indicator.block[1]
        ]  # fmt: skip
        return min(inside, key=_size, default=None)

    def _reread(self) -> None:
        stamps = [_stamp(path) for path in self._paths]
        if stamps == self._stamps:
            return
        self._stamps = stamps
        lists = IndicatorList(_room=DEFAULT.watched_addresses)
        problems = []
        for path in self._paths:
            try:
                with path.open(encoding="utf-8", errors="replace") as file:
                    lists.add(str(path), file)
            except OSError as error:
                problems.append(f"{path}: {error.strerror}")
        entries = [entry for entry in lists.entries if entry.indicator.kind in _ADDRESSES]
        other = len(lists.entries) - len(entries)
        if other:
            problems.append(f"{other} ports and address:port pairs are looked for by `nftui ioc` only")
        problems += [f"{bad.file} line {bad.line}: {bad.reason}" for bad in lists.bad]
        blocks = _merged([entry.indicator.block for entry in entries if entry.indicator.block is not None])
        more = len(problems) - _SHOWN_PROBLEMS
        shown = (*problems[:_SHOWN_PROBLEMS], f"and {more} more") if more > 0 else tuple(problems)
        self._lists = _Lists(entries, blocks, shown)


_ADDRESSES = (IndicatorKind.ADDRESS, IndicatorKind.NETWORK, IndicatorKind.RANGE)


def _size(entry: Entry) -> int:
    assert entry.indicator.block is not None
    return entry.indicator.block[1] - entry.indicator.block[0]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size)


def _merged(blocks: list[Block]) -> tuple[Block, ...]:
    """Sorted and apart from each other, as the filter tree wants them."""
    out: list[Block] = []
    for low, high in sorted(blocks):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return tuple(out)
