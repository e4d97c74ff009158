"""Sightings of indicators: as a table for people, and as records for programs. See docs/formats.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nftui import text
from nftui.engine.query.format_machine import Value
from nftui.engine.query.indicators import Entry
from nftui.engine.query.sightings import TIMELINE_BINS, Sighting, Timeline
from nftui.engine.query.style import ABSENT, Style

_LEVELS = "▁▂▃▄▅▆▇█"
_NONE = "·"
_WIDTH = 43
_SHORT = {"source": "src", "destination": "dst", "both": "both"}
_TIME = 19


@dataclass(frozen=True, slots=True)
class Row:
    """An indicator of a list and what was seen of it.

    Attributes:
        entry: the indicator.
        sighting: None if it was not seen.
    """

    entry: Entry
    sighting: Sighting | None


def sparkline(values: Sequence[int]) -> str:
    """One character per value, a dot for zero, the full block for the largest."""
    most = max(values, default=0)
    return "".join(_LEVELS[(value * len(_LEVELS) - 1) // most] if value else _NONE for value in values)


def table_lines(rows: Sequence[Row], timeline: Timeline | None, style: Style, header: bool = True) -> Iterator[str]:
    """Header and two lines per indicator that was seen, one per indicator that was not."""
    width = min(_WIDTH, max([len(row.entry.indicator.text) for row in rows] + [len("Indicator")]))
    if header:
        yield (
            f"{'Indicator':{width}} {'As':4} {'First seen':{_TIME}} {'Last seen':{_TIME}} {'Flows':>8} {'Packets':>8} "
            f"{'Bytes':>8} {'Peers':>7} {'Timeline':{TIMELINE_BINS}} Label"
        )
    for row in rows:
        yield _first_line(row, width, style).rstrip()
        if row.sighting is not None:
            yield "  " + _second_line(row.sighting, style)
    if timeline is not None and header:
        step = text.duration(timeline.step_ms)
        yield f"Timeline from {style.time(timeline.start_ms)}: flows by their start, {step} each"


def _first_line(row: Row, width: int, style: Style) -> str:
    name, label, seen = row.entry.indicator.text, row.entry.label, row.sighting
    if seen is None:
        return f"{name:{width}} {ABSENT:4} {'not seen':{_TIME}} {'':{_TIME}} {'':34} {'':{TIMELINE_BINS}} {label}"
    return (
        f"{name:{width}} {_SHORT[seen.direction]:4} {style.time(seen.first_ms)[:_TIME]} "
        f"{style.time(seen.last_ms)[:_TIME]} {style.count(seen.flows):>8} {style.count(seen.packets):>8} "
        f"{style.count(seen.bytes):>8} {style.count(seen.peers):>7} {sparkline(seen.timeline)} {label}"
    )


def _second_line(seen: Sighting, style: Style) -> str:
    peers = ", ".join(
        f"{style.address(peer.address)} ({style.count(peer.flows)} flows, {style.count(peer.bytes)} bytes)"
        for peer in seen.top_peers
    )
    more = f" and {seen.peers - len(seen.top_peers)} more" if seen.peers > len(seen.top_peers) else ""
    return f"peers: {peers}{more}; exporters: {', '.join(map(style.address, seen.exporters)) or ABSENT}"


def sighting_record(row: Row, timeline: Timeline | None) -> dict[str, object]:
    """One indicator for programs; without a sighting, only what the list says."""
    entry, seen = row.entry, row.sighting
    head: dict[str, object] = {
        "indicator": entry.indicator.text, "kind": entry.indicator.kind.value, "label": entry.label,
        "file": text.clean(entry.file), "line": entry.line, "seen": seen is not None,
    }  # fmt: skip
    if seen is None:
        return head
    assert timeline is not None
    peers = [
        {"addr": None if peer.address is None else text.address(peer.address), "flows": peer.flows, "bytes": peer.bytes}
        for peer in seen.top_peers
    ]
    return {
        **head,
        "direction": seen.direction,
        "time_flow_start_ms": seen.first_ms, "time_flow_end_ms": seen.last_ms,
        "records": seen.records, "flows": seen.flows, "flows_as_source": seen.flows_as_source,
        "flows_as_destination": seen.flows_as_destination, "packets": seen.packets, "bytes": seen.bytes,
        "peers": seen.peers, "top_peers": peers, "exporters": [text.address(value) for value in seen.exporters],
        "timeline_start_ms": timeline.start_ms, "timeline_step_ms": timeline.step_ms, "timeline": seen.timeline,
    }  # fmt: skip


CSV_COLUMNS = (
    "indicator", "kind", "label", "file", "line", "seen", "direction", "time_flow_start_ms", "time_flow_end_ms",
    "records", "flows", "flows_as_source", "flows_as_destination", "packets", "bytes", "peers", "top_peers",
    "exporters", "timeline_start_ms", "timeline_step_ms", "timeline",
)  # fmt: skip
"""Columns of the csv form: the keys of a record; lists are separated by blanks, `seen` is 1 or 0."""


def sighting_cells(row: Row, timeline: Timeline | None) -> list[Value]:
    """Cells of `CSV_COLUMNS`."""
    record = sighting_record(row, timeline)
    return [_cell(record.get(name)) for name in CSV_COLUMNS]


def _cell(value: object) -> Value:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        return " ".join(str((item["addr"] or ABSENT) if isinstance(item, dict) else item) for item in value)
    assert value is None or isinstance(value, int | str)
    return value
