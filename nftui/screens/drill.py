"""From a cell or a row to the filter that selects its flows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nftui.screens.views import CONVERSATIONS, STATISTIC

if TYPE_CHECKING:
    from nftui.engine.query.statistics import Statistic

CellValue = object
NULL = "-"

_TERMS: dict[str, Callable[[str], str]] = {
    "addr": lambda v: f"ip {v}",
    "src_addr": lambda v: f"src ip {v}",
    "dst_addr": lambda v: f"dst ip {v}",
    "port": lambda v: f"port {v}",
    "src_port": lambda v: f"src port {v}",
    "dst_port": lambda v: f"dst port {v}",
    "proto": lambda v: f"proto {v}",
    "as": lambda v: f"as {v}",
    "src_as": lambda v: f"src as {v}",
    "dst_as": lambda v: f"dst as {v}",
    "if": lambda v: f"if {v}",
    "in_if": lambda v: f"in if {v}",
    "out_if": lambda v: f"out if {v}",
    "sampler_address": lambda v: f"exporter ip {v}",
}
"""Column name to the filter term for one value as text, where that is not the field's own."""

_EITHER: dict[tuple[str, ...], str] = {
    ("src_addr", "dst_addr"): "ip", ("src_port", "dst_port"): "port", ("src_as", "dst_as"): "as",
    ("in_if", "out_if"): "if", ("src_vlan", "dst_vlan"): "vlan", ("src_mask", "dst_mask"): "mask",
    ("in_src_mac", "in_dst_mac", "out_src_mac", "out_dst_mac"): "mac",
}  # fmt: skip
"""Fields of a statistic that have one word together."""

_FLAGS = "CEUAPRSF"
_ENDS = ("src_addr", "src_port", "dst_addr", "dst_port")

_ROW_COLUMNS: dict[str, tuple[str, ...]] = {
    "host": ("addr",),
    "pair": ("src_addr", "dst_addr"),
    "flow": ("proto", "src_addr", "src_port", "dst_addr", "dst_port"),
    "port": ("port", "proto"),
    "proto": ("proto",),
    "as": ("as",),
    "interface": ("sampler_address", "if"),
    "exporter": ("sampler_address",),
}
"""Columns that make a row of a view what it is."""


def cell_term(column: str, value: object, view: str = "") -> str | None:
    """Filter for the flows with this value in this column; None for columns that nobody filters by.

    Args:
        column: name of the column.
        value: what stands there.
        view: of the table; columns of statistics are about the fields that the statistic counts by.
    """
    statistic = _statistic_of(view)
    if statistic is not None and column == statistic.key:
        return _statistic_term(statistic.fields, value)
    if value is None or str(value) == NULL:
        return None
    make = _TERMS.get(column)
    return make(str(value)) if make else _field_term(column, str(value))


def _statistic_of(view: str) -> Statistic | None:
    if not view.startswith(STATISTIC):
        return None
    from nftui.engine.query.statistics import STATISTICS

    return STATISTICS.get(view.removeprefix(STATISTIC).partition(":")[0])


def _statistic_term(fields: tuple[str, ...], value: object) -> str | None:
    """Filter for a value of any of the fields, or for the flows in which one is absent."""
    if value is None:
        return None
    if str(value) == NULL:
        there = " and ".join(f"{field} defined" for field in fields)
        return f"not {there}" if len(fields) == 1 else f"not ({there})"
    if fields in _EITHER:
        return f"{_EITHER[fields]} {value}"
    terms = [term for field in fields if (term := cell_term(field, value))]
    return " or ".join(terms).join("()" if len(terms) > 1 else ("", "")) or None


def _field_term(column: str, text: str) -> str | None:
    """Filter for a field of the registry with the value that is written so in a table."""
    from nftui.engine.schema import FIELDS, Kind, Show
    from nftui.screens.field_text import filter_term

    field = FIELDS.get(column)
    if field is None or field.kind is Kind.EXTRA or field.summable or field.show is Show.TIME:
        return None
    if field.unit == "us":
        return f"{column} {round(float(text) * 1000)}"
    if field.unit:
        return None
    if field.kind is Kind.TEXT:
        return filter_term(field, text) or None
    if field.show is Show.MPLS:
        return None
    if field.show is Show.TCP_FLAGS and not text.startswith("0x"):
        places = zip(reversed(_FLAGS), reversed(text), strict=False)
        return f"{column} {sum(1 << bit for bit, (flag, place) in enumerate(places) if flag == place)}"
    words = {word: number for number, word in field.names}
    return f"{column} {words.get(text, text)}"


def _keys_of(view: str) -> tuple[str, ...]:
    """Columns that make a row of a view what it is."""
    if view == CONVERSATIONS:
        return ("proto", *_ENDS)
    statistic = _statistic_of(view)
    if statistic is None:
        return _ROW_COLUMNS.get(view, ())
    return (statistic.key, "proto") if view.endswith(":p") else (statistic.key,)


def row_filter(view: str, value_of: Callable[[str], object]) -> str | None:
    """Filter for the flows behind a row of a talker view; None when the row has no key to filter by."""
    if view == CONVERSATIONS:
        return _both_ways(value_of)
    terms = [cell_term(column, value_of(column), view) for column in _keys_of(view)]
    if view.startswith(STATISTIC) and None in terms:
        return None  # half of a key would select other flows
    return " and ".join(term for term in terms if term) or None


def _both_ways(value_of: Callable[[str], object]) -> str | None:
    """Filter for a conversation: one direction, or the opposite one where the protocol has one."""
    proto = str(value_of("proto"))
    values = [value_of(column) for column in _ENDS]
    there = _terms_of(_ENDS, values)
    if proto not in {"TCP", "UDP"}:
        return " and ".join([*_terms_of(("proto",), [proto]), *there]) or None
    back = _terms_of(_ENDS, [*values[2:], *values[:2]])
    return f"proto {proto} and (({' and '.join(there)}) or ({' and '.join(back)}))" if there else f"proto {proto}"


def _terms_of(columns: Sequence[str], values: Sequence[object]) -> list[str]:
    return [term for column, value in zip(columns, values, strict=True) if (term := cell_term(column, value))]


def is_part(view: str, column: str) -> bool:
    """Whether a column is one of several that make a row of a view what it is."""
    keys = _keys_of(view)
    return len(keys) > 1 and column in keys


def row_name(view: str, value_of: Callable[[str], object]) -> str:
    """Short name of a row for the trail."""
    return " ".join(str(value_of(column)) for column in _keys_of(view))


def combine(current: str, term: str, exclude: bool = False) -> str:
    """The current filter narrowed by a term, or by its opposite. A term that stands there already is not repeated."""
    simple = " and " not in term and not term.startswith("not ")
    added = f"not {term}" if exclude and simple else f"not ({term})" if exclude else term
    if not current.strip():
        return added
    if current == added or current.endswith(f" and {added}"):
        return current
    words = current.split()
    wrapped = f"({current})" if "or" in (word.lower() for word in words) or "|" in current else current
    return f"{wrapped} and {added}"
