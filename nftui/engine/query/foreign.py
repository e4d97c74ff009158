"""Files of other tools in a query: read as streams while the query runs, decoded by several threads, never imported.

This package does not know the formats. Whoever asks gives the means to open files, see `Formats`.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from nftui.engine.schema import FIELDS

if TYPE_CHECKING:
    import pyarrow as pa

    from nftui.engine.batch import FlowBatch

_AHEAD = 3
"""Pieces of a file per thread that are decoded before they are asked for: a few megabytes each."""


class ForeignFile(Protocol):
    """A file that was opened; `nftui.engine.archive.archive.Archive` is one, and says what the members are."""

    @property
    def trouble(self) -> str:
        """What could not be read the last time, in words; empty if nothing."""

    def begin(self) -> None:
        """Start over."""

    def pieces(self, fields: Collection[str] | None) -> Iterator[Callable[[], Any]]:
        """The file in pieces, in order; each call decodes one."""

    def settle(self, piece: Any) -> FlowBatch | None:
        """Flows of a piece, in the order of the pieces."""

    def end(self, flows: int) -> None:
        """All pieces were settled; so much is the sum of their field `flows`."""


class Formats(Protocol):
    """What opens files of other tools; `nftui.engine.archive.formats` is one."""

    def recognise(self, path: str) -> bool:
        """Whether a file is of a known format."""

    def below(self, folder: str) -> list[str]:
        """Such files below a directory, in order of their names."""

    def may_hold(self, path: str, start_ms: int | None, end_ms: int | None) -> bool:
        """Whether a file may hold flows of a window, as far as its name and its statistics tell."""

    def open(self, path: str) -> ForeignFile:
        """Open a file. Raises OSError."""


class ForeignFlows:
    """The flows of such files as tables of a connection.

    Args:
        formats: opens them.
        paths: the files.
        skipped: what cannot be read is added, as path and reason.
        threads: that decode; 0 for one per core.
    """

    def __init__(self, formats: Formats, paths: Sequence[str], skipped: list[tuple[str, str]], threads: int) -> None:
        self._formats = formats
        self._paths = paths
        self._skipped = skipped
        self._threads = threads or os.cpu_count() or 1
        self._records: dict[str, int] = {}
        self._names: dict[tuple[str, ...], str] = {}

    def table(self, connection: Any, fields: Sequence[str]) -> str:
        """Name of a table with the columns of these fields over all files.

        Args:
            connection: of DuckDB; knows the table from now on.
            fields: registry fields.
        """
        key = tuple(name for name in FIELDS if name in set(fields))
        if key not in self._names:
            self._names[key] = f"foreign_flows_{len(self._names) + 1}"
            connection.register(self._names[key], _Stream(self, key))
        return self._names[key]

    def records(self) -> int:
        """Flows in all files; those that were not read to the end yet are read now."""
        for path in self._paths:
            if path not in self._records:
                for _ in self._batches_of(path, ("flows",), None):
                    pass
        return sum(self._records.values())

    def batches(self, fields: Collection[str]) -> Iterator[FlowBatch]:
        """All flows, file by file."""
        with ThreadPoolExecutor(self._threads, "decode") as pool:
            for path in self._paths:
                yield from self._batches_of(path, fields, pool)

    def _batches_of(self, path: str, fields: Collection[str], pool: ThreadPoolExecutor | None) -> Iterator[FlowBatch]:
        try:
            file = self._formats.open(path)
        except OSError as error:
            self._records[path] = 0
            self._skip(path, (error.strerror or str(error)).lower())
            return
        file.begin()
        count = flows = 0
        try:
            for piece in _decoded(file.pieces(fields), pool, self._threads * _AHEAD):
                batch = file.settle(piece)
                if batch is not None and len(batch):
                    count += len(batch)
                    flows += int(batch.columns["flows"].sum()) if "flows" in batch.columns else 0
                    yield batch
            self._records[path] = count
            if "flows" in fields:
                file.end(flows)
        finally:
            if file.trouble:
                self._skip(path, f"read in part, {file.trouble}")

    def _skip(self, path: str, reason: str) -> None:
        """Name a file once, however often it is read."""
        if all(path != other for other, _ in self._skipped):
            self._skipped.append((path, reason))


class _Stream:
    """The flows as a stream of Arrow batches, a new one each time that a statement reads it."""

    def __init__(self, flows: ForeignFlows, fields: tuple[str, ...]) -> None:
        from nftui.engine.store.arrow import schema_of

        self._flows = flows
        self._fields = fields
        self._schema = schema_of(column for name in fields for column in FIELDS[name].physical)

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        import pyarrow as pa

        reader: Any = pa.RecordBatchReader.from_batches(self._schema, self._batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        from nftui.engine.store.arrow import to_arrow
        from nftui.engine.store.segment import widen

        for batch in self._flows.batches(self._fields):
            yield widen(to_arrow(batch), self._schema)


def _decoded(pieces: Iterator[Callable[[], Any]], pool: ThreadPoolExecutor | None, ahead: int) -> Iterator[Any]:
    """What the pieces hold, in order; with a pool, some are decoded ahead."""
    if pool is None:
        for piece in pieces:
            yield piece()
        return
    waiting: deque[Future[Any]] = deque()
    try:
        for piece in pieces:
            waiting.append(pool.submit(piece))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
