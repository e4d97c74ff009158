"""`nftui verify`: check every byte of a store."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nftui.cli.diagnostics import say

EPILOG = """\b
Examples:
  nftui verify                              the user's store
  nftui verify -l /var/lib/nftui            another one; a collector may be writing it
  nftui verify -l /var/lib/nftui --repair   keep what reads of damaged files, put those into _quarantine

Exit code 0 if all is sound, 3 if something is damaged; each damaged file has a line on standard output.
"""


@click.command(epilog=EPILOG)
@click.option("-l", "--store", metavar="DIR", help="The store. [the one of the configuration]")
@click.option("--repair", is_flag=True, help="Save the readable flows of damaged files and put the files aside.")
@click.option("-q", "--quiet", is_flag=True, help="No summary on standard error.")
def verify(store: str | None, repair: bool, quiet: bool) -> int:
    """Check every byte of a store's files, and name what is damaged."""
    from nftui import config
    from nftui.engine.store.disk import store_error
    from nftui.engine.store.verify import set_aside, verify_store
    from nftui.errors import PartialAnswer, StoreError
    from nftui.text import clean

    root = Path(store) if store else config.load().store.root
    if not root.is_dir():
        raise StoreError(f"no store at {root}")
    files = size = rows = readable = 0
    damaged = []
    try:
        for verdict in verify_store(root):
            files += 1
            size += verdict.bytes
            rows += verdict.rows
            readable += verdict.readable
            if verdict.problems:
                damaged.append(verdict.path)
                what = "; ".join(verdict.problems)
                left = f" ({verdict.readable} of {verdict.rows} flows can be read)" if verdict.rows else ""
                sys.stdout.write(clean(f"{verdict.path}: {what}{left}", 4096) + "\n")
                sys.stdout.flush()
        saved = _repair(root, damaged) if repair and damaged else None
    except OSError as error:
        raise store_error("verify", root, error) from error
    if not quiet:
        say(f"{files} files, {size} bytes, {readable} of {rows} flow records can be read, {len(damaged)} files damaged")
        if saved is not None:
            say(f"{saved} flow records saved; the damaged files are in {root}/_quarantine")
        earlier = set_aside(root)
        if earlier and saved is None:
            say(f"{len(earlier)} files were put aside earlier, in {root}/_quarantine")
    return PartialAnswer.exit_code if damaged else 0


def _repair(root: Path, damaged: list[Path]) -> int:
    from nftui.engine.limits import DEFAULT
    from nftui.engine.store.catalog import Catalog
    from nftui.engine.store.layout import COMPACTION_LOCK
    from nftui.engine.store.lock import StoreLock
    from nftui.engine.store.quarantine import quarantine
    from nftui.engine.store.verify import salvage

    lock = StoreLock(root, COMPACTION_LOCK)
    try:
        files = {file.path: file for file in Catalog(root).slots()}
        rollups = {Path(file.rollup_file) for file in files.values() if file.rollup_file is not None}
        saved = 0
        for path in damaged:
            if path in files:
                saved += salvage(root, files[path], DEFAULT)
            elif path in rollups and path.exists():
                quarantine(root, path)
    finally:
        lock.release()
    return saved
