"""Tables of `nftui top`: text in columns for people, ndjson and csv for programs."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from nftui.engine.query.format_machine import csv_line, json_text
from nftui.engine.schema import Show
from nftui.text import compact, measured, tcp_flags

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import ColumnSpec, LiveSnapshot

_GAP = "  "
_ADDRESS_WIDTH = 15
_NUMBER_WIDTH = 6


class Writer(Protocol):
    """Turns snapshots into text, one after the other."""

    def table(self, snapshot: LiveSnapshot) -> str:
        """What is written for a snapshot."""
        ...


class TextWriter:
    """A line of sums, a header and a line per row; a blank line after each table.

    Args:
        width: cells of the terminal, for which the last columns are left out; None for any number.
    """

    def __init__(self, width: int | None = None) -> None:
        self._width = width

    def table(self, snapshot: LiveSnapshot) -> str:
        """Columns as wide as what stands in them, addresses never cut."""
        columns = [(spec, _texts(spec, snapshot)) for spec in snapshot.columns]
        lines = [_sums(snapshot)]
        if len(snapshot):
            lines += _aligned(columns, len(snapshot), snapshot.sort, self._width)
        else:
            lines.append("no flows match" if snapshot.total.unfiltered.flows else "no flows yet")
        return "\n".join(line[: self._width] for line in lines) + "\n\n"


class NdjsonWriter:
    """An object per row: `time_ms`, `rank`, and the view's columns with plain numbers."""

    def table(self, snapshot: LiveSnapshot) -> str:
        """One line per row, none for an empty table."""
        return "".join(json_text(record) + "\n" for record in _records(snapshot))


class CsvWriter:
    """The columns of ndjson under one header, which is written with the first row."""

    def __init__(self) -> None:
        self._titled = False

    def table(self, snapshot: LiveSnapshot) -> str:
        """One line per row, none for an empty table."""
        lines = []
        for record in _records(snapshot):
            if not self._titled:
                self._titled = True
                lines.append(csv_line(record))
            lines.append(csv_line(record.values()))
        return "".join(f"{line}\n" for line in lines)


def writer(form: str, width: int | None = None) -> Writer:
    """The writer for `text`, `ndjson` or `csv`; text for a terminal of this width."""
    if form == "text":
        return TextWriter(width)
    return NdjsonWriter() if form == "ndjson" else CsvWriter()


def _records(snapshot: LiveSnapshot) -> list[dict[str, Any]]:
    columns = {spec.name: [_plain(spec, v) for v in snapshot.values[spec.name]] for spec in snapshot.columns}
    return [
        {"time_ms": snapshot.now_ms, "rank": int(snapshot.ranks[row]) + 1}
        | {name: values[row] for name, values in columns.items()}
        for row in range(len(snapshot))
    ]


def _plain(spec: ColumnSpec, value: Any) -> str | int | float | None:
    """A value for programs: numbers that stand for names as numbers, whole numbers without a point."""
    if isinstance(value, str):
        if value == "-":
            return None
        return int(value) if spec.show in {Show.PORT, Show.NUMBER} and value.isdecimal() else value
    number = float(value)
    if math.isnan(number):
        return None
    return int(number) if number == int(number) else round(number, 3)


def _sums(snapshot: LiveSnapshot) -> str:
    """When, over how long, and how much."""
    matched, every = snapshot.total.matched, snapshot.total.unfiltered
    parts = [
        datetime.fromtimestamp(snapshot.now_ms // 1000).astimezone().isoformat(sep=" "),
        f"last {min(snapshot.covered_seconds, snapshot.window_seconds):.0f} s",
        measured(matched.bits_per_second, "bit/s"),
        f"{compact(matched.packets_per_second)} packets/s",
        f"{compact(matched.flows_per_second)} flows/s",
    ]
    if snapshot.request.filter is not None:
        parts.append(f"{matched.flows} of {every.flows} flows")
    parts.append(f"{len(snapshot)} of {snapshot.rows_total} rows")
    return _GAP.join(parts)


def _aligned(columns: list[tuple[ColumnSpec, list[str]]], rows: int, sort: str, room: int | None) -> list[str]:
    lines = [""] * (rows + 1)
    for number, (spec, texts) in enumerate(columns):
        title = f"*{_title(spec)}" if spec.name == sort else _title(spec)
        least = _ADDRESS_WIDTH if spec.show is Show.ADDRESS else 0 if spec.align == "left" else _NUMBER_WIDTH
        width = max(least, len(title), max(map(len, texts), default=0))
        if number and room is not None and max(map(len, lines)) + len(_GAP) + width > room:
            break
        for line, text in enumerate([title, *texts]):
            cell = text.ljust(width) if spec.align == "left" else text.rjust(width)
            lines[line] += (_GAP if number else "") + cell  # blanks at the end keep lines equally long
    return [line.rstrip() for line in lines]


def _title(spec: ColumnSpec) -> str:
    return f"{spec.title} {spec.unit}" if spec.unit in {"bit/s", "%", "s"} else spec.title


def _texts(spec: ColumnSpec, snapshot: LiveSnapshot) -> list[str]:
    return [_text(spec, value) for value in snapshot.values[spec.name]]


def _text(spec: ColumnSpec, value: Any) -> str:
    if isinstance(value, str):
        return value
    number = float(value)
    if math.isnan(number):
        return "-"
    if spec.show is Show.TIME:
        return datetime.fromtimestamp(number / 1000, UTC).astimezone().strftime("%H:%M:%S")
    if spec.show is Show.TCP_FLAGS:
        return tcp_flags(int(number) & 0xFF)
    if spec.unit == "%":
        return f"{number:.1f}"
    return f"{number:.1f}" if spec.unit == "s" else compact(number)
