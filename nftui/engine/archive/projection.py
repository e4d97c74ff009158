"""A batch cut down to the fields that are wanted, for formats that are decoded whole."""

from __future__ import annotations

from collections.abc import Collection

from nftui.engine.batch import FlowBatch
from nftui.engine.schema import PHYSICAL


def project(batch: FlowBatch, fields: Collection[str] | None) -> FlowBatch:
    """The batch with these fields only; all if None. Columns are shared."""
    if fields is None:
        return batch
    return FlowBatch(
        batch.length,
        {name: column for name, column in batch.columns.items() if PHYSICAL[name].name in fields},
        {name: mask for name, mask in batch.valid.items() if name in fields},
        {name: column for name, column in batch.text.items() if name in fields},
        batch.extra if "extra" in fields else None,
    )
