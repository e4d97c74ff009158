"""Answers of `nftui dump` on standard output, in the format that was asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from nftui.engine.query.format_machine import (
    COLUMNS,
    csv_line,
    group_record,
    json_line,
    pipe_line,
    pipe_selection,
    record,
    selection,
)
from nftui.engine.query.format_statistics import record_lines, statistic_lines
from nftui.engine.query.format_text import FORMATS, Style, layout
from nftui.engine.query.orders import Order
from nftui.engine.query.query import Query, Ranking, Totals
from nftui.engine.query.session import Session
from nftui.engine.query.statistics import StatisticRequest
from nftui.engine.schema import FIELDS
from nftui.errors import UsageError

MACHINE = ("csv", "ndjson", "json", "pipe", "null")
"""Formats that carry data only: no header text, no summary."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """How answers are written.

    Attributes:
        form: name of a format or `fmt:…`.
        style: numbers, addresses, times.
        quiet: no header and no summary.
        limit: rows at most; None for all.
    """

    form: str
    style: Style
    quiet: bool
    limit: int | None


def check_format(form: str) -> None:
    """Raise UsageError for an unknown format."""
    from difflib import get_close_matches

    known = [*FORMATS, *MACHINE, "raw"]
    if form not in known and not form.startswith("fmt:"):
        near = get_close_matches(form, known, 1)
        hint = f"; did you mean {near[0]}?" if near else f": use {', '.join(sorted(known))} or fmt:…"
        raise UsageError(f"unknown output format {form!r}{hint}")


class Output:
    """Buffered lines to standard output."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def line(self, text: str) -> None:
        """Add a line."""
        self._parts.append(text)
        self._size += len(text) + 1
        if self._size > 1 << 16:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the system."""
        if self._parts:
            sys.stdout.write("\n".join(self._parts) + "\n")
            self._parts.clear()
            self._size = 0
        sys.stdout.flush()


class Sums:
    """Totals of listed flows, gathered while they pass by."""

    columns = ("time_flow_start_ms", "time_flow_end_ms", "flows")

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None
        self.flows = self.packets = self.bytes = self.records = 0

    def totals(self) -> Totals:
        """What was gathered."""
        return Totals(self.first, self.last, self.flows, self.packets, self.bytes, self.records)


def write_flows(query: Query, order: Order | None, how: Presentation, out: Output) -> None:
    """List single flows."""
    columns, fields, write, header = _list_format(how)
    if header and not (how.quiet and how.form != "csv"):
        out.line(header)
    is_array, empty = how.form == "json", True
    for portion in query.flows(columns, fields, order, how.limit):
        for row in portion:
            text = write(row)
            out.line(("[" if empty else ",") + text if is_array else text)
            empty = False
    if is_array:
        out.line("[]" if empty else "]")
    if empty and how.form not in MACHINE and not how.quiet:
        out.line("No matching flows")


def _list_format(
    how: Presentation,
) -> tuple[Sequence[str], Sequence[str], Callable[[Sequence[object]], str], str]:
    """Columns to select, fields that they read, writer of a row, header."""
    scaled = how.style.scaled
    if how.form in {"ndjson", "json"}:
        return selection(scaled), list(FIELDS), lambda row: json_line(record(row)), ""
    if how.form == "csv":
        header = "" if how.quiet else csv_line(COLUMNS)
        return selection(scaled), list(FIELDS), _csv_row, header
    if how.form == "pipe":
        from nftui.engine.query.format_machine import PIPE_COLUMNS

        return pipe_selection(scaled), [*PIPE_COLUMNS, "sampling_rate"], pipe_line, ""
    if how.form == "raw":
        from nftui.engine.query.format_raw import raw_text

        return selection(scaled), list(FIELDS), lambda row: raw_text(row, how.style), ""
    ready = layout(how.form[4:] if how.form.startswith("fmt:") else FORMATS[how.form], how.style)
    return ready.columns, ready.fields, ready.write, ready.header


def _csv_row(row: Sequence[object]) -> str:
    values = record(row)
    return csv_line(values.get(name) for name in COLUMNS)


def write_statistic(request: StatisticRequest, rankings: list[Ranking], how: Presentation, out: Output) -> None:
    """All tables of one `-s`."""
    for ranking in rankings:
        if how.form in {"ndjson", "json", "csv"}:
            _write_machine(request, ranking, how, out)
            continue
        lines: Iterable[str]
        if request.statistic is None:
            lines = record_lines(ranking, how.limit, how.style)
        else:
            lines = statistic_lines(request, ranking, how.limit, how.style)
        for line in _without_header(lines) if how.quiet else lines:
            out.line(line)
        out.line("")


def _without_header(lines: Iterable[str]) -> Iterator[str]:
    iterator = iter(lines)
    next(iterator, None)
    next(iterator, None)
    yield from iterator


def _write_machine(request: StatisticRequest, ranking: Ranking, how: Presentation, out: Output) -> None:
    rows = [group_record(request, ranking, rank, group) for rank, group in enumerate(ranking.groups, 1)]
    if how.form == "csv":
        if rows and not how.quiet:
            out.line(csv_line(rows[0]))
        for row in rows:
            out.line(csv_line(row.values()))
        return
    for row in rows:
        out.line(json_line({name: value for name, value in row.items() if value is not None}))


def write_summary(query: Query, session: Session, totals: Totals, how: Presentation, out: Output, began: float) -> None:
    """Nfdump's closing lines, and the rate over the window that was asked for."""
    from nftui.engine.query.format_statistics import rates

    style = how.style
    pps, bps, bpp = rates(totals)
    out.line(
        f"Summary: total flows: {style.count(totals.flows)}, total bytes: {style.count(totals.bytes)}, "
        f"total packets: {style.count(totals.packets)}, avg bps: {style.count(bps)}, avg pps: {style.count(pps)}, "
        f"avg bpp: {style.count(bpp)}"
    )
    if totals.first_ms is not None:
        out.line(f"Time window: {style.time(totals.first_ms)} - {style.time(totals.last_ms)}")
    window = query.window
    if window.start_ms is not None or window.end_ms is not None:
        asked = " - ".join(style.time(ms) if ms is not None else "open" for ms in (window.start_ms, window.end_ms))
        rate = ""
        if window.start_ms is not None and window.end_ms is not None and window.end_ms > window.start_ms:
            span = window.end_ms - window.start_ms
            rate = (
                f", over it: {style.count(totals.bytes * 8000 // span)} bps, "
                f"{style.count(totals.packets * 1000 // span)} pps"
            )
        out.line(f"Window asked: {asked} ({window.mode.value}){rate}")
    records, wall = session.records(), time.perf_counter() - began
    files = len(session.sources.files) + len(session.sources.segments)
    out.line(
        f"Total flows processed: {records}, passed: {totals.records}, Files: {files}, "
        f"skipped: {len(session.sources.skipped)}"
    )
    out.line(f"Wall: {wall:.4f}s flows/second: {records / max(wall, 1e-9):.1f}")
