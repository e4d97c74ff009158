"""What nfdump's files say of exporters and samplers, put into the flows that refer to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.archive.archive import Exporter, Sampler
from nftui.engine.archive.shapes import Builder
from nftui.engine.schema import FlowSource

_NUMBERS = 65_536
_SAMPLING_INTERVAL = (0, 305)
"""samplingPacketInterval."""
_SFLOW = 9999
"""Export version by which nfdump means sFlow."""


class ExporterTable:
    """Exporters of a file by their number, as columns to look up."""

    def __init__(self) -> None:
        self._high = np.zeros(_NUMBERS, np.uint64)
        self._low = np.zeros(_NUMBERS, np.uint64)
        self._domain = np.zeros(_NUMBERS, np.uint32)
        self._source = np.full(_NUMBERS, FlowSource.FILE, np.uint8)
        self._known = np.zeros(_NUMBERS, np.bool_)
        self._rate = np.zeros(_NUMBERS, np.uint32)

    def add(self, number: int, exporter: Exporter) -> None:
        """An exporter record."""
        self._high[number] = exporter.address >> 64
        self._low[number] = exporter.address & 0xFFFFFFFFFFFFFFFF
        self._domain[number] = exporter.domain
        sources = {int(source) for source in FlowSource if source <= FlowSource.IPFIX}
        version = FlowSource.SFLOW if exporter.version == _SFLOW else exporter.version
        self._source[number] = version if version in {*sources, FlowSource.SFLOW} else FlowSource.FILE
        self._known[number] = True

    def add_sampler(self, sampler: Sampler) -> None:
        """A sampler record. Of several samplers of an exporter the last one counts: flows do not say which it was."""
        self._rate[sampler.exporter] = min(sampler.rate, 0xFFFFFFFF)

    def fill(self, builder: Builder, exporter: NDArray[np.uint16], sampled: NDArray[np.bool_]) -> None:
        """Give flows what they do not say themselves.

        Args:
            builder: the flows.
            exporter: the number of each flow's exporter.
            sampled: which flows' counters were multiplied by the sampling rate.
        """
        if builder.wants("sampler_address"):
            missing = ~builder.has("sampler_address")
            if missing.any():
                rows = np.flatnonzero(missing)
                numbers = exporter[rows]
                builder.put_address("sampler_address", self._high[numbers], self._low[numbers], rows)
        if builder.wants("observation_domain_id"):
            rows = np.flatnonzero(~builder.has("observation_domain_id") & self._known[exporter])
            if len(rows):
                builder.put("observation_domain_id", self._domain[exporter[rows]], rows)
        if builder.wants("flow_source"):
            rows = np.flatnonzero((builder.column("flow_source") == FlowSource.FILE) & self._known[exporter])
            if len(rows):
                builder.put("flow_source", self._source[exporter[rows]], rows)
        if sampled.any():
            self._fill_sampling(builder, exporter, sampled)

    def _fill_sampling(self, builder: Builder, exporter: Any, sampled: Any) -> None:
        if builder.wants("sampling_rate"):
            builder.put("sampling_rate", np.ones(len(sampled), np.uint32), valid=sampled)
        if builder.wants("extra"):
            rates = self._rate[exporter]
            image = rates.astype(">u4").view(np.uint8).reshape(-1, 4)
            builder.keep(_SAMPLING_INTERVAL, image, sampled & (rates > 0))
