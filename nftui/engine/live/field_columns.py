"""Fields of the registry as columns of the flow list: look, values, numbers to order by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.live.keys import NULL
from nftui.engine.live.snapshot import ColumnSpec
from nftui.engine.query.style import Style, field_text
from nftui.engine.schema import FIELDS, Field, Kind, Show

_STYLE = Style(plain=True, full_ipv6=True)
_EIGHT_FLAGS = 0xFF
_RIGHT = frozenset({Show.NUMBER, Show.COUNT, Show.PORT})


def listable(name: str) -> bool:
    """Whether a field can be a column of the flow list: all but the elements that have no column of their own."""
    return name in FIELDS and FIELDS[name].kind is not Kind.EXTRA


def field_spec(name: str) -> ColumnSpec:
    """The column of a field."""
    field = FIELDS[name]
    unit = "ms" if field.show is Show.TIME else field.unit if field.show is Show.COUNT else ""
    align = "right" if field.show in _RIGHT else "left"
    return ColumnSpec(name, field.title, field.show, unit, align, field.kind is not Kind.TEXT)


def numeric(field: Field) -> bool:
    """Whether the column of a field has numbers, which the screen formats; the others have text."""
    return field.show in {Show.COUNT, Show.TIME}


def field_values(batch: FlowBatch, name: str) -> NDArray[Any] | list[str]:
    """Values of a field for a table: float64 with NaN for null where it is a counter or a time, else text."""
    field = FIELDS[name]
    if numeric(field):
        if not batch.has(name):
            return np.full(len(batch), np.nan)
        values = batch.columns[name].astype(np.float64)
        valid = batch.valid.get(name)
        return values if valid is None else np.where(valid, values, np.nan)
    return [cell_text(field, batch.value(name, row)) for row in range(len(batch))]


def cell_text(field: Field, value: object) -> str:
    """One value as it stands in a table."""
    if not isinstance(value, int | str):
        return NULL
    if field.show is Show.PROTOCOL and isinstance(value, int):
        return text.protocol(value)
    if field.show is Show.TCP_FLAGS and isinstance(value, int) and value > _EIGHT_FLAGS:
        return f"0x{value:03x}"  # two values must not look alike
    return field_text(_STYLE, field, value)
