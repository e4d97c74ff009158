"""The rows of a view as a file: csv, ndjson, Parquet."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from nftui.engine.query.format_machine import csv_line, json_text
from nftui.engine.query.save import named_errors
from nftui.engine.store.disk import publish
from nftui.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nftui.engine.live.snapshot import ColumnSpec

FORMATS = ("csv", "ndjson", "parquet", "svg")
"""`svg` is a picture of the screen; the others are all rows of the view."""

PORTION = 50_000
"""Rows that are written at a time: what is written is never in memory as a whole."""

_NULL = "-"


class Rows(Protocol):
    """What can be written: rows of the live window, of the past, of a comparison."""

    @property
    def columns(self) -> Sequence[ColumnSpec]:
        """Columns in their order."""

    @property
    def values(self) -> Mapping[str, NDArray[Any] | list[str]]:
        """Values of a column by its name, texts as a list."""

    @property
    def keys(self) -> NDArray[np.uint64]:
        """One key per row."""

    def __len__(self) -> int: ...


Hide = Callable[[str], str]
"""Replaces addresses in a text."""


def write_rows(
    path: str, form: str, parts: Iterable[Rows], hide: Hide, told: Callable[[int], None] | None = None
) -> int:
    """Write all rows, column by column as the screen has them, numbers plain.

    Args:
        path: file that must not exist.
        form: `csv`, `ndjson` or `parquet`.
        parts: the rows, one part after the other; the first one says which columns there are.
        hide: what is done to texts.
        told: called after each portion with the rows that are written so far; what it raises ends the writing.

    Returns:
        How many rows were written.

    Raises:
        StoreError, DiskFull, PermissionDenied: it exists or cannot be written; nothing is left behind.
    """
    found = iter(parts)
    first = next(found)
    columns = [column.name for column in first.columns if column.name in first.values]
    write = {"csv": _write_csv, "ndjson": _write_ndjson, "parquet": _write_parquet}[form]
    with new_file(path) as file:
        return write(file, columns, _tables(chain([first], found), columns, hide, told))


@contextlib.contextmanager
def new_file(path: str) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is complete, and never takes the place of another one.

    Raises:
        StoreError, DiskFull, PermissionDenied: it exists or cannot be written; nothing is left behind.
    """
    final = Path(path).expanduser()
    if os.path.lexists(final):
        raise StoreError(f"{path}: exists; choose another name")
    temporary = final.parent / f".{final.name}.{os.getpid()}.tmp"
    with named_errors(path):
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            publish(temporary, final)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()


@dataclass(frozen=True, slots=True)
class _Table:
    """Plain values by column.

    Attributes:
        types: `int`, `float` or `str` of each column.
        values: its values, None for what flows do not have.
    """

    types: list[type]
    values: list[list[Any]]


def _tables(
    parts: Iterable[Rows], columns: list[str], hide: Hide, told: Callable[[int], None] | None
) -> Iterator[_Table]:
    done = 0
    for part in parts:
        for first in range(0, max(1, len(part)), PORTION):
            yield _table(part, slice(first, first + PORTION), columns, hide)
            done += len(part.keys[first : first + PORTION])
            if told is not None:
                told(done)


def _table(part: Rows, rows: slice, columns: list[str], hide: Hide) -> _Table:
    out = _Table([], [])
    for name in columns:
        values = part.values[name][rows]
        if isinstance(values, list):
            out.types.append(str)
            out.values.append([None if value == _NULL else hide(value) for value in values])
        else:
            out.types.append(float if values.dtype.kind == "f" else int)
            out.values.append([None if value != value else value for value in values.tolist()])  # noqa: PLR0124  NaN
    return out


def _write_csv(file: IO[bytes], columns: list[str], tables: Iterator[_Table]) -> int:
    rows = 0
    file.write((csv_line(columns) + "\n").encode())
    for table in tables:
        lines = [csv_line(row) for row in zip(*table.values, strict=True)]
        file.write("".join(f"{line}\n" for line in lines).encode())
        rows += len(lines)
    return rows


def _write_ndjson(file: IO[bytes], columns: list[str], tables: Iterator[_Table]) -> int:
    rows = 0
    for table in tables:
        lines = [
            json_text({name: value for name, value in zip(columns, row, strict=True) if value is not None})
            for row in zip(*table.values, strict=True)
        ]
        file.write("".join(f"{line}\n" for line in lines).encode())
        rows += len(lines)
    return rows


def _write_parquet(file: IO[bytes], columns: list[str], tables: Iterator[_Table]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 0
    writer: pq.ParquetWriter | None = None
    for table in tables:
        types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
        arrays = [pa.array(values, types[kind]) for kind, values in zip(table.types, table.values, strict=True)]
        part = pa.table(arrays, names=columns)
        if writer is None:
            writer = pq.ParquetWriter(file, part.schema, compression="zstd")
        writer.write_table(part)
        rows += part.num_rows
    if writer is not None:
        writer.close()
    return rows
