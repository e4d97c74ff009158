"""Flows that pass a filter, or sums of them, as a Parquet file that can be queried itself: `-w`."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator

from nftui.engine.query.aggregate import Aggregation
from nftui.engine.query.query import Query
from nftui.engine.query.session import Session
from nftui.engine.schema import CORE, FIELDS, NON_NULL, Kind
from nftui.errors import DiskFull, PermissionDenied, StoreError

_ROW_GROUP = 262_144


def save_flows(query: Query, session: Session, path: str, aggregation: Aggregation | None, scaled: bool) -> int:
    """Write a Parquet file in the store's columns, sorted by source address.

    Single flows keep the counters of the wire and their sampling rate. Sums of an aggregation have sampling
    applied and no rate any more.

    Returns:
        Number of records written.

    Raises:
        StoreError, DiskFull, PermissionDenied: the file exists or cannot be written; nothing is left behind.
    """
    if os.path.lexists(path):
        raise StoreError(f"{path}: exists; nftui never overwrites a file of flows")
    present = session.present()
    fields = [n for n, item in FIELDS.items() if n in CORE or item.physical[0] in present]
    if aggregation is not None:
        shown = {*CORE, *aggregation.columns} & FIELDS.keys()
        fields = [name for name in FIELDS if name in shown]

    temporary = os.path.join(os.path.dirname(path) or ".", f".{os.path.basename(path)}.{os.getpid()}.tmp")

    def statement(source: str) -> str:
        if aggregation is not None:
            source = aggregation.sql(source, fields, scaled)
        target = temporary.replace("'", "''")
        return (
            f"COPY (SELECT {_columns(fields)} FROM {source} ORDER BY src_addr_hi, src_addr_lo, time_flow_start_ms) "  # noqa: S608
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
        )

    read = aggregation.reads(fields) if aggregation is not None else fields
    try:
        with _named_errors(path):
            # Fail on the directory before the query has run for minutes.
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
        rows = session.all_rows(*query.over(read, statement))
        with _named_errors(path):
            _publish(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    return int(rows[0][0])


def _columns(fields: Iterable[str]) -> str:
    """Select list; fields that decoders always fill must not become null by summing up."""
    out = []
    for name in fields:
        for column in FIELDS[name].physical:
            needs = name in NON_NULL and FIELDS[name].kind in {Kind.INT, Kind.ADDRESS}
            out.append(f"COALESCE({column}, 0) AS {column}" if needs else column)
    return ", ".join(out)


def _publish(temporary: str, path: str) -> None:
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.link(temporary, path)  # unlike rename, never replaces a file
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def _named_errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"{path}: {error.strerror}"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(text) from error
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise PermissionDenied(f"{text}: choose a directory that you may write to") from error
        raise StoreError(text) from error
