"""IPFIX files (RFC 5655): messages one after the other, each template ahead of its first record.

Exporter, observation domain and time of reception, which a message does not carry for its flows, are elements of
each record: exporterIPv4Address or exporterIPv6Address, observationDomainId and collectionTimeMilliseconds.
"""

from __future__ import annotations

from typing import Any

from nftui.engine.archive.writing import FlowWriter, Sink
from nftui.engine.batch import FlowBatch
from nftui.engine.counters import add
from nftui.engine.encode.ipfix import IpfixEncoder

_MESSAGE_BYTES = 65_504
"""Below the 16 bits of a message's length."""
_NEVER = 1 << 62


class IpfixWriter(FlowWriter):
    """Writes one file.

    Args:
        sink: where to.
    """

    def __init__(self, sink: Sink) -> None:
        super().__init__(sink)
        self._encoder = IpfixEncoder(
            payload_bytes=_MESSAGE_BYTES, refresh_datagrams=_NEVER, refresh_ms=_NEVER, provenance=True
        )

    def write(self, batch: FlowBatch) -> None:
        """Add flows; those with the same fields come to lie together."""
        if len(batch):
            messages = self._encoder.encode(batch, int(batch.columns["time_received_ms"].max()))
            self.sink.append(messages.data.tobytes())
            add(self.counts, messages.counts)

    def state(self) -> dict[str, Any]:
        """Sequence number and the number of templates so far."""
        return {"sequence": self._encoder.sequence, "templates": self._encoder.templates.made}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on with new template identifiers: the announced ones stay as they are."""
        self._encoder.sequence = int(state["sequence"])
        self._encoder.templates.made = int(state["templates"])
