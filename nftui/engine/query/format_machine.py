"""Lists of flows for programs: csv, ndjson, json, nfdump's pipe, and one field per line (raw). See docs/formats.md.

Names are the registry's, numbers are plain integers, times UTC milliseconds, addresses and MAC addresses text.
A value that a flow does not have is an empty csv cell, and no key at all in json.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

from nftui import text
from nftui.engine import elements
from nftui.engine.query.addresses import address_value
from nftui.engine.query.rendering import Cell, Row, joined
from nftui.engine.query.sql import value_sql
from nftui.engine.query.style import Style
from nftui.engine.query.values import COUNTERS, VALUES
from nftui.engine.schema import FIELDS, Field, Kind, Show

Value = int | float | str | dict[str, str | list[str]] | None

COLUMNS: tuple[str, ...] = tuple(FIELDS)
"""Columns of a csv list of flows: always all of them and in this order."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


NO_SHARES: Mapping[str, str] = MappingProxyType({})


def csv_cell(value: Value) -> str:
    """Csv cell, quoted as RFC 4180 says.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    if value is None:
        return ""
    if isinstance(value, dict):
        value = json.dumps(value, separators=(",", ":"))
    if not isinstance(value, str):
        return str(value)
    if value.startswith(_FORMULA):
        value = "'" + value
    if any(c in value for c in ',"\n\r'):
        return '"' + value.replace('"', '""') + '"'
    return value


def csv_line(values: Iterable[Value]) -> str:
    """One csv line, without its end."""
    return ",".join(map(csv_cell, values))


def json_text(value: object) -> str:
    """A value as JSON, without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def plain(item: Field, value: Any) -> Value:
    """A field's value for programs; addresses as 128-bit integers come out as text."""
    if value is None:
        return None
    if item.kind is Kind.ADDRESS:
        return text.address(value)
    if item.kind is Kind.TEXT:
        return text.clean(value)
    if item.kind is Kind.EXTRA:
        return _elements(value)
    return text.mac(value) if item.show is Show.MAC else value


def stored(present: Iterable[str]) -> tuple[str, ...]:
    """Fields that may have values where the given columns exist."""
    have = set(present)
    return tuple(name for name, item in FIELDS.items() if item.physical[0] in have)


class _Listing:
    """Selection of fields and computed values, and one cell for each.

    Args:
        names: fields and values of `values.VALUES`.
        scaled: apply sampling.
        render: text of a cell from its name and value.
        shares: SQL expressions of further columns by their names.
    """

    def __init__(
        self,
        names: Sequence[str],
        scaled: bool,
        render: Callable[[str, Value], str],
        shares: Mapping[str, str],
    ) -> None:
        self.columns: list[str] = []
        self.cells: dict[str, Cell] = {}
        read = [field for name in names for field in (VALUES[name].fields if name in VALUES else (name,))]
        self.fields = list(dict.fromkeys(read))
        for name in names:
            if name in VALUES:
                expressions: Sequence[str] = [value_sql(name, scaled)]
            else:
                expressions = FIELDS[name].physical
            places = range(len(self.columns), len(self.columns) + len(expressions))
            self.columns += expressions
            self.cells[name] = Cell(places, _of_value(name, render))
        for name, share in shares.items():
            self.cells[name] = Cell((len(self.columns),), _of_share(name, render))
            self.columns.append(share)


def _of_share(name: str, render: Callable[[str, Value], str]) -> Callable[..., str]:
    return lambda value: render(name, value)


def _of_value(name: str, render: Callable[[str, Value], str]) -> Callable[..., str]:
    item = FIELDS.get(name)
    if item is None:
        return lambda value: render(name, None if value is None else int(value))
    if item.kind is Kind.ADDRESS:
        return lambda high, low: render(name, plain(item, address_value(high, low)))
    return lambda value: render(name, plain(item, value))


class CsvFlows(_Listing):
    """Csv with the given columns, empty where nothing is stored."""

    def __init__(
        self, columns: Sequence[str], names: Sequence[str], scaled: bool, shares: Mapping[str, str] = NO_SHARES
    ) -> None:
        stored_names = [name for name in columns if name in names]
        super().__init__(stored_names, scaled, lambda _, value: csv_cell(value), shares)
        self.header = ",".join([*columns, *shares])
        self._parts = [self.cells.get(name, "") for name in (*columns, *shares)]

    def lines(self, rows: Sequence[Row]) -> Iterator[str]:
        """One csv line per flow."""
        return joined(rows, self._parts, ",")


class JsonFlows(_Listing):
    """One JSON object per flow, with the keys that the flow has."""

    header = ""

    def __init__(self, names: Sequence[str], scaled: bool, shares: Mapping[str, str] = NO_SHARES) -> None:
        super().__init__(names, scaled, _json_member, shares)

    def lines(self, rows: Sequence[Row]) -> Iterator[str]:
        """One object per flow, each on a line."""
        return (f"{{{members[:-1]}}}" for members in joined(rows, list(self.cells.values())))


def _json_member(name: str, value: Value) -> str:
    return "" if value is None else f'"{name}":{json_text(value)},'


class RawFlows(_Listing):
    """One field per line, a blank line between flows."""

    header = ""

    def __init__(self, names: Sequence[str], style: Style) -> None:
        super().__init__(names, style.scaled, lambda name, value: _raw_line(name, value, style), NO_SHARES)

    def lines(self, rows: Sequence[Row]) -> Iterator[str]:
        """Several lines per flow."""
        return (f"\nFlow Record:{fields}" for fields in joined(rows, list(self.cells.values())))


_WIDTH = max(len(name) for name in FIELDS)


def _raw_line(name: str, value: Value, style: Style) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return "".join(f"\n  {key:{_WIDTH}} = {content}" for key, content in value.items())
    described = _described(FIELDS[name], value, style) if name in FIELDS else str(value)
    return f"\n  {name:{_WIDTH}} = {described}"


def _described(item: Field, value: float | str, style: Style) -> str:
    if not isinstance(value, int):
        return str(value)
    names = dict(item.names)
    described = {
        Show.TIME: lambda: f"{value} [{style.time(value)}]",
        Show.PROTOCOL: lambda: f"{value} {text.protocol(value)}",
        Show.TCP_FLAGS: lambda: f"0x{value:02x} {text.tcp_flags(value)}",
        Show.MPLS: lambda: f"{value} {text.mpls(value)}",
        Show.HEX: lambda: f"0x{value:04x}",
        Show.ENUM: lambda: f"{value} {names[value]}" if value in names else str(value),
    }.get(item.show)
    return described() if described else str(value)


class PipeFlows:
    """Nfdump's `-o pipe`: family, times, addresses as four 32-bit numbers each; what a flow lacks is 0."""

    header = ""
    fields = (
        "src_addr", "dst_addr", "time_flow_start_ms", "time_flow_end_ms", "proto", "src_port", "dst_port", "src_as",
        "dst_as", "in_if", "out_if", "tcp_flags", "ip_tos", "packets", "bytes", "sampling_rate",
    )  # fmt: skip

    def __init__(self, scaled: bool) -> None:
        names = self.fields[:-1]
        self.columns = list(
            chain.from_iterable([value_sql(n, scaled)] if n in COUNTERS else FIELDS[n].physical for n in names)
        )

    def lines(self, rows: Sequence[Row]) -> Iterator[str]:
        """One line per flow."""
        return map(_pipe_line, rows)


_PIPE_CELLS = 17


def _pipe_line(row: Row) -> str:
    source, target = address_value(*row[0:2]) or 0, address_value(*row[2:4]) or 0
    first, last, proto, source_port, target_port, *rest = row[4:_PIPE_CELLS]
    v6 = (source or target) >> 32 != 0xFFFF
    ends = [*_words(source, v6), source_port, *_words(target, v6), target_port]
    cells = [10 if v6 else 2, first, last, proto, *ends, *rest]
    return "|".join("0" if value is None else str(value) for value in cells)


def _words(value: int, v6: bool) -> list[int]:
    return [value >> shift & 0xFFFFFFFF if v6 or not shift else 0 for shift in (96, 64, 32, 0)]


def _elements(run: bytes) -> dict[str, str | list[str]] | None:
    """Elements without a column, by name; several values of one element as a list. See `batch.ExtraColumn`."""
    found: dict[str, list[str]] = {}
    place = 0
    while place + 8 <= len(run):
        enterprise = int.from_bytes(run[place : place + 4], "big")
        element = int.from_bytes(run[place + 4 : place + 6], "big")
        length = int.from_bytes(run[place + 6 : place + 8], "big")
        raw = run[place + 8 : place + 8 + length]
        found.setdefault(elements.label(enterprise, element), []).append(elements.shown_value(enterprise, element, raw))
        place += 8 + length
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()} or None
