"""What a sealed file says about its flows without being read: the key `nftui` in its Parquet footer.

The value is JSON:

    schema_version      registry version the file was written with
    segment             stem of the segment it was made from (recovery recognises a finished seal by it)
    ident               name the collector was given
    slot_ms             start of the slot; slot_seconds: its length
    rows                records
    flows packets bytes sums, as the exporters counted, nulls as 0
    classes             {"tcp" | "udp" | "icmp" | "other": [flows, packets, bytes]}
    times               {"received" | "start" | "end": [smallest, largest]}, UTC ms
    exporters           {address: records}
    series              [[minute of reception (UTC ms), class, sampling rate or 0, flows, packets, bytes], ...]
    notes               amounts handed to the writer for this slot, such as "sequence.lost"
    checksum            true: another key of the footer has a checksum over the file, see `checksum`
    replaces            of a compacted file: stems of the files whose flows it has, and of those that they replaced

All sums are exact, of any size. A series entry per sampling rate lets a reader scale exactly. `series` is null if
a file has more than 4096 combinations, `exporters` if it has more than 4096.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nftui import text
from nftui.engine.counters import Counts
from nftui.engine.schema import SCHEMA_VERSION
from nftui.engine.store.segment import Origin
from nftui.errors import CorruptFile

KEY = "nftui"
CLASSES = ("tcp", "udp", "icmp", "other")
_MAX_ENTRIES = 4096
_MINUTE_MS = 60_000
_CLASS_OF = np.full(256, CLASSES.index("other"), np.int64)
_CLASS_OF[[6, 17, 1, 58]] = [0, 1, 2, 2]
_TIMES = {"received": "time_received_ms", "start": "time_flow_start_ms", "end": "time_flow_end_ms"}

Sums = tuple[int, int, int]
"""Flows, packets, bytes."""


@dataclass(slots=True)
class Summary:
    """What a footer says, gathered group by group of rows.

    Attributes:
        rows: records.
        times: smallest and largest of the received, start and end times, UTC ms.
        exporters: records per exporter (address as 128-bit integer); None if there are too many.
        series: sums by (minute of reception, class, sampling rate or 0); None if there are too many.
        classes: sums by class.
    """

    rows: int = 0
    times: dict[str, list[int]] = field(default_factory=dict)
    exporters: dict[int, int] | None = field(default_factory=dict)
    series: dict[tuple[int, int, int], Sums] | None = field(default_factory=dict)
    classes: dict[int, Sums] = field(default_factory=dict)

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table with the core columns."""
        if not table.num_rows:
            return
        self.rows += table.num_rows
        for name, column in _TIMES.items():
            values = _numbers(table, column)
            low, high = self.times.get(name, [int(values[0])] * 2)
            self.times[name] = [min(low, int(values.min())), max(high, int(values.max()))]
        self._add_exporters(table)
        self._add_sums(table)

    @property
    def sums(self) -> Sums:
        """Flows, packets and bytes of all rows."""
        flows, packets, octets = (sum(part[i] for part in self.classes.values()) for i in range(3))
        return flows, packets, octets

    @property
    def span(self) -> tuple[int, int]:
        """Earliest and latest moment that any flow claims, UTC ms."""
        edges = [edge for name in ("start", "end") for edge in self.times[name]]
        return min(edges), max(edges)

    def encode(
        self, segment: str, origin: Origin, notes: Mapping[str, int], replaces: Sequence[str] | None = None
    ) -> str:
        """The footer's value."""
        flows, packets, octets = self.sums
        exporters = self.exporters
        return json.dumps(
            {
                "schema_version": SCHEMA_VERSION,
                "segment": segment,
                "ident": origin.ident,
                "slot_ms": origin.slot_ms,
                "slot_seconds": origin.slot_seconds,
                "rows": self.rows,
                "flows": flows,
                "packets": packets,
                "bytes": octets,
                "classes": {CLASSES[code]: list(sums) for code, sums in sorted(self.classes.items())},
                "times": self.times,
                "exporters": None if exporters is None else {text.address(a): n for a, n in exporters.items()},
                "series": None if self.series is None else [[*key, *self.series[key]] for key in sorted(self.series)],
                "notes": dict(notes),
                "checksum": True,
                **({} if replaces is None else {"replaces": list(replaces)}),
            },
            separators=(",", ":"),
        )

    def _add_exporters(self, table: pa.Table) -> None:
        high, low = (_numbers(table, f"sampler_address_{half}") for half in ("hi", "lo"))
        pairs = np.unique(np.stack([high, low]), axis=1, return_counts=True) if high.any() else None
        if pairs is None:
            lows, counts = np.unique(low, return_counts=True)
            highs = np.zeros_like(lows)
        else:
            (highs, lows), counts = pairs
        for one_high, one_low, count in zip(highs.tolist(), lows.tolist(), counts.tolist(), strict=True):
            if self.exporters is not None:
                address = (one_high & 0xFFFFFFFFFFFFFFFF) << 64 | one_low & 0xFFFFFFFFFFFFFFFF
                self.exporters[address] = self.exporters.get(address, 0) + count
                if len(self.exporters) > _MAX_ENTRIES:
                    self.exporters = None

    def _add_sums(self, table: pa.Table) -> None:
        classes = _CLASS_OF[_numbers(table, "proto")]
        minutes, minute_codes = np.unique(_numbers(table, "time_received_ms") // _MINUTE_MS, return_inverse=True)
        rates, rate_codes = _codes(_numbers(table, "sampling_rate"))
        cells = (minute_codes * len(CLASSES) + classes) * len(rates) + rate_codes
        used, cell_codes = _codes(cells)
        sums = [_exact_sums(cell_codes, _numbers(table, name), len(used)) for name in ("flows", "packets", "bytes")]
        for cell, *amounts in zip(used.tolist(), *sums, strict=True):
            class_code = cell // len(rates) % len(CLASSES)
            _add_to(self.classes, class_code, amounts)
            if self.series is not None:
                minute = int(minutes[cell // len(rates) // len(CLASSES)]) * _MINUTE_MS
                _add_to(self.series, (minute, class_code, int(rates[cell % len(rates)])), amounts)
                if len(self.series) > _MAX_ENTRIES:
                    self.series = None


def is_foreign(path: Path) -> bool:
    """Whether this is a sound Parquet file that no store of ours wrote. One that is damaged may be ours."""
    try:
        return KEY.encode() not in (pq.read_metadata(path).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def read_footer(path: Path) -> dict[str, Any]:
    """What the footer of a sealed file says.

    Raises:
        CorruptFile: no sound Parquet file of ours.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        return parse_footer(file, str(path))


def parse_footer(file: Any, path: str) -> dict[str, Any]:
    """What the footer of an open file says; of the file no more than its end need be there.

    Raises:
        CorruptFile: as `read_footer`; its text begins with `path`.
    """
    try:
        metadata = pq.read_metadata(file)
        about = json.loads((metadata.metadata or {})[KEY.encode()])
        if about["rows"] != metadata.num_rows:
            raise CorruptFile(f"{path}: the footer counts {about['rows']} rows, the file has {metadata.num_rows}")
        _check(about)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptFile(f"{path}: not a sound file of this store: {text.clean(str(error))}") from error
    return {**about, "ident": text.clean(about["ident"])}


def _check(about: dict[str, Any]) -> None:
    """Raise ValueError unless everything that is read of a footer is of its type."""
    numbers = [about[name] for name in ("rows", "flows", "packets", "bytes", "slot_ms", "slot_seconds")]
    texts = [about["segment"], about["ident"], *(replaced := about.get("replaces", []))]
    notes = about["notes"]
    if not isinstance(notes, dict) or not all(type(number) is int for number in (*numbers, *notes.values())):
        raise ValueError("a number of the footer is none")
    if not isinstance(replaced, list) or not all(isinstance(part, str) for part in texts):
        raise ValueError("a text of the footer is none")


def totals(about: Mapping[str, Any]) -> tuple[Sums, Counts]:
    """Sums and notes of a footer that `read_footer` gave."""
    return (about["flows"], about["packets"], about["bytes"]), dict(about["notes"])


def _numbers(table: pa.Table, column: str) -> NDArray[Any]:
    """A column as NumPy array, nulls as 0."""
    values: Any = table.column(column)
    if values.null_count:
        values = values.fill_null(0)
    array: NDArray[Any] = values.to_numpy()
    return array


def _codes(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Distinct values, and for each row the place of its value; quick if there is only one."""
    if (values == values[0]).all():
        return values[:1], np.zeros(len(values), np.int64)
    distinct, codes = np.unique(values, return_inverse=True)
    return distinct, codes


def _exact_sums(cells: NDArray[np.int64], values: NDArray[np.int64], count: int) -> list[int]:
    """Sum of non-negative values per cell, exact: halves of 32 bits stay below 2^53 for 2^21 rows."""
    low = np.bincount(cells, values & 0xFFFFFFFF, count)
    high = np.bincount(cells, values >> 32, count)
    return [(int(h) << 32) + int(part) for h, part in zip(high.tolist(), low.tolist(), strict=True)]


def _add_to(into: dict[Any, Sums], key: object, amounts: list[int]) -> None:
    flows, packets, octets = into.get(key, (0, 0, 0))
    into[key] = (flows + amounts[0], packets + amounts[1], octets + amounts[2])
