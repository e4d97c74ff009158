"""Flows that pass a filter, or sums of them, as a file or store that can be queried itself: `-w`."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from nftui.engine.limits import DEFAULT
from nftui.engine.query.aggregate import Aggregation
from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.query import Query
from nftui.engine.schema import CORE, FIELDS, NON_NULL, Kind
from nftui.errors import DiskFull, PermissionDenied, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

_HOUR = "hour_ms"


def save_flows(query: Query, session: FlowSession, path: str, aggregation: Aggregation | None, scaled: bool) -> int:
    """Write a Parquet file or, if the path ends with a slash or is an empty directory, a store.

    Single flows keep the counters of the wire and their sampling rate. Sums of an aggregation have sampling
    applied and no rate any more. The result appears under its name when it is complete.

    Returns:
        Number of records written.

    Raises:
        StoreError, DiskFull, PermissionDenied: it exists or cannot be written; nothing is left behind.
    """
    from nftui.engine.store.arrow import schema_of
    from nftui.engine.store.extract import hour_sql, write_file, write_store

    is_store = path.endswith("/") or os.path.isdir(path)
    final = Path(path)
    if os.path.lexists(final) and not (is_store and _is_empty(final)):
        raise StoreError(f"{path}: exists; nftui never overwrites flows")
    present = session.present()
    fields = [n for n, item in FIELDS.items() if n in CORE or item.physical[0] in present]
    if aggregation is not None:
        shown = {*CORE, *aggregation.columns} & FIELDS.keys()
        fields = [name for name in FIELDS if name in shown]
    schema = schema_of(column for name in fields for column in FIELDS[name].physical)
    by = [hour_sql("time_received_ms")] if is_store else []
    order = ", ".join([*by, "src_addr_hi", "src_addr_lo", "time_flow_start_ms"])

    def statement(source: str) -> str:
        if aggregation is not None:
            source = aggregation.sql(source, fields, scaled)
        hour = f", {by[0]} AS {_HOUR}" if by else ""
        return f"SELECT {_columns(fields)}{hour} FROM {source} ORDER BY {order}"  # noqa: S608

    read = aggregation.reads(fields) if aggregation is not None else fields
    temporary = final.parent / f".{final.name}.{os.getpid()}.tmp"
    with named_errors(path), _removed(temporary):
        # Fail on the directory before the query has run for minutes.
        if is_store:
            temporary.mkdir(0o750)
        else:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
        batches = session.batches(*query.over(read, statement))
        if is_store:
            rows = write_store(_by_hour(batches), temporary, schema, DEFAULT)
        else:
            rows = write_file(batches, temporary, schema, DEFAULT)
        _publish(temporary, final, is_store)
    return rows


def _is_empty(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return not any(path.iterdir())
    return False


def _by_hour(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """Rows in order of their hours, cut where the hour changes."""
    for hour, parts in groupby(_cut(batches), lambda part: part[0]):
        yield hour, (batch for _, batch in parts)


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    import numpy as np

    for batch in batches:
        hours = batch.column(_HOUR).to_numpy()
        edges = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(hours)]
        for start, stop in pairwise(edges):
            if stop > start:
                yield int(hours[start]), batch.slice(start, stop - start)


def _columns(fields: Iterable[str]) -> str:
    """Select list; fields that decoders always fill must not become null by summing up."""
    out = []
    for name in fields:
        for column in FIELDS[name].physical:
            needs = name in NON_NULL and FIELDS[name].kind in {Kind.INT, Kind.ADDRESS}
            out.append(f"COALESCE({column}, 0) AS {column}" if needs else column)
    return ", ".join(out)


def _publish(temporary: Path, final: Path, is_store: bool) -> None:
    """Give the finished result its name, without ever replacing anything but an empty directory."""
    from nftui.engine.store import disk

    if not is_store:
        disk.publish(temporary, final)
        return
    os.rename(temporary, final)  # fails unless the name is free or an empty directory
    disk.sync_directory(final.parent)


@contextlib.contextmanager
def _removed(temporary: Path) -> Iterator[None]:
    """Leave nothing behind."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if temporary.is_dir():
                shutil.rmtree(temporary)
            else:
                temporary.unlink()


@contextlib.contextmanager
def named_errors(path: str) -> Iterator[None]:
    """Errors of the operating system as ours, with the path: DiskFull, PermissionDenied, StoreError."""
    try:
        yield
    except OSError as error:
        text = f"{path}: {error.strerror or error}"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(text) from error
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise PermissionDenied(f"{text}: choose a directory that you may write to") from error
        raise StoreError(text) from error
