"""Flows as text with one field per line: `-o raw`."""

from __future__ import annotations

from collections.abc import Sequence

from nftui import text
from nftui.engine.query.format_machine import record
from nftui.engine.query.format_text import Style
from nftui.engine.schema import FIELDS, Field, Show

_WIDTH = max(len(name) for name in FIELDS)


def raw_text(row: Sequence[object], style: Style) -> str:
    """One flow that was selected with `format_machine.selection`: every field that it has."""
    lines = ["", "Flow Record:"]
    for name, value in record(row).items():
        item = FIELDS[name]
        if isinstance(value, dict):
            lines += [f"  {key:{_WIDTH}} = {content}" for key, content in value.items()]
        else:
            lines.append(f"  {name:{_WIDTH}} = {_written(item, value, style)}")
    return "\n".join(lines)


def _written(item: Field, value: object, style: Style) -> str:
    if not isinstance(value, int):
        return str(value)
    if item.show is Show.TIME:
        return f"{value} [{style.time(value)}]"
    if item.show is Show.PROTOCOL:
        return f"{value} {text.protocol(value)}"
    if item.show is Show.TCP_FLAGS:
        return f"0x{value:02x} {text.tcp_flags(value)}"
    if item.show is Show.MPLS:
        return f"{value} {text.mpls(value)}"
    if item.show is Show.HEX:
        return f"0x{value:04x}"
    if item.show is Show.ENUM and value in dict(item.names):
        return f"{value} {dict(item.names)[value]}"
    return str(value)
