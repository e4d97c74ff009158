"""Flow lists as text: formats made of nfdump's %-tags. A value that a flow does not have is `-`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nftui.engine.query.addresses import address_value
from nftui.engine.query.rendering import Cell, Column, Row, joined
from nftui.engine.query.sql import value_sql
from nftui.engine.query.style import Style
from nftui.engine.query.tags import WITHOUT_FIELD, Piece, tags
from nftui.engine.query.values import VALUES
from nftui.engine.schema import FIELDS, Kind
from nftui.errors import UsageError
from nftui.text import nearest

FORMATS: dict[str, str] = {
    "line": "%ts %td %pr %sap -> %dap %pkt %byt %fl",
    "long": "%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %fl",
    "extended": "%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %pps %bps %bpp %fl",
    "biline": "%ts %td %pr %sap <-> %dap %opkt %ipkt %obyt %ibyt %fl",
    "bilong": "%ts %td %pr %sap <-> %dap %flg %tos %opkt %ipkt %obyt %ibyt %fl",
    "nsel": "%ts %evt %xevt %pr %sap -> %dap %xsap -> %xdap %ibyt %obyt",
    "nel": "%ts %nevt %pr %sap -> %dap %nsap -> %ndap",
}
FORMATS["nat"] = FORMATS["nel"]
"""Formats by name, as nfdump defines them."""


_PART = re.compile(r"%([a-z][a-z0-9_]*)|%%|([^%]+|%)")


@dataclass(slots=True)
class Layout:
    """A format made ready: header, what to select, and how to write a row.

    Attributes:
        header: the header line.
        columns: SQL expressions to select.
        fields: registry fields that they read.
        parts: literal text and writers of tags, in order.
    """

    header: str = ""
    columns: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    parts: list[str | Cell | Column] = field(default_factory=list)

    def lines(self, rows: Sequence[Row]) -> Iterator[str]:
        """One line per row, without its end."""
        return map(str.rstrip, joined(rows, self.parts))


def layout(form: str, style: Style) -> Layout:
    """Make a format ready.

    Args:
        form: text with %-tags; names of formats may stand for tags (`%line`).
        style: how values are written.

    Raises:
        UsageError: an unknown tag, with the nearest known one.
    """
    known = tags(style)
    out = Layout()
    places: dict[str, int] = {}
    for match in _PART.finditer(_expanded(form)):
        name, literal = match.groups()
        if name is None:
            written = literal or "%"
            out.parts.append(written.replace("\\n", "\n").replace("\\t", "\t"))
            out.header += " " * len(written)
            continue
        if name == "n":
            out.parts.append("\n")
            continue
        # A tag may be followed by letters at once: `%sa_%da`.
        rest = ""
        while name not in known and name not in WITHOUT_FIELD and "_" in name:
            name, _, cut = name.rpartition("_")
            rest = f"_{cut}{rest}"
        tag = known.get(name)
        if tag is None:
            near = nearest(name, known)
            if name in WITHOUT_FIELD:
                raise UsageError(f"no tag %{name}: {WITHOUT_FIELD[name]}")
            raise UsageError(f"unknown tag %{name}" + (f"; did you mean %{near}?" if near else ""))
        out.header += tag.header
        for piece in tag.pieces:
            out.parts.append(_cell(piece, [_place(out, places, value, style) for value in piece.values]))
        out.parts += [rest] if rest else []
        out.header += " " * len(rest)
    out.header = out.header.rstrip(" ")
    return out


def _expanded(form: str) -> str:
    for name in sorted(FORMATS, key=len, reverse=True):
        form = re.sub(rf"%{name}\b", FORMATS[name], form)
    return form


def _place(out: Layout, places: dict[str, int], value: str, style: Style) -> tuple[int, ...]:
    """Positions of a value in the row, two for an address."""
    if value not in places:
        places[value] = len(out.columns)
        if value in VALUES:
            out.columns.append(value_sql(value, style.scaled))
            out.fields += VALUES[value].fields
        else:
            out.columns += FIELDS[value].physical
            out.fields.append(value)
    first = places[value]
    return (first, first + 1) if value in FIELDS and FIELDS[value].kind is Kind.ADDRESS else (first,)


def _cell(piece: Piece, places: list[tuple[int, ...]]) -> Cell | Column:
    """The piece's cell; address halves become one argument of its render function."""
    if piece.column is not None:
        return Column(places[0][0], piece.column)
    flat = [at for place in places for at in place]
    if len(flat) == len(places):
        return Cell(flat, piece.render)
    shape = [len(place) for place in places]

    def render(*halves: object) -> str:
        arguments, at = [], 0
        for size in shape:
            arguments.append(address_value(halves[at], halves[at + 1]) if size == 2 else halves[at])
            at += size
        return piece.render(*arguments)

    return Cell(flat, render)
