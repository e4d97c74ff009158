"""Time series: as a table for people, and as records for programs. See docs/formats.md."""

from __future__ import annotations

from collections.abc import Iterator

from nftui import text
from nftui.engine.query.format_machine import Value, plain
from nftui.engine.query.series import MEASURES, Amounts, Line, Series, spread
from nftui.engine.query.style import Style, field_text, protocol
from nftui.engine.schema import FIELDS, Show


def series_lines(series: Series, style: Style) -> Iterator[str]:
    """Header and one line per bin and series."""
    title, width = _key_column(series, style)
    yield f"{'Date':23}{title} {'Flows':>8} {'Packets':>8} {'Bytes':>8} {'pps':>8} {'bps':>8}"
    for place in range(series.count):
        moment = style.time(_start(series, place))
        for line in series.lines:
            amounts = line.at(place)
            pps, bps = _rates(amounts, series.request.step_ms)
            name = f" {_name(series, line, style):>{width}}" if width else ""
            yield (
                f"{moment}{name} {style.count(amounts.flows):>8} {style.count(amounts.packets):>8} "
                f"{style.count(amounts.bytes):>8} {style.count(pps):>8} {style.count(bps):>8}"
            )


def series_summary(series: Series, style: Style) -> Iterator[str]:
    """Minimum, average, maximum and 95th percentile of each series, and what lies outside of the window."""
    title, width = _key_column(series, style)
    yield ""
    yield (
        f"Per {text.duration(series.request.step_ms)}, {series.count} bins\n"
        f"{'':8}{title} {'min':>10} {'avg':>10} {'max':>10} {'95th':>10} {'total':>10}"
    )
    for line in series.lines:
        name = f" {_name(series, line, style):>{width}}" if width else ""
        for index, measure in enumerate(MEASURES):
            found = spread(line, series.count, index)
            average = style.count(found.average) if found.average >= 1_000_000 else f"{found.average:.1f}"
            cells = (style.count(found.least), average, *map(style.count, (found.most, found.high, found.total)))
            yield f"{measure:8}{name} " + " ".join(f"{cell:>10}" for cell in cells)
    if any(series.outside):
        yield (
            f"Outside of the window: {style.count(series.outside.flows)} flows that started before it, "
            f"{style.count(series.outside.packets)} packets, {style.count(series.outside.bytes)} bytes"
        )


def _key_column(series: Series, style: Style) -> tuple[str, int]:
    """Title and width of the column that tells the series apart; nothing if there is only one."""
    by = series.request.by
    if by is None:
        return "", 0
    width = max([len(by.title), *(len(_name(series, line, style)) for line in series.lines)])
    return f" {by.title:>{width}}", width


def _name(series: Series, line: Line, style: Style) -> str:
    by = series.request.by
    if by is None or line.name == "other":
        return line.name
    if FIELDS[by.fields[0]].show is Show.PROTOCOL:
        return protocol(style, line.key if isinstance(line.key, int) else None)
    return field_text(style, FIELDS[by.fields[0]], line.key)


def _start(series: Series, place: int) -> int:
    return series.start_ms + place * series.request.step_ms


def _rates(amounts: Amounts, step_ms: int) -> tuple[int, int]:
    return amounts.packets * 1000 // step_ms, amounts.bytes * 8000 // step_ms


def series_records(series: Series) -> Iterator[dict[str, Value]]:
    """One record per bin and series, in order of time."""
    heads = [_head(series, line) for line in series.lines]
    for place in range(series.count):
        for line, head in zip(series.lines, heads, strict=True):
            amounts = line.at(place)
            pps, bps = _rates(amounts, series.request.step_ms)
            yield {
                "time_ms": _start(series, place), "step_ms": series.request.step_ms, **head, **amounts._asdict(),
                "pps": pps, "bps": bps,
            }  # fmt: skip


def summary_records(series: Series) -> Iterator[dict[str, Value]]:
    """One record per series, and one of what lies outside of the window if there is any."""
    for line in series.lines:
        record = {"bins": series.count, "step_ms": series.request.step_ms, **_head(series, line)}
        for index, measure in enumerate(MEASURES):
            found = spread(line, series.count, index)
            record |= {
                f"{measure}_total": found.total, f"{measure}_min": found.least,
                f"{measure}_avg": round(found.average, 3), f"{measure}_max": found.most, f"{measure}_p95": found.high,
            }  # fmt: skip
        yield record
    if any(series.outside):
        yield {"series": "outside", **series.outside._asdict()}


def _head(series: Series, line: Line) -> dict[str, Value]:
    by = series.request.by
    if by is None:
        return {"series": line.name}
    return {"series": line.name, by.key: plain(FIELDS[by.fields[0]], line.key)}
