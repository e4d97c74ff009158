"""Dataclasses from their JSON form: what another process answers is checked before anything believes it.

The other side may be of another version, or not what it says it is. Keys that are not known are left out, fields
that are missing take their default; a value of another type than its field is an error, never a surprise on a screen.
"""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from nftui.text import clean

Made = TypeVar("Made")

_LARGEST = 1 << 64
"""Numbers are counters, times and sizes: below this in either direction."""
_LONGEST = 4096
"""Characters of a text."""


def restore(kind: type[Made], answer: object) -> Made:
    """A dataclass from what `json` made of its `asdict`.

    Args:
        kind: a dataclass of numbers, texts, dataclasses, and tuples and mappings of these.
        answer: anything at all.

    Raises:
        ValueError: not the JSON form of `kind`.
    """
    if not isinstance(answer, dict):
        raise ValueError(f"{kind.__name__} is not an object")
    values = {}
    for name, (hint, required) in _fields(cast("Any", kind)).items():
        if name in answer:
            values[name] = _value(hint, answer[name], f"{kind.__name__}.{name}")
        elif required:
            raise ValueError(f"{kind.__name__} without {name}")
    return kind(**values)


@functools.cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Type of each field, and whether it has no default."""
    hints = get_type_hints(kind)
    return {
        item.name: (hints[item.name], item.default is MISSING and item.default_factory is MISSING)
        for item in fields(kind)
    }


def _value(hint: Any, value: object, where: str) -> Any:
    """The value as its field has it."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        [inner] = [part for part in parts if part is not type(None)]
        return None if value is None else _value(inner, value, where)
    if origin is tuple and isinstance(value, list):
        if parts[-1] is ...:
            return tuple(_value(parts[0], item, where) for item in value)
        if len(value) == len(parts):
            return tuple(_value(part, item, where) for part, item in zip(parts, value, strict=True))
    elif origin in (dict, Mapping) and isinstance(value, dict):
        return {str(name): _value(parts[1], item, where) for name, item in value.items()}
    elif origin is Literal and value in parts:
        return value
    elif is_dataclass(hint) and isinstance(hint, type):
        return restore(hint, value)
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value) and abs(value) < _LARGEST:
            return float(value)
    elif hint is int and isinstance(value, int) and not isinstance(value, bool):
        if abs(value) < _LARGEST:
            return value
    elif hint is str and isinstance(value, str):
        return clean(value, _LONGEST)
    elif hint is bool and isinstance(value, bool):
        return value
    raise ValueError(f"{where} is not of its type")
