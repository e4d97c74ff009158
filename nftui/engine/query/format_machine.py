"""Flows and statistics for programs: csv, ndjson, json and nfdump's pipe. The schema is docs/formats.md.

Names are the registry's, numbers are plain integers, times UTC milliseconds, addresses and MAC addresses text.
A value that a flow does not have is an empty csv cell, and no key at all in json.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from nftui import text
from nftui.engine.query.format_statistics import percent, rates
from nftui.engine.query.query import Group, Ranking, address_value
from nftui.engine.query.sql import value_sql
from nftui.engine.query.statistics import StatisticRequest
from nftui.engine.query.values import COUNTERS
from nftui.engine.schema import FIELDS, Field, Kind, Show

Value = int | float | str | dict[str, str] | None
Row = Sequence[object]

COLUMNS: tuple[str, ...] = tuple(FIELDS)
"""Columns of a csv list of flows, always all of them and in this order."""


def selection(scaled: bool) -> list[str]:
    """SQL expressions for all columns, in the order of the registry."""
    out: list[str] = []
    for name, item in FIELDS.items():
        out += [value_sql(name, scaled)] if name in COUNTERS else item.physical
    return out


def record(row: Row) -> dict[str, Value]:
    """One flow that was selected with `selection`, by field name; absent fields are left out."""
    return {name: value for name, read in _READERS for value in (read(row),) if value is not None}


def cell(value: Value) -> str:
    """Csv cell. Text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, str):
        return "'" + value if value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
    if isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def csv_line(values: Iterable[Value]) -> str:
    """One csv line, without its end (RFC 4180 quoting)."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([cell(value) for value in values])
    return out.getvalue()


def json_line(values: dict[str, Value]) -> str:
    """One JSON object on one line."""
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def group_record(request: StatisticRequest, ranking: Ranking, rank: int, group: Group) -> dict[str, Value]:
    """One row of a statistic: its keys, sums, rates and shares."""
    statistic = request.statistic
    names = list(ranking.fields)
    if statistic is not None:
        names[0] = statistic.key
    keys = {name: plain(FIELDS[f], v) for name, f, v in zip(names, ranking.fields, group.key, strict=True)}
    head: dict[str, Value] = {"statistic": statistic.name if statistic else "record", "order": ranking.order.name}
    return {**head, "rank": rank, **keys, **sums_record(group, ranking)}


def sums_record(group: Group, ranking: Ranking) -> dict[str, Value]:
    """Sums, rates and shares of a group."""
    sums, whole = group.totals, ranking.totals
    pps, bps, bpp = rates(sums)
    return {
        "flows": sums.flows,
        "packets": sums.packets,
        "bytes": sums.bytes,
        "time_flow_start_ms": sums.first_ms,
        "time_flow_end_ms": sums.last_ms,
        "pps": pps,
        "bps": bps,
        "bpp": bpp,
        "flows_percent": round(percent(sums.flows, whole.flows), 3),
        "packets_percent": round(percent(sums.packets, whole.packets), 3),
        "bytes_percent": round(percent(sums.bytes, whole.bytes), 3),
    }


def plain(item: Field, value: int | str | None) -> Value:
    """A field's value for programs."""
    if value is None:
        return None
    if isinstance(value, str):
        return text.clean(value)
    if item.show is Show.ADDRESS:
        return text.address(value)
    return text.mac(value) if item.show is Show.MAC else value


PIPE_COLUMNS = (
    "src_addr", "time_flow_start_ms", "time_flow_end_ms", "proto", "src_port", "dst_addr", "dst_port", "src_as",
    "dst_as", "in_if", "out_if", "tcp_flags", "ip_tos", "packets", "bytes",
)  # fmt: skip


def pipe_selection(scaled: bool) -> list[str]:
    """SQL expressions for `pipe_line`."""
    return [
        c for name in PIPE_COLUMNS for c in ((value_sql(name, scaled),) if name in COUNTERS else FIELDS[name].physical)
    ]


def pipe_line(row: Row) -> str:
    """Nfdump's `-o pipe`: address family, times, and addresses as four 32-bit numbers each; absent is 0."""
    source, target = address_value(*row[0:2]) or 0, address_value(*row[6:8]) or 0
    first, last, proto, port = row[2:6]
    rest = row[8:]
    v6 = (source or target) >> 32 != 0xFFFF
    cells = [10 if v6 else 2, first, last, proto, *_words(source, v6), port, *_words(target, v6), *rest]
    return "|".join("0" if value is None else str(value) for value in cells)


def _words(value: int, v6: bool) -> list[int]:
    return [value >> shift & 0xFFFFFFFF if v6 or not shift else 0 for shift in (96, 64, 32, 0)]


def _readers() -> Iterator[tuple[str, Callable[[Row], Value]]]:
    place = 0
    for name, item in FIELDS.items():
        yield name, _reader(item, place)
        place += len(item.physical)


def _reader(item: Field, place: int) -> Callable[[Row], Value]:
    if item.kind is Kind.ADDRESS:
        return lambda row: None if row[place] is None else text.address(address_value(row[place], row[place + 1]) or 0)
    if item.kind is Kind.EXTRA:
        return lambda row: _elements(row[place])
    if item.kind is Kind.TEXT:
        return lambda row: None if row[place] is None else text.clean(str(row[place]))
    if item.show is Show.MAC:
        return lambda row: None if row[place] is None else text.mac(row[place])  # type: ignore[arg-type]
    return lambda row: row[place]  # type: ignore[return-value]


def _elements(run: object) -> dict[str, str] | None:
    """Elements without a column as {"enterprise:element": hexadecimal bytes}; see `batch.ExtraColumn`."""
    if not isinstance(run, bytes) or not run:
        return None
    out: dict[str, str] = {}
    place = 0
    while place + 8 <= len(run):
        enterprise = int.from_bytes(run[place : place + 4], "big")
        element = int.from_bytes(run[place + 4 : place + 6], "big")
        length = int.from_bytes(run[place + 6 : place + 8], "big")
        out[f"{enterprise}:{element}"] = run[place + 8 : place + 8 + length].hex()
        place += 8 + length
    return out


_READERS: tuple[tuple[str, Callable[[Row], Value]], ...] = tuple(_readers())
