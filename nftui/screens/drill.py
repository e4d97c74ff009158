"""From a cell or a row to the filter that selects its flows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nftui.screens.views import CONVERSATIONS, STATISTIC

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
    "mac": lambda v: f"mac {v}",
    "mask": lambda v: f"mask {v}",
    "vlan": lambda v: f"vlan {v}",
}
"""Column name to the filter term for one value as text, where that is not the field's own."""

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


def cell_term(column: str, value: object) -> str | None:
    """Filter for the flows with this value in this column; None for columns that nobody filters by."""
    if value is None or str(value) == NULL:
        return None
    make = _TERMS.get(column)
    return make(str(value)) if make else _field_term(column, str(value))


def _field_term(column: str, text: str) -> str | None:
    """Filter for a field of the registry with the value that is written so in a table."""
    from nftui.engine.schema import FIELDS, Kind, Show
    from nftui.screens.field_text import filter_term

    field = FIELDS.get(column)
    if field is None or field.kind is Kind.EXTRA or field.summable or field.show is Show.TIME or field.unit:
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
    if not view.startswith(STATISTIC):
        return _ROW_COLUMNS.get(view, ())
    from nftui.engine.query.statistics import STATISTICS

    name, _, split = view.removeprefix(STATISTIC).partition(":")
    found = STATISTICS.get(name)
    return () if found is None else (found.key, "proto") if split else (found.key,)


def row_filter(view: str, value_of: Callable[[str], object]) -> str | None:
    """Filter for the flows behind a row of a talker view; None when the row has no key to filter by."""
    if view == CONVERSATIONS:
        return _both_ways(value_of)
    terms = [_key_term(view, column, value_of(column)) for column in _keys_of(view)]
    known = [term for term in terms if term]
    return " and ".join(known) or None


def _key_term(view: str, column: str, value: object) -> str | None:
    """As `cell_term`; in views of statistics also for the row of flows that lack the field."""
    from nftui.engine.schema import FIELDS

    if view.startswith(STATISTIC) and str(value) == NULL and column in FIELDS:
        return f"not {column} defined"
    return cell_term(column, value)


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
