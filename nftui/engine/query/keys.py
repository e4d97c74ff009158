"""Keys of groups as a table that flows can be joined with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nftui.engine.query.pieces import HALF, signed
from nftui.engine.schema import FIELDS

if TYPE_CHECKING:
    import pyarrow as pa


def key_table(fields: Sequence[str], keys: Sequence[tuple[int | str | None, ...]]) -> pa.Table:
    """Keys as columns `k0 k1 …`, two for an address, with their place in the sequence as `code`."""
    import pyarrow as pa

    from nftui.engine.store.arrow import TYPES

    columns = [column for name in fields for column in FIELDS[name].physical]
    parts: list[list[int | str | None]] = [[] for _ in columns]
    for key in keys:
        place = 0
        for name, value in zip(fields, key, strict=True):
            if len(FIELDS[name].physical) == 1:
                parts[place].append(value)
                place += 1
                continue
            assert not isinstance(value, str)
            parts[place].append(None if value is None else signed(value // HALF))
            parts[place + 1].append(None if value is None else signed(value % HALF))
            place += 2
    arrays: dict[str, Any] = {
        f"k{i}": pa.array(part, TYPES[column]) for i, (column, part) in enumerate(zip(columns, parts, strict=True))
    }
    return pa.table({"code": pa.array(range(len(keys)), pa.int32()), **arrays})
