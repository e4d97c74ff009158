"""`nftui compact`: finished hours of a store become one file each, with roll-ups."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import click

from nftui.cli.diagnostics import say

_LOWEST = 19

EPILOG = """\b
Examples:
  nftui compact                       the user's store
  nftui compact -l /var/lib/nftui     another one; a collector may be writing it

A collector does this by itself. Flows are in exactly one file at every moment that a query can see. Replaced
files stay in DIR/_tmp for ten minutes, for queries that run; the next compaction removes them.
"""


@click.command(epilog=EPILOG)
@click.option("-l", "--store", metavar="DIR", help="The store. [the user's data directory]")
@click.option("--background", is_flag=True, hidden=True, help="For the collector: lowest priority, ends with it.")
def compact(store: str | None, background: bool) -> int:
    """Join the files of each finished hour into one, sorted, and write its roll-up."""
    from nftui.config import default_store
    from nftui.engine.limits import DEFAULT
    from nftui.engine.store.compact import clear, compact_hour, due_hours
    from nftui.engine.store.disk import store_error
    from nftui.engine.store.layout import COMPACTION_LOCK
    from nftui.engine.store.lock import StoreLock
    from nftui.engine.store.merge import Cancelled
    from nftui.errors import StoreError

    root = Path(store) if store else default_store()
    if not root.is_dir():
        raise StoreError(f"no store at {root}")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    parent = os.getppid()
    if background:
        os.nice(_LOWEST)

    def cancelled() -> bool:
        return stopping.is_set() or (background and os.getppid() != parent)

    lock = StoreLock(root, COMPACTION_LOCK)
    try:
        clear(root)
        for hour_ms in due_hours(root, time.time_ns() // 1_000_000):
            for done in compact_hour(root, hour_ms, DEFAULT, cancelled):
                name = done.path.relative_to(root)
                say(f"{name}: {done.rows} flows, {done.parts} files, {done.bytes_before} -> {done.bytes_after} bytes")
            clear(root)
    except Cancelled:
        return 0 if background else 130
    except OSError as error:
        raise store_error("compact", root, error) from error
    finally:
        lock.release()
    return 0
