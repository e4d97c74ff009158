"""`nftui verify`: check every byte of a store, or of files of other tools."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nftui.cli.diagnostics import say

if TYPE_CHECKING:
    from nftui.engine.archive.formats import ArchiveFormats
    from nftui.engine.store.verify import Verdict

EPILOG = """\b
Examples:
  nftui verify                              the user's store
  nftui verify -l /var/lib/nftui            another one; a collector may be writing it
  nftui verify -l /var/lib/nftui --repair   keep what reads of damaged files, put those into _quarantine
  nftui verify /var/cache/nfdump a.pcap     files of nfdump, flow-tools, captures of exports, Parquet

Exit code 0 if all is sound, 3 if something is damaged; each damaged file has a line on standard output.
"""


@click.command(epilog=EPILOG)
@click.option("-l", "--store", metavar="DIR", help="The store. [the one of the configuration]")
@click.option("--repair", is_flag=True, help="Save the readable flows of damaged files and put the files aside.")
@click.option("-q", "--quiet", is_flag=True, help="No summary on standard error.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
def verify(store: str | None, repair: bool, quiet: bool, paths: tuple[str, ...]) -> int:
    """Check every byte of a store's files, or read all of the files given, and name what is damaged."""
    from nftui import config
    from nftui.engine.store.disk import store_error
    from nftui.engine.store.verify import set_aside, verify_store
    from nftui.errors import PartialAnswer, StoreError, UsageError

    if paths:
        if store or repair:
            raise UsageError("files are only read: -l and --repair are for stores")
        return PartialAnswer.exit_code if _report(_verdicts(paths), quiet) else 0
    root = Path(store) if store else config.load().store.root
    if not root.is_dir():
        raise StoreError(f"no store at {root}")
    try:
        damaged = _report(verify_store(root), quiet)
        if damaged and repair:
            say(f"{_repair(root, damaged)} flow records saved; the damaged files are in {root}/_quarantine")
        elif not quiet and (earlier := set_aside(root)):
            say(f"{len(earlier)} files were put aside earlier, in {root}/_quarantine")
    except BrokenPipeError:
        raise
    except OSError as error:
        raise store_error("verify", root, error) from error
    return PartialAnswer.exit_code if damaged else 0


def _report(verdicts: Iterator[Verdict], quiet: bool) -> list[Path]:
    """Write a line for each damaged file; returns these."""
    from nftui.text import clean

    files = size = readable = 0
    damaged = []
    for verdict in verdicts:
        files += 1
        size += verdict.bytes
        readable += verdict.readable
        if verdict.problems:
            damaged.append(verdict.path)
            of = f" of {verdict.rows}" if verdict.rows else ""
            what = f"{'; '.join(verdict.problems)} ({verdict.readable}{of} flow records can be read)"
            sys.stdout.write(clean(f"{verdict.path}: {what}", 4096) + "\n")
            sys.stdout.flush()
    if not quiet:
        say(f"{files} files, {size} bytes, {readable} flow records can be read, {len(damaged)} files damaged")
    return damaged


def _verdicts(paths: tuple[str, ...]) -> Iterator[Verdict]:
    """Read files, and those below directories, in full; check stores."""
    from nftui.engine.archive.formats import ArchiveFormats
    from nftui.engine.query.sources import is_store
    from nftui.engine.store.verify import Verdict, verify_sealed, verify_store
    from nftui.errors import UsageError

    formats = ArchiveFormats()
    for path in paths:
        if not Path(path).exists():
            raise UsageError(f"{path}: no such file or directory")
        if is_store(path):
            yield from verify_store(Path(path))
            continue
        for name in _below(path, formats) if Path(path).is_dir() else [path]:
            file = Path(name)
            if not formats.recognise(name) and name.endswith(".parquet"):
                yield verify_sealed(file)
                continue
            verdict = Verdict(file, file.stat().st_size)
            try:
                archive = formats.open(name)
                for batch in archive.batches():
                    verdict.readable += len(batch)
                verdict.rows = archive.about.statistics.get("flows", 0)
                verdict.problems = [str(damage) for damage in archive.damage]
                if archive.more_damage:
                    verdict.problems.append(f"and {archive.more_damage} more")
            except OSError as error:
                verdict.problems.append(error.strerror or str(error))
            yield verdict


def _below(folder: str, formats: ArchiveFormats) -> list[str]:
    """Files of flows below a directory: those of other tools, and Parquet."""
    return sorted({*formats.below(folder), *(str(path) for path in Path(folder).rglob("*.parquet"))})


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
