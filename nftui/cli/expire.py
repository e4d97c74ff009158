"""`nftui expire`: the oldest flows of a store go, by size, age or free space, with nfexpire's letters."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nftui.cli.diagnostics import say

if TYPE_CHECKING:
    from nftui.engine.store.expire import Holdings, Kept
    from nftui.engine.store.retention import Policy

_LOWEST = 19

EPILOG = """\b
Examples:
  nftui expire -l /var/lib/nftui                      what is there, and when it will be full
  nftui expire -e /var/lib/nftui -s 100G -t 8w        at most 100 GB and eight weeks
  nftui expire -e /var/lib/nftui -s 100G --dry-run    what would go

Without limits on the command line those of the configuration hold (expire_size, expire_age, expire_free and
expire_watermark of [store]), which a collector applies by itself. Only sealed files of the store are removed.
"""


@click.command(epilog=EPILOG)
@click.option("-e", "expired", metavar="DIR", help="Store to expire. [the one of the configuration]")
@click.option("-l", "listed", metavar="DIR", help="Say what the store holds and when it is full; remove nothing.")
@click.option("-s", "--size", metavar="SIZE", help="Most that it may take on disk: 500M, 10G, 2T.")
@click.option("-t", "--age", metavar="AGE", help="Oldest flows that are kept: 4w, 31d, 12H.")
@click.option("-f", "--free", metavar="PERCENT", help="Part of the disk that stays free.")
@click.option("-w", "--watermark", metavar="PERCENT", help="When a limit is passed, go down to this part of it. [95]")
@click.option("-n", "--dry-run", is_flag=True, help="Name the files that would go.")
@click.option("--all", "everything", is_flag=True, help="Allow that nothing is left.")
@click.option("--background", is_flag=True, hidden=True, help="For the collector: lowest priority, result as JSON.")
def expire(
    expired: str | None,
    listed: str | None,
    size: str | None,
    age: str | None,
    free: str | None,
    watermark: str | None,
    dry_run: bool,
    everything: bool,
    background: bool,
) -> int:
    """Remove the oldest flows of a store that is too large, too old, or whose disk is too full."""
    from nftui import config
    from nftui.engine.store.disk import store_error
    from nftui.engine.store.expire import due, holdings, outlives
    from nftui.engine.store.retention import parse_policy
    from nftui.errors import StoreError, UsageError

    if expired and listed:
        raise UsageError("-e and -l exclude each other")
    stored = config.load().store
    typed = size is not None or age is not None or free is not None
    policy = parse_policy(
        (size or "") if typed else stored.expire_size,
        (age or "") if typed else stored.expire_age,
        (free or "") if typed else stored.expire_free,
        watermark or str(stored.expire_watermark),
    )
    place = listed or expired
    root = Path(place) if place else stored.root
    if not root.is_dir():
        raise StoreError(f"no store at {root}")
    if background:
        os.nice(_LOWEST)
    try:
        held = holdings(root)
        if listed:
            sys.stdout.write(_described(held, policy))
            return 0
        if not policy.limited:
            raise UsageError("no limit: give -s, -t or -f, or set one in the configuration")
        going = due(held, policy, time.time_ns() // 1_000_000)
        if dry_run:
            sys.stdout.write("".join(f"{kept.bytes}\t{kept.file.file}\n" for kept in going))
            return 0
        if going and not everything and not outlives(held, going):
            raise StoreError(f"{root}: no flow would be left; is the clock right? --all removes them nevertheless")
        return _remove(root, going, background)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise store_error("expire", root, error) from error


def _remove(root: Path, going: list[Kept], background: bool) -> int:
    from nftui.engine.store.expire import remove
    from nftui.engine.store.layout import COMPACTION_LOCK
    from nftui.engine.store.lock import StoreLock

    lock = StoreLock(root, COMPACTION_LOCK)
    try:
        gone = list(remove(root, going, time.time_ns() // 1_000_000))
    finally:
        lock.release()
    total = sum(kept.bytes for kept in gone)
    if background:
        sys.stdout.write(json.dumps({"files": len(gone), "bytes": total}) + "\n")
    else:
        say(f"{len(gone)} files removed, {_bytes(total)}")
    return 0


def _described(held: Holdings, policy: Policy) -> str:
    from nftui.engine.store.expire import forecast

    ahead = forecast(held, policy)
    lines = []
    if held.files:
        first, last = held.files[0].file.start_ms, held.files[-1].file.name.last_slot_ms
        lines += [
            ("First", _moment(first)),
            ("Last", _moment(last)),
            ("Lifetime", f"{(last - first) / 86_400_000:.1f} days"),
        ]
    lines += [
        ("Files", str(len(held.files))),
        ("Size", _bytes(held.bytes)),
        ("Free on disk", f"{_bytes(held.free_bytes)} ({held.free_bytes * 100 / max(held.disk_bytes, 1):.0f} %)"),
        ("Max size", _bytes(policy.most_bytes) if policy.most_bytes is not None else "<none>"),
        ("Max age", f"{policy.most_age_ms / 86_400_000:g} days" if policy.most_age_ms is not None else "<none>"),
        ("Min free", f"{policy.least_free:.0%}" if policy.least_free is not None else "<none>"),
        ("Watermark", f"{policy.watermark:.0%}"),
        ("Growth", f"{_bytes(int(held.daily_bytes))} a day" if held.daily_bytes else "not known yet"),
        ("Full", f"in {ahead.days_left:.1f} days" if ahead.days_left is not None else "not known yet"),
        ("Will keep", f"{ahead.days_kept:.1f} days" if ahead.days_kept is not None else "not known yet"),
    ]
    return "".join(f"{name + ':':<14}{value}\n" for name, value in lines)


def _moment(time_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_ms / 1000))


def _bytes(size: int) -> str:
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024:
            return f"{value:.1f} {unit}" if unit != "B" else f"{size} B"
        value /= 1024
    return f"{value:.1f} TB"
