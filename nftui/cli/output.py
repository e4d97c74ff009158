"""Answers of `nftui dump` on standard output, in the format that was asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from nftui.cli.interruption import Reach
from nftui.engine.query.flow_session import FlowSession, Interrupted
from nftui.engine.query.format_machine import (
    COLUMNS,
    CsvFlows,
    JsonFlows,
    PipeFlows,
    RawFlows,
    csv_line,
    json_text,
    stored,
)
from nftui.engine.query.format_statistics import rates, record_lines, statistic_lines, statistic_record
from nftui.engine.query.format_text import FORMATS, layout
from nftui.engine.query.orders import Order
from nftui.engine.query.query import Query, Ranking, Sums, Totals
from nftui.engine.query.rendering import LineWriter
from nftui.engine.query.statistics import StatisticRequest
from nftui.engine.query.style import Style
from nftui.errors import UsageError

if TYPE_CHECKING:
    from nftui.engine.query.aggregate import Aggregation
    from nftui.engine.query.distinct import DistinctCounts
    from nftui.engine.query.hiding import Hiding

MACHINE = ("csv", "ndjson", "json", "pipe", "null")
"""Formats that carry data only: no header text, no summary."""


_PORTION = 1 << 16


@dataclass(frozen=True, slots=True)
class Presentation:
    """How answers are written.

    Attributes:
        form: name of a format or `fmt:…`.
        style: numbers, addresses, times.
        quiet: no header and no summary.
        limit: rows at most; None for all.
        aggregation: how flows are summed up before they are listed, if they are.
        hiding: replaces addresses; None leaves them.
    """

    form: str
    style: Style
    quiet: bool
    limit: int | None
    aggregation: Aggregation | None = None
    hiding: Hiding | None = None


def check_format(form: str) -> None:
    """Raise UsageError for an unknown format."""
    from difflib import get_close_matches

    known = [*FORMATS, *MACHINE, "raw"]
    if form not in known and not form.startswith("fmt:"):
        near = get_close_matches(form, known, 1)
        hint = f"; did you mean {near[0]}?" if near else f": use {', '.join(sorted(known))} or fmt:…"
        raise UsageError(f"unknown output format {form!r}{hint}")


class Output:
    """Text to standard output, handed over in large portions and at once to a terminal.

    Args:
        before: called before text is handed over.
    """

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self._before = before
        self._parts: list[str] = []
        self._size = 0
        self._at_once = sys.stdout.isatty()

    def write(self, text: str) -> None:
        """Add one or more lines, without the last line's end."""
        self._parts.append(text)
        self._size += len(text) + 1
        if self._size > _PORTION or self._at_once:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the system."""
        if self._parts:
            self._before()
            sys.stdout.write("\n".join(self._parts) + "\n")
            self._parts.clear()
            self._size = 0
        sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list had in it.

    Attributes:
        totals: of the flows listed.
        complete: these are all that passed; else there are more beyond the limit or the interruption.
        interrupted: the user gave up.
    """

    totals: Totals
    complete: bool
    interrupted: bool


def write_flows(
    query: Query,
    session: FlowSession,
    order: Order | None,
    how: Presentation,
    out: Output,
    reach: Reach | None = None,
    whole: Totals | None = None,
) -> Listed:
    """List flows, single or summed up.

    Args:
        query: which flows.
        session: where they are.
        order: None for the order of reception.
        how: format.
        out: where to.
        reach: what a partial answer is made from.
        whole: what shares of sums refer to; none are shown without it.

    Raises:
        Interrupted: before the first flow of a list that must be complete before it can be ordered.
    """
    writer = _list_writer(session, how, whole)
    header = [writer.header] if writer.header and not how.quiet and how.form != "null" else []
    sums, interrupted = Sums(), False
    try:
        for rows in query.flows(writer.columns, writer.fields, order, how.limit):
            for line in header:
                out.write(line)
            header = []
            lines = writer.lines(how.hiding.rows(writer.columns, rows) if how.hiding else rows)
            if how.form == "json":
                out.write(("," if sums.totals.records else "[\n") + "\n,".join(lines))
            elif how.form != "null":
                out.write("\n".join(lines))
            sums.add(rows)
    except Interrupted:
        if not sums.totals.records and (order or how.aggregation or query.staged):
            raise
        interrupted = True
    for line in header:
        out.write(line)
    if how.form == "json":
        if interrupted or reach:
            out.write(("," if sums.totals.records else "[") + json_text(partial_record(reach)))
        out.write("]" if sums.totals.records or interrupted or reach else "[]")
    elif not sums.totals.records and not how.quiet and how.form not in MACHINE:
        out.write("No matching flows")
    at_limit = how.limit is not None and sums.totals.records >= how.limit
    return Listed(sums.totals, not at_limit and not interrupted, interrupted)


def _list_writer(session: FlowSession, how: Presentation, whole: Totals | None) -> LineWriter:
    aggregation = how.aggregation
    # Sums of an aggregation are scaled already.
    style = how.style if aggregation is None else replace(how.style, scaled=False)
    if how.form == "pipe":
        return PipeFlows(style.scaled)
    if how.form not in {"csv", "ndjson", "json", "raw"}:
        return layout(how.form[4:] if how.form.startswith("fmt:") else FORMATS.get(how.form, FORMATS["line"]), style)
    names = stored(session.present()) if aggregation is None else aggregation.columns
    if how.form == "csv":
        return CsvFlows(COLUMNS if aggregation is None else names, names, style.scaled, _shares(aggregation, whole))
    if how.form in {"ndjson", "json"}:
        return JsonFlows(names, style.scaled, _shares(aggregation, whole))
    return RawFlows(names, style)


def _shares(aggregation: Aggregation | None, whole: Totals | None) -> dict[str, str]:
    """Percentage columns of sums, as SQL."""
    if aggregation is None or whole is None:
        return {}
    sums = {"flows": whole.flows, "packets": whole.packets, "bytes": whole.bytes}
    nothing = "CAST(0 AS DOUBLE)"
    return {
        f"{name}_percent": f"FLOOR(CAST({name} AS DOUBLE) * 100000 / {total} + 0.5) / 1000" if total else nothing
        for name, total in sums.items()
    }


@dataclass(frozen=True, slots=True)
class Table:
    """The answer to one `-s`.

    Attributes:
        request: what was asked for.
        rankings: a ranking for each order, or for each bin.
        distinct: further columns of each.
    """

    request: StatisticRequest
    rankings: list[Ranking]
    distinct: Sequence[Sequence[DistinctCounts]]


def write_statistic(table: Table, how: Presentation, out: Output) -> None:
    """All rankings of one `-s`."""
    titled = None
    rankings = [how.hiding.ranking(ranking) if how.hiding else ranking for ranking in table.rankings]
    for ranking, counts in zip(rankings, table.distinct, strict=True):
        if how.form in {"ndjson", "json", "csv"}:
            _write_machine(table.request, ranking, how, out, counts, titled != ranking.order)
            titled = ranking.order if ranking.groups else titled
            continue
        lines: Iterable[str]
        if table.request.statistic is None:
            lines = record_lines(ranking, how.limit, how.style)
        else:
            lines = statistic_lines(table.request, ranking, how.limit, how.style)
        if counts:
            from nftui.engine.query.distinct import with_distinct

            lines = with_distinct(lines, counts)
        for line in without_header(lines, 2) if how.quiet else lines:
            out.write(line)
        out.write("")


def write_partial(how: Presentation, out: Output, reach: Reach | None) -> None:
    """Mark an answer for programs as partial, in its last line."""
    record = partial_record(reach)
    if how.form == "csv":
        out.write(csv_line(["#partial", *record["partial"].values()]))
    elif how.form in {"ndjson", "json"}:
        out.write(json_text(record))
    elif how.form == "pipe":
        out.write("#partial")


def partial_record(reach: Reach | None) -> dict[str, dict[str, int]]:
    """What marks an answer as partial in JSON: how many files were read, of how many, unless a list was cut off."""
    return {"partial": {"files": reach.files, "of": reach.of} if reach else {}}


def partial_text(reach: Reach | None, cut: bool) -> str:
    """What the summary says about an interrupted answer; empty if it was not."""
    if reach:
        return f"interrupted: from the oldest {reach.files} of {reach.of} files"
    return "interrupted before the end" if cut else ""


def without_header(lines: Iterable[str], header: int) -> Iterator[str]:
    """The lines after the first `header` ones."""
    return islice(lines, header, None)


def _write_machine(
    request: StatisticRequest,
    ranking: Ranking,
    how: Presentation,
    out: Output,
    distinct: Sequence[DistinctCounts],
    titled: bool,
) -> None:
    """Records of a ranking; `titled` says that csv begins with its header."""
    rows = [statistic_record(request, ranking, rank, group) for rank, group in enumerate(ranking.groups, 1)]
    for column in distinct:
        for row, count in zip(rows, column.counts, strict=True):
            row[column.name] = count
    if how.form == "csv":
        if rows and titled and not how.quiet:
            out.write(csv_line(rows[0]))
        for row in rows:
            out.write(csv_line(row.values()))
        return
    for row in rows:
        out.write(json_text({name: value for name, value in row.items() if value is not None}))


def write_summary(
    query: Query, session: FlowSession, totals: Totals, how: Presentation, out: Output, began: float, partial: str = ""
) -> None:
    """Nfdump's closing lines, and the rate over the window that was asked for."""
    style = how.style
    pps, bps, bpp = rates(totals)
    out.write(
        f"Summary: total flows: {style.count(totals.flows)}, total bytes: {style.count(totals.bytes)}, "
        f"total packets: {style.count(totals.packets)}, avg bps: {style.count(bps)}, avg pps: {style.count(pps)}, "
        f"avg bpp: {style.count(bpp)}"
    )
    if totals.first_ms is not None:
        out.write(f"Time window: {style.time(totals.first_ms)} - {style.time(totals.last_ms)}")
    window = query.window
    if window.start_ms is not None or window.end_ms is not None:
        asked = " - ".join(style.time(ms) if ms is not None else "open" for ms in (window.start_ms, window.end_ms))
        rate = ""
        # Of an answer that was cut off, nobody knows what passed in the window.
        if (
            not partial
            and window.start_ms is not None
            and window.end_ms is not None
            and window.end_ms > window.start_ms
        ):
            span = window.end_ms - window.start_ms
            from nftui.engine.query.beyond import find_beyond

            packets, octets = find_beyond(session, query, style.scaled)
            rate = (
                f", over it: {style.count((totals.bytes - octets) * 8000 // span)} bps, "
                f"{style.count((totals.packets - packets) * 1000 // span)} pps"
            )
        out.write(f"Window asked: {asked} ({window.mode.value}){rate}")
    if partial:
        out.write(f"Partial: {partial}")
        return
    all_passed = query.takes_everything and how.aggregation is None
    records, wall = totals.records if all_passed else session.records(), time.perf_counter() - began
    files = session.sources.count
    out.write(
        f"Total flows processed: {records}, passed: {totals.records}, Files: {files}, "
        f"skipped: {len(session.sources.skipped)}"
    )
    out.write(f"Wall: {wall:.4f}s flows/second: {records / max(wall, 1e-9):.1f}")
