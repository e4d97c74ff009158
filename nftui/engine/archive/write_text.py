"""Csv and ndjson files of flows, in the schema of `nftui dump -o csv` and `-o ndjson` (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nftui.engine.archive.writing import FlowWriter, Sink
from nftui.engine.batch import FlowBatch
from nftui.engine.query.format_machine import COLUMNS, CsvFlows, JsonFlows, stored
from nftui.engine.query.mask import scaled_batch
from nftui.engine.schema import FIELDS, PHYSICAL, Kind

_PORTION = 10_000
"""Flows that are Python objects at the same time."""


class TextWriter(FlowWriter):
    """Writes one file, a line a flow.

    Args:
        sink: where to.
        csv: csv with a header line; else ndjson.
        scaled: counters multiplied by the sampling rate, as dump shows them.
    """

    def __init__(self, sink: Sink, csv: bool, scaled: bool = True) -> None:
        super().__init__(sink)
        self._csv = csv
        self._scaled = scaled
        self._formats: dict[tuple[str, ...], CsvFlows | JsonFlows] = {}

    def begin(self) -> None:
        """The header line."""
        if self._csv:
            self.sink.append((",".join(COLUMNS) + "\n").encode())

    def write(self, batch: FlowBatch) -> None:
        """Add flows."""
        if self._scaled:
            batch = scaled_batch(batch)
        present = [*batch.columns, *batch.text, *(["extra"] if batch.extra is not None else [])]
        names = stored(present)
        if names not in self._formats:
            self._formats[names] = CsvFlows(COLUMNS, names, False) if self._csv else JsonFlows(names, False)
        form = self._formats[names]
        for start in range(0, len(batch), _PORTION):
            lines = form.lines(_rows(batch.slice(start, start + _PORTION), form.columns))
            self.sink.append(("\n".join(lines) + "\n").encode())


def _rows(batch: FlowBatch, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(_values(batch, column) for column in columns), strict=True))


def _values(batch: FlowBatch, column: str) -> list[Any]:
    """Values of a column as Python objects, None for null."""
    item = PHYSICAL[column]
    if item.kind is Kind.TEXT:
        words = [*batch.text[column].values, None]
        return [words[code] for code in batch.text[column].codes.tolist()]
    if item.kind is Kind.EXTRA:
        assert batch.extra is not None
        offsets, data = batch.extra.offsets.tolist(), batch.extra.data.tobytes()
        return [data[start:stop] or None for start, stop in pairwise(offsets)]
    values: list[Any] = batch.columns[column].tolist()
    mask = batch.valid.get(FIELDS[item.name].name)
    if mask is None:
        return values
    return [value if known else None for value, known in zip(values, mask.tolist(), strict=True)]
