"""DuckDB, as cheap to begin with as it can be had.

The package `duckdb` wraps its extension module `_duckdb` in relations and expressions of Python, which take as long to
import as all of nftui. SQL text and rows need the extension alone. What exchanges Arrow data needs the package:
`with_arrow` loads it.

A database instance registers thousands of functions when it starts; a process that asks often keeps the one it has.
It holds no data: each question's tables end with its connection, and only what the ends of Parquet files say is
remembered, until the files change.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from nftui.engine.query.flow_session import Interrupted
from nftui.engine.query.spill import remove_at_end, spill_directory
from nftui.errors import NftuiError, UsageError, first_line

try:
    import _duckdb as duckdb
except ImportError:  # the extension's name is not promised
    import duckdb  # type: ignore[no-redef]

__all__ = ["SCREEN_MEMORY", "connect", "duckdb", "named_errors", "with_arrow"]

_SETTINGS = {
    "preserve_insertion_order": "false",
    "parquet_metadata_cache": "true",
    # The kernel's page cache has the files already.
    "enable_external_file_cache": "false",
}

_LONG_LIVED = {
    "allocator_bulk_deallocation_flush_threshold": "1MB",
    "allocator_flush_threshold": "1MB",
}
"""Memory goes back to the system after each task: 20 MB of 80 less after some questions of a screen."""

SCREEN_MEMORY = "128MB"
"""Limit of whatever a screen asks: with another one there would be another instance in its process."""

_instances: dict[tuple[int, str, int], duckdb.DuckDBPyConnection] = {}
_lock = threading.Lock()


def connect(memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    """A connection of its own to the process's instance with these limits.

    Args:
        memory: limit of all questions together as DuckDB writes it, such as `2GB`; the usual one if empty.
        threads: worker threads; 0 for one per core.

    Raises:
        UsageError: no such limit.
    """
    with _lock:
        key = (os.getpid(), memory, threads)
        instance = _instances.get(key)
        if instance is None:
            instance = _instances[key] = _start(memory, threads)
        return instance.cursor()


def spare_memory(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep little memory between questions, for a process that asks seldom and lives long."""
    for name, value in _LONG_LIVED.items():
        with contextlib.suppress(duckdb.Error):  # not every build has an allocator of its own
            connection.execute(f"SET GLOBAL {name} = '{value}'")


@contextlib.contextmanager
def named_errors() -> Iterator[None]:
    """Turn DuckDB's errors into those that are told to a user.

    A question that is cancelled raises wherever it is, also where it only prepares a statement.

    Raises:
        Interrupted: the connection was interrupted.
        NftuiError: any other error of DuckDB.
    """
    try:
        yield
    except duckdb.InterruptException:
        raise Interrupted("interrupted") from None
    except duckdb.Error as error:
        raise NftuiError(f"query failed: {first_line(error)}") from error


def with_arrow() -> None:
    """Make connections able to read and to give Arrow tables."""
    import duckdb  # noqa: F401


def _start(memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    instance = duckdb.connect()
    spilled = spill_directory()
    # Made now: an empty directory above it is removed by the next process of this user that ends.
    with contextlib.suppress(OSError):
        os.mkdir(spilled, 0o700)
    remove_at_end(spilled)
    settings = {
        **_SETTINGS,
        "memory_limit": memory or f"{_usual_memory()}MB",
        "temp_directory": spilled,
    }
    if threads:
        settings["threads"] = str(threads)
    for name, value in settings.items():
        try:
            instance.execute(f"SET {name} = '{value}'")
        except duckdb.Error as error:
            instance.close()
            raise UsageError(f"{name.replace('_', ' ')} {value!r}: {error}") from error
    return instance


def _usual_memory() -> int:
    """Megabytes: half of the machine's memory, at most 500 MB."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1_000_000
    return max(256, min(500, pages // 2))
