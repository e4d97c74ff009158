"""From a cell or a row to the filter that selects its flows."""

from __future__ import annotations

from collections.abc import Callable

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
"""Column name to the filter term for one value as text."""

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
    make = _TERMS.get(column)
    return make(str(value)) if make and value is not None and str(value) != NULL else None


def row_filter(view: str, value_of: Callable[[str], object]) -> str | None:
    """Filter for the flows behind a row of a talker view; None when the row has no key to filter by."""
    terms = [cell_term(column, value_of(column)) for column in _ROW_COLUMNS.get(view, ())]
    known = [term for term in terms if term]
    return " and ".join(known) or None


def row_name(view: str, value_of: Callable[[str], object]) -> str:
    """Short name of a row for the trail."""
    return " ".join(str(value_of(column)) for column in _ROW_COLUMNS.get(view, ()))


def combine(current: str, term: str, exclude: bool = False) -> str:
    """The current filter narrowed by a term, or by its opposite. A term that stands there already is not repeated."""
    added = f"not {term}" if exclude and " and " not in term else f"not ({term})" if exclude else term
    if not current.strip():
        return added
    if current == added or current.endswith(f" and {added}"):
        return current
    words = current.split()
    wrapped = f"({current})" if "or" in (word.lower() for word in words) or "|" in current else current
    return f"{wrapped} and {added}"
