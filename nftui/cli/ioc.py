"""`nftui ioc`: look for lists of bad addresses, networks and ports in all flows that are stored."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

import click

from nftui.cli.asking import answer_options, lake_options, source_options, window_options
from nftui.cli.diagnostics import say
from nftui.cli.progress import Progress
from nftui.engine.limits import DEFAULT
from nftui.errors import UsageError

if TYPE_CHECKING:
    from nftui.engine.query.format_sightings import Row
    from nftui.engine.query.indicators import IndicatorList
    from nftui.engine.query.sightings import Sightings
    from nftui.engine.query.style import Style

_EPILOG = """\b
Examples:
  nftui ioc bad-hosts.txt                       against everything in the default store
  nftui ioc -t -1d feed.csv ports.txt           the last day, two lists
  nftui ioc -r /var/lib/nftui -o ndjson --all - < list
  nftui ioc --lake s3://flows/lake --site zurich list.txt
  nftui ioc -q list.txt || mail -s seen root    from cron: exit code 1 says that something was seen

\b
Exit codes: 0 nothing seen, 1 something seen, 2 no usable indicator or wrong options,
3 nothing seen but files of the store could not be read, 130 partial because of Ctrl-C.
"""

_SEEN = 1
_SHOWN_BAD = 20
_FORMS = ("table", "ndjson", "csv")


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@source_options
@lake_options
@window_options
@click.option("--filter", "filter_text", default="", metavar="FILTER", help="Look only at flows that pass.")
@click.option("-o", "--output", "form", type=click.Choice(_FORMS), default="table", show_default=True, help="Format.")
@click.option("-n", "--top", "top", type=click.IntRange(0), default=0, help="Rows; 0 for all, the default.")
@click.option("--all", "unseen", is_flag=True, help="Show indicators that were not seen, too.")
@answer_options
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def ioc(
    read: tuple[str, ...], ranges: tuple[str, ...], many: str | None, lake: str | None, sites: tuple[str, ...],
    window: str | None, mode: str, filter_text: str, form: str, top: int, unseen: bool, plain: bool, full_ipv6: bool,
    quiet: bool, unscaled: bool, config: str | None, utc: bool, zone: str | None, memory: str, threads: int,
    files: tuple[str, ...],
) -> int:  # fmt: skip
    """Look for addresses, networks, ports and address:port pairs of lists (- is standard input).

    For each that was seen: first and last time, direction, peers, flows, packets, bytes, exporters and a timeline,
    most recent first.
    """
    from nftui.cli.asking import asked_filter, asked_origin, asked_window, report_skipped
    from nftui.cli.interruption import Interruption
    from nftui.engine.query.query import Query
    from nftui.engine.query.session import Interrupted, Session
    from nftui.engine.query.sightings import find_sightings
    from nftui.engine.query.style import Style
    from nftui.engine.query.time import zone_of

    began = time.perf_counter()
    zone_info = zone_of(zone, utc)
    parsed = asked_filter((filter_text,), None, zone_info, config)
    asked = asked_window(window, mode, zone_info)
    wanted = _read_lists(files)
    sources = asked_origin(read, ranges, many, lake, sites).sources(asked)
    session = Session(sources, memory, threads)
    with closing(session), Progress(session) as progress, Interruption(session, progress.clear) as interruption:
        query = Query(session, parsed, asked, not unscaled)
        indicators = [entry.indicator for entry in wanted.entries]
        found = interruption.answer(lambda: find_sightings(session, query, indicators, not unscaled))
        progress.end()
        style = Style(plain, full_ipv6, zone_info, not unscaled)
        _write(_rows(wanted, found, unseen, top), found, form, style, quiet)
        if form == "table" and not quiet:
            _write_summary(wanted, found, session.records(), time.perf_counter() - began)
    skipped = report_skipped(sources)
    if interruption.reach:
        say("nftui: interrupted: the answer is partial")
        return Interrupted.exit_code
    return _SEEN if found.found else skipped


def _read_lists(files: tuple[str, ...]) -> IndicatorList:
    """All lists; lines that cannot be used are named. Raises UsageError if none can."""
    from nftui.engine.query.indicators import IndicatorList

    wanted = IndicatorList()
    for name in files:
        if name == "-":
            wanted.add("standard input", _lines(sys.stdin.buffer))
            continue
        try:
            with open(name, "rb") as file:
                wanted.add(name, _lines(file))
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror}") from error
    for bad in wanted.bad[:_SHOWN_BAD]:
        say(f"nftui: {bad.file}, line {bad.line}: {bad.reason}")
    if len(wanted.bad) > _SHOWN_BAD:
        say(f"nftui: and {len(wanted.bad) - _SHOWN_BAD} more")
    if wanted.bad:
        say(f"nftui: {len(wanted.bad)} lines are not used, {len(wanted.entries)} indicators are")
    if not wanted.entries:
        raise UsageError(f"no indicator in {', '.join(files)}: one address, network or port per line, or csv")
    return wanted


def _lines(file: BinaryIO) -> Iterator[str]:
    """Lines of a list, cut behind the longest that is allowed; what is not UTF-8 is replaced."""
    most = DEFAULT.indicator_line_characters + 1
    begins = True
    while line := file.readline(4 * most):
        if begins:
            yield line.decode("utf-8", "replace")
        begins = line.endswith(b"\n")


def _rows(wanted: IndicatorList, found: Sightings, unseen: bool, top: int) -> list[Row]:
    """What is shown: most recent first, then what was not seen in the order of the lists."""
    from nftui.engine.query.format_sightings import Row

    rows = [Row(entry, found.found.get(number)) for number, entry in enumerate(wanted.entries)]
    seen = sorted((row for row in rows if row.sighting), key=lambda row: -row.sighting.last_ms if row.sighting else 0)
    shown = [*seen, *(row for row in rows if unseen and not row.sighting)]
    return shown[:top] if top else shown


def _write(rows: list[Row], found: Sightings, form: str, style: Style, quiet: bool) -> None:
    from nftui.cli.output import Output
    from nftui.engine.query.format_machine import csv_line, json_text
    from nftui.engine.query.format_sightings import CSV_COLUMNS, sighting_cells, sighting_record, table_lines

    out = Output()
    if form == "ndjson":
        for row in rows:
            out.write(json_text(sighting_record(row, found.timeline)))
    elif form == "csv":
        if not quiet:
            out.write(csv_line(CSV_COLUMNS))
        for row in rows:
            out.write(csv_line(sighting_cells(row, found.timeline)))
    elif rows:
        for line in table_lines(rows, found.timeline, style, not quiet):
            out.write(line)
    out.flush()


def _write_summary(wanted: IndicatorList, found: Sightings, records: int, seconds: float) -> None:
    sys.stdout.write(
        f"Indicators: {len(wanted.entries)}, seen: {len(found.found)}, repeated: {wanted.repeated}, "
        f"lines not used: {len(wanted.bad)}\nTotal flows processed: {records}, Wall: {seconds:.4f}s\n"
    )
