"""Converted flows as a store, or as further files of one that exists, and as single Parquet files.

Each input makes files of its own, one per hour of reception or more, in the store's form (sorted, encoded, with
footer and checksum). They lie in the work directory until everything is converted and then get their names, which a
collector that writes the same store at that time does not mind: no name is given twice. A compaction joins them.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nftui.engine.batch import FlowBatch
from nftui.engine.convert.outputs import Output, name_file
from nftui.engine.counters import Counts
from nftui.engine.limits import Limits
from nftui.engine.schema import PHYSICAL
from nftui.engine.store import disk
from nftui.engine.store.arrow import CORE_COLUMNS, schema_of, to_arrow
from nftui.engine.store.footer import Summary
from nftui.engine.store.layout import HOUR_MS, LIVE, SEALED_SUFFIX, PartName, new_writer, parse_stem, slot_start
from nftui.engine.store.reach import extend_reach
from nftui.engine.store.seal import finish, open_writer, sort_rows
from nftui.engine.store.segment import Origin

IDENT = "convert"
"""Name of the collector in the footers."""


class _Part:
    """A file under way: rows gather until a row group is full."""

    def __init__(self, path: Path, stem: str, hour_ms: int, limits: Limits, schema: pa.Schema | None = None) -> None:
        self.path, self.stem = path, stem
        self.summary = Summary()
        self._hour_ms, self._rows = hour_ms, limits.row_group_rows
        self._waiting: list[pa.RecordBatch] = []
        self._count = 0
        self._schema = schema
        self._writer: pq.ParquetWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        while batch.num_rows:
            room = self._rows - self._count
            piece = batch.slice(0, room)
            batch = batch.slice(room)
            self._waiting.append(piece)
            self._count += piece.num_rows
            if self._count == self._rows:
                self._write()

    def takes(self, batch: pa.RecordBatch) -> bool:
        """Whether the columns of the file, once they are fixed, suffice for a batch."""
        return self._schema is None or set(batch.schema.names) <= set(self._schema.names)

    def close(self) -> tuple[int, int]:
        """Write the rest and the footer, and force it to the disk; earliest and latest time of any flow."""
        if self._count or self._writer is None:
            self._write()
        assert self._writer is not None
        about = self.summary.encode(self.stem, Origin(self._hour_ms, HOUR_MS // 1000, IDENT), {})
        finish(self._writer, self.path, about)
        disk.sync_file(self.path)
        return self.summary.span if self.summary.rows else (0, 0)

    def _write(self) -> None:
        if self._schema is None:
            names = {*CORE_COLUMNS, *(name for batch in self._waiting for name in batch.schema.names)}
            self._schema = schema_of(names)
        if self._writer is None:
            self._writer = open_writer(self.path, self._schema, self._rows)
        if not self._waiting:
            return
        table = sort_rows(self._waiting, self._schema)
        self._waiting, self._count = [], 0
        self.summary.add(table)
        self._writer.write_table(table, row_group_size=table.num_rows)


class StoreParts:
    """The files that one input makes.

    Args:
        output: whose they are.

    Attributes:
        made: names of the finished files, with the earliest and latest time of any flow.
    """

    def __init__(self, output: StoreOutput) -> None:
        self._output = output
        self._open: OrderedDict[int, _Part] = OrderedDict()
        self.made: dict[str, tuple[int, int]] = {}

    def write(self, batch: FlowBatch) -> None:
        """Add flows, each to the file of its hour."""
        received = batch.columns["time_received_ms"]
        hours = received // HOUR_MS
        if (hours == hours[0]).all():
            self._add(int(received[0]), to_arrow(batch))
            return
        for hour in np.unique(hours).tolist():
            self._add(hour * HOUR_MS, to_arrow(batch.take(hours == hour)))

    def finish(self) -> None:
        """Write and close all files."""
        while self._open:
            self._close(next(iter(self._open)))

    def _add(self, time_ms: int, batch: pa.RecordBatch) -> None:
        hour_ms = slot_start(time_ms, HOUR_MS // 1000)
        part = self._open.get(hour_ms)
        if part is not None and not part.takes(batch):
            self._close(hour_ms)
            part = None
        if part is None:
            if len(self._open) == self._output.limits.open_slots:
                self._close(next(iter(self._open)))
            part = self._open[hour_ms] = self._output.new_part(hour_ms)
        self._open.move_to_end(hour_ms)
        part.add(batch)

    def _close(self, hour_ms: int) -> None:
        part = self._open.pop(hour_ms)
        self.made[part.stem] = part.close()


class StoreOutput(Output):
    """A store, new or not.

    Args:
        final: the directory.
        folder: the work directory.
        limits: rows of a row group, and files that one input has open.
        state: of an earlier run, empty for none.
    """

    def __init__(self, final: Path, folder: Path, limits: Limits, state: dict[str, Any]) -> None:
        self.limits = limits
        self._final, self._folder = final, folder
        self._writer: str = state.get("writer") or new_writer()
        self._number: int = state.get("number", 0)
        self._made: dict[str, list[int]] = dict(state.get("made", {}))
        self._lock = threading.Lock()
        self._current: StoreParts | None = None
        self._remove_unfinished()

    def begin_input(self) -> StoreParts:
        """Room for the files of one input; from any thread."""
        return StoreParts(self)

    def accept(self, parts: StoreParts) -> None:
        """Take over the finished files of an input."""
        self._made |= {stem: list(span) for stem, span in parts.made.items()}

    def new_part(self, hour_ms: int) -> _Part:
        """The next file; from any thread."""
        with self._lock:
            self._number += 1
            name = PartName(hour_ms, self._writer, self._number)
        return _Part(self._path(name.stem), name.stem, hour_ms, self.limits)

    def write(self, batch: FlowBatch) -> None:
        """Add flows to the files of the current input."""
        if self._current is None:
            self._current = self.begin_input()
        self._current.write(batch)

    def checkpoint(self) -> dict[str, Any]:
        """The finished files."""
        if self._current is not None:
            self._current.finish()
            self.accept(self._current)
            self._current = None
        with self._lock:
            return {"writer": self._writer, "number": self._number, "made": dict(self._made)}

    def publish(self, replace: bool) -> None:  # noqa: ARG002 - names are never given twice
        """Put the files into the store."""
        root = self._final
        root.mkdir(mode=0o750, exist_ok=True)
        disk.make_directory(root / LIVE, root)  # the mark of a store
        for stem, (first, last) in sorted(self._made.items()):
            name = parse_stem(stem)
            assert name is not None
            temporary, final = self._path(stem), name.sealed(root)
            if not temporary.exists():
                continue  # in its place since an earlier run
            disk.make_directory(final.parent.parent, root)
            extend_reach(final.parent.parent, name.slot_ms, first, last)
            disk.make_directory(final.parent, root)
            with contextlib.suppress(FileExistsError):  # an earlier run was stopped between link and unlink
                disk.publish(temporary, final)

    def close(self) -> None:
        """Nothing is open between inputs."""

    def lost(self) -> Counts:
        """A store carries everything."""
        return {}

    def _path(self, stem: str) -> Path:
        return self._folder / (stem + SEALED_SUFFIX)

    def _remove_unfinished(self) -> None:
        for path in self._folder.glob(f"*{SEALED_SUFFIX}"):
            if path.name.removesuffix(SEALED_SUFFIX) not in self._made:
                path.unlink()


class ParquetOutput(Output):
    """One Parquet file. It cannot be gone on with: its end holds an index of all of it.

    Args:
        final: its name when it is complete.
        folder: the work directory.
        limits: rows of a row group.
    """

    def __init__(self, final: Path, folder: Path, limits: Limits) -> None:
        self._final, self._path = final, folder / "output"
        # All columns: which ones the last input has is not known before the first row is written.
        self._part = _Part(self._path, "", 0, limits, schema_of(PHYSICAL))

    def write(self, batch: FlowBatch) -> None:
        """Add flows."""
        self._part.add(to_arrow(batch))

    def checkpoint(self) -> dict[str, Any]:
        """Nothing to go on from."""
        return {}

    def publish(self, replace: bool) -> None:
        """End the file and name it."""
        self._part.close()
        name_file(self._path, self._final, replace)

    def close(self) -> None:
        """Leave what is there to be removed."""

    def lost(self) -> Counts:
        """Such a file carries everything."""
        return {}
