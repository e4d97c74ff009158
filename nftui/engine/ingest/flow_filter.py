"""Which flows are kept: a filter in front of live window and store, in nftui's filter language.

It runs after decoding, on columns. Flows that it does not let through are counted, in all and per exporter, so that a
store without them does not look complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.counters import Counts, add

if TYPE_CHECKING:
    from nftui.engine.query.filters import Filter

FILTERED = "flows.filtered"


class FlowFilter:
    """Keeps the flows that a filter lets through; an empty text keeps all.

    Raises:
        FilterError: the filter is bad.
    """

    def __init__(self, expression: str) -> None:
        self._filter: Filter | None = None
        if expression.strip():
            from nftui.engine.query.parser import parse_filter

            self._filter = parse_filter(expression)

    def keep(self, batches: list[FlowBatch]) -> tuple[list[FlowBatch], dict[str, Counts]]:
        """The flows that pass, and how many of each exporter do not, as `flows.filtered`."""
        if self._filter is None:
            return batches, {}
        from nftui.engine.query.mask import mask

        kept: list[FlowBatch] = []
        dropped: dict[str, Counts] = {}
        for batch in batches:
            passing = mask(self._filter, batch)
            if passing.all():
                kept.append(batch)
                continue
            for exporter, amount in _exporters(batch.take(~passing)).items():
                add(dropped.setdefault(exporter, {}), {FILTERED: amount})
            if passing.any():
                kept.append(batch.take(passing))
        return kept, dropped


def _exporters(batch: FlowBatch) -> dict[str, int]:
    """Flows by exporter address."""
    if "sampler_address_lo" not in batch.columns:
        return {"unknown": len(batch)}
    halves = np.stack([batch.columns["sampler_address_hi"], batch.columns["sampler_address_lo"]], axis=1)
    if (halves == halves[0]).all():
        found, amounts = halves[:1], [len(batch)]
    else:
        found, counts = np.unique(halves, axis=0, return_counts=True)
        amounts = counts.tolist()
    mask64 = 0xFFFFFFFFFFFFFFFF
    return {
        text.address((high & mask64) << 64 | low & mask64): amount
        for (high, low), amount in zip(found.tolist(), amounts, strict=True)
    }
