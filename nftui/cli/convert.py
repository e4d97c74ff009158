"""`nftui convert`: files of flows in one format to another."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nftui.cli.asking import window_options

if TYPE_CHECKING:
    from nftui.engine.convert.conversion import Conversion
    from nftui.engine.convert.inputs import Choice, Outcome
    from nftui.engine.convert.targets import Target
    from nftui.engine.query.sources import Sources

_FORMATS = ("store", "nfdump", "parquet", "csv", "ndjson", "ipfix")
_SHOWN = 20
_INTERRUPTED = 130

_EPILOG = """\b
Examples:
  nftui convert /var/cache/nfdump flows/                 an archive of nfcapd into a store
  nftui convert --resume /var/cache/nfdump flows/        go on where it was stopped
  nftui convert ft-v05.* flows.parquet
  nftui convert -t 2026/10/01 flows/ day.nfdump          for nfdump
  nftui convert --to nfdump flows/ -l nfcapd-files       a file per five minutes, as nfcapd names them
  nftui convert --anonymize key.txt flows/ public.csv

The output appears under its name when it is complete. Until then it lies in `.OUT.converting` beside it.
"""


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-R", "ranges", multiple=True, metavar="PATH", help="More input: DIR/FIRST or DIR/FIRST:LAST.")
@click.option("--to", "form", type=click.Choice(_FORMATS), help="Format. [by the name: .csv .ndjson .ipfix …]")
@click.option("-l", "--directory", metavar="DIR", help="The output is this directory; all names are input.")
@window_options
@click.option("--filter", "text", metavar="FILTER", help="Flows that pass only.")
@click.option("-f", "--filter-file", type=click.Path(), help="Read the filter from a file.")
@click.option("--anonymize", "key", metavar="KEY", help="Replace addresses: file, 64 hex digits or 32 characters.")
@click.option("--resume", is_flag=True, help="Go on with an unfinished conversion.")
@click.option("--force", is_flag=True, help="Replace the output; forget an unfinished conversion.")
@click.option(
    "--compress", type=click.Choice(["lz4", "zstd", "none"]), default="lz4", show_default=True, help="Of nfdump files."
)
@click.option("--all-extensions", is_flag=True, help="nfdump files: also what only nfdump 1.7.8 can read.")
@click.option("--ident", default="nftui", show_default=True, help="nfdump files: name of the collector.")
@click.option("--unscaled", is_flag=True, help="csv, ndjson, filter: counters without the sampling rate.")
@click.option("--utc", is_flag=True, help="Times in UTC.")
@click.option("--zone", metavar="NAME", help="Times in a zone such as Europe/Zurich.")
@click.option("--threads", type=click.IntRange(0), default=0, help="Worker threads; 0 for one per core.")
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
@click.argument("paths", nargs=-1, metavar="IN... OUT")
def convert(
    ranges: tuple[str, ...], form: str | None, directory: str | None, window: str | None, mode: str, text: str | None,
    filter_file: str | None, key: str | None, resume: bool, force: bool, compress: str, all_extensions: bool,
    ident: str, unscaled: bool, utc: bool, zone: str | None, threads: int, quiet: bool, paths: tuple[str, ...],
) -> int:  # fmt: skip
    """Convert files of flows into another format.

    IN is whatever `nftui dump -r` reads: stores, directories, files of nfdump, flow-tools, captures, IPFIX, Parquet.
    OUT is a file, by its suffix, or with a slash at its end a store.
    """
    from nftui.cli.asking import asked_filter, asked_window
    from nftui.cli.diagnostics import say
    from nftui.engine.anonymise import Anonymiser, read_key
    from nftui.engine.archive.formats import ArchiveFormats
    from nftui.engine.convert.inputs import Choice
    from nftui.engine.convert.targets import COMPRESSIONS, Target, format_of
    from nftui.engine.query.sources import find_sources
    from nftui.engine.query.time import zone_of
    from nftui.errors import UsageError

    *names, out = [*paths, directory + "/"] if directory else paths or ("",)
    if not (names or ranges) or not out:
        raise UsageError("give what to convert, and then the output")
    zone_info = zone_of(zone, utc)
    when = asked_window(window, mode, zone_info)
    if when.relative:
        raise UsageError("-t +N and -N stand for times that are known when all is read: give times")
    kind, is_directory = format_of(out, form)
    parsed = asked_filter((text,) if text else (), filter_file, zone_info)
    secret = read_key(key, say) if key is not None else None
    target = Target(
        Path(out), kind, is_directory, COMPRESSIONS[compress], all_extensions, ident, not unscaled,
        secret is not None, zone_info,
    )  # fmt: skip
    target.check(force)
    formats = ArchiveFormats()
    sources = find_sources(list(names), when.start_ms, when.end_ms, formats=formats)
    if ranges:
        more = find_sources(list(ranges), when.start_ms, when.end_ms, ranges=True, formats=formats)
        sources.files += more.files
        sources.foreign += more.foreign
        sources.skipped += more.skipped
        sources.segments += more.segments
    choice = Choice(parsed, when, not unscaled, Anonymiser(secret) if secret is not None else None)
    chosen = (parsed.text, str(when), unscaled, secret)
    return _run(target, sources, choice, chosen, resume, force, threads, quiet)


def _run(
    target: Target,
    sources: Sources,
    choice: Choice,
    chosen: object,
    resume: bool,
    force: bool,
    threads: int,
    quiet: bool,
) -> int:
    from nftui.cli.asking import report_skipped
    from nftui.cli.diagnostics import say
    from nftui.cli.progress import Progress
    from nftui.engine.convert.conversion import Conversion, remove_work
    from nftui.engine.convert.inputs import Cancelled, inputs_of
    from nftui.engine.convert.journal import History, Journal, fingerprint, work_directory
    from nftui.engine.limits import DEFAULT
    from nftui.engine.store.disk import store_error
    from nftui.errors import StoreError, UsageError

    inputs = inputs_of(sources)
    sources.close()
    history = History(target.path, fingerprint(chosen)) if target.form == "store" else None
    if history is not None and not force:
        found = len(inputs)
        inputs = history.without(inputs)
        if len(inputs) < found:
            say(f"nftui: {found - len(inputs)} files are in {target.path} already; --force converts them again")
    folder = work_directory(target.path)
    if resume and target.form == "parquet":
        raise UsageError("one Parquet file cannot be gone on with: convert to a store")
    if folder.exists() and not resume:
        if not force:
            raise StoreError(f"{folder}: an unfinished conversion; --resume goes on with it, --force begins anew")
        remove_work(folder)
    conversion: Conversion | None = None
    try:
        folder.mkdir(mode=0o750, exist_ok=True)
        journal = Journal.load(folder, fingerprint(target, chosen))
        output = target.output(folder, DEFAULT, journal.state)
        conversion = Conversion(inputs, choice, output, journal, threads)
        watched = conversion
        previous = {
            number: signal.signal(number, lambda *_: watched.cancel()) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            with Progress(conversion):
                conversion.run()
                output.publish(force)
                if history is not None:
                    history.add(inputs)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    except Cancelled:
        return _interrupted(folder, journal, len(inputs), resumable=target.form != "parquet")
    except FileExistsError as error:
        raise StoreError(f"{error.filename}: exists; --force replaces it, then with --resume") from error
    except OSError as error:
        raise store_error("convert to", target.path, error) from error
    remove_work(folder)
    if not quiet:
        _summary(target, conversion, len(inputs))
    damaged = [f"{item.path}: {what}" for item, outcome in journal.done.values() for what in outcome.damage]
    for line in damaged[:_SHOWN]:
        say(f"nftui: damaged: {line}")
    if len(damaged) > _SHOWN:
        say(f"nftui: and {len(damaged) - _SHOWN} more")
    return report_skipped(sources) or (3 if damaged else 0)


def _interrupted(folder: Path, journal: object, count: int, resumable: bool) -> int:
    from nftui.cli.diagnostics import say
    from nftui.engine.convert.conversion import remove_work
    from nftui.engine.convert.journal import Journal

    assert isinstance(journal, Journal)
    if resumable and journal.done:
        say(f"nftui: interrupted: {len(journal.done)} of {count} files are converted; --resume goes on")
    else:
        remove_work(folder)
        say("nftui: interrupted: nothing was converted")
    return _INTERRUPTED


def _summary(target: Target, conversion: Conversion, count: int) -> None:
    from nftui.cli.diagnostics import say

    total: Outcome = conversion.total
    earlier = f", {conversion.earlier} of them before" if conversion.earlier else ""
    say(
        f"nftui: {count} file{'s' * (count != 1)}{earlier}: {total.read} flows read, "
        f"{total.written} written to {target.path}, {total.read - total.written} did not pass"
    )
    for name, amount in sorted(total.lost.items()):
        say(f"nftui: {name}: {amount}")
