"""What is converted: files of flows, one after the other, in every format that is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nftui.engine.anonymise import Anonymiser
from nftui.engine.archive.formats import ArchiveFormats
from nftui.engine.batch import FlowBatch, Mask
from nftui.engine.counters import Counts, add
from nftui.engine.query import tree
from nftui.engine.query.filters import Filter
from nftui.engine.query.mask import mask
from nftui.engine.query.sources import Sources
from nftui.engine.query.time import Mode, Window
from nftui.engine.store.arrow import from_arrow
from nftui.engine.store.segment import SegmentReader

_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Input:
    """A file to be converted, as it was when it was found.

    Attributes:
        path: of the file.
        size: bytes.
        changed_ns: time of the last change.
    """

    path: str
    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which flows are converted, and how they are changed.

    Attributes:
        filter: what passes.
        window: when; times are absolute.
        scaled: conditions look at counters multiplied by the sampling rate.
        anonymiser: replaces addresses; None leaves them.
    """

    filter: Filter
    window: Window
    scaled: bool
    anonymiser: Anonymiser | None

    def of(self, batch: FlowBatch) -> FlowBatch:
        """The chosen flows of a batch."""
        passes = self._passes(batch)
        if passes is not None:
            batch = batch if passes.all() else batch.take(passes)
        return self.anonymiser.batch(batch) if self.anonymiser is not None and len(batch) else batch

    def _passes(self, batch: FlowBatch) -> Mask | None:
        """Which flows pass; None for all."""
        everything = self.filter.tree == tree.Always(True)
        found = None if everything else mask(self.filter, batch, self.scaled)
        times = _in_window(self.window, batch)
        return times if found is None else found if times is None else found & times


@dataclass(slots=True)
class Outcome:
    """What became of an input.

    Attributes:
        read: flows in it.
        written: flows that were converted; the others did not pass.
        damage: what could not be read, in words.
        lost: what the format of the output could not carry as it was.
    """

    read: int = 0
    written: int = 0
    damage: list[str] = field(default_factory=list)
    lost: Counts = field(default_factory=dict)

    def add(self, other: Outcome) -> None:
        """Sum up."""
        self.read += other.read
        self.written += other.written
        self.damage += other.damage
        add(self.lost, other.lost)


def inputs_of(sources: Sources) -> list[Input]:
    """The files that options of a query name, in order."""
    paths = [*sources.files, *sources.foreign, *(str(reader.path) for reader in sources.segments)]
    found = []
    for path in paths:
        about = os.stat(path)
        found.append(Input(path, about.st_size, about.st_mtime_ns))
    return found


def chosen_batches(
    path: str, choice: Choice, outcome: Outcome, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[FlowBatch]:
    """The chosen flows of a file; counts what was read and notes damage in `outcome`.

    Raises:
        Cancelled: `cancelled` said so between two batches.
    """
    for batch in _batches(path, outcome):
        if cancelled():
            raise Cancelled
        outcome.read += len(batch)
        chosen = choice.of(batch)
        if len(chosen):
            outcome.written += len(chosen)
            yield chosen


class Cancelled(Exception):
    """The conversion is to stop."""


def _batches(path: str, outcome: Outcome) -> Iterator[FlowBatch]:
    try:
        formats = ArchiveFormats()
        if formats.recognise(path):
            archive = formats.open(path)
            yield from archive.batches()
            if archive.trouble:
                outcome.damage.append(archive.trouble)
        elif path.endswith(".arrows"):
            yield from _segment(path, outcome)
        else:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_ROWS):
                    yield from_arrow(batch)
    except (pa.ArrowException, OSError, ValueError) as error:
        outcome.damage.append(" ".join(str(error).split()))


def _segment(path: str, outcome: Outcome) -> Iterator[FlowBatch]:
    with SegmentReader(Path(path)) as reader:
        for batch in reader.batches():
            yield from_arrow(batch)
        if reader.damaged_bytes:
            outcome.damage.append(f"{reader.damaged_bytes} bytes damaged")


def _in_window(window: Window, batch: FlowBatch) -> Mask | None:
    start, end = window.start_ms, window.end_ms
    if start is None and end is None:
        return None
    first, last = batch.columns["time_flow_start_ms"], batch.columns["time_flow_end_ms"]
    if window.mode is Mode.OVERLAP:
        lower, upper, inclusive = last, first, False
    elif window.mode is Mode.INSIDE:
        lower, upper, inclusive = first, last, True
    else:
        lower = upper = first if window.mode is Mode.START else last
        inclusive = False
    found = np.ones(len(batch), np.bool_)
    if start is not None:
        found &= lower >= start
    if end is not None:
        found &= upper <= end if inclusive else upper < end
    return found
