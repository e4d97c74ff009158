"""NetFlow v9 (RFC 3954): flow batches to export packets."""

from __future__ import annotations

import numpy as np

from nftui.engine.encode.datagrams import Assembled, Bytes
from nftui.engine.encode.templated import (
    OPTIONS_TEMPLATE_ID,
    SAMPLING_ALGORITHM,
    SAMPLING_INTERVAL,
    TemplatedEncoder,
)
from nftui.engine.schema import FlowSource

_SCOPE_SYSTEM = 1


class NetFlow9Encoder(TemplatedEncoder):
    """Encoder of one NetFlow v9 exporter and source identifier; the sequence number counts export packets.

    The header has whole seconds; its sysUptime is the one at that second, so that flow times come back exactly.
    """

    version = FlowSource.V9
    header_bytes = 20
    template_set = 0
    options_set = 1

    def _headers(self, assembled: Assembled, export_ms: int) -> Bytes:
        packets = len(assembled.records)
        seconds = export_ms // 1000
        header = np.zeros(
            packets,
            [("version", ">u2"), ("count", ">u2"), ("uptime", ">u4"), ("seconds", ">u4"), ("sequence", ">u4"),
             ("source", ">u4")],
        )  # fmt: skip
        header["version"] = 9
        header["count"] = assembled.records
        header["uptime"] = (seconds * 1000 - self.boot_ms) & 0xFFFFFFFF
        header["seconds"] = seconds & 0xFFFFFFFF
        header["sequence"] = (self.sequence + np.arange(packets)) & 0xFFFFFFFF
        header["source"] = self.domain
        self.sequence = (self.sequence + packets) & 0xFFFFFFFF
        return header.view(np.uint8).reshape(packets, self.header_bytes)

    def _options_template(self) -> bytes:
        """RFC 3954 section 6.1: lengths of the specifiers in bytes, scope first."""
        words = (
            OPTIONS_TEMPLATE_ID, 4, 8,
            _SCOPE_SYSTEM, 4,
            SAMPLING_INTERVAL, 4,
            SAMPLING_ALGORITHM, 1,
        )  # fmt: skip
        return np.array(words, ">u2").tobytes()
