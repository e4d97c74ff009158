"""IPFIX (RFC 7011): flow batches to messages for UDP."""

from __future__ import annotations

import numpy as np

from nftui.engine.encode.datagrams import Assembled, Bytes
from nftui.engine.encode.templated import (
    OPTIONS_TEMPLATE_ID,
    SAMPLING_ALGORITHM,
    SAMPLING_INTERVAL,
    TemplatedEncoder,
    before,
)
from nftui.engine.schema import FlowSource

_OBSERVATION_DOMAIN_ID = 149


class IpfixEncoder(TemplatedEncoder):
    """Encoder of one IPFIX exporter and observation domain; the sequence number counts data records."""

    version = FlowSource.IPFIX
    header_bytes = 16
    template_set = 2
    options_set = 3

    def _headers(self, assembled: Assembled, export_ms: int) -> Bytes:
        messages = len(assembled.records)
        header = np.zeros(
            messages,
            [("version", ">u2"), ("length", ">u2"), ("seconds", ">u4"), ("sequence", ">u4"), ("domain", ">u4")],
        )
        header["version"] = 10
        header["length"] = assembled.datagrams.length
        header["seconds"] = export_ms // 1000 & 0xFFFFFFFF
        header["sequence"] = before(assembled.data_records, self.sequence)
        header["domain"] = self.domain
        self.sequence = (self.sequence + int(assembled.data_records.sum())) & 0xFFFFFFFF
        return header.view(np.uint8).reshape(messages, self.header_bytes)

    def _options_template(self) -> bytes:
        """RFC 7011 section 3.4.2.2: field count, scope field count, scope first."""
        words = (
            OPTIONS_TEMPLATE_ID, 3, 1,
            _OBSERVATION_DOMAIN_ID, 4,
            SAMPLING_INTERVAL, 4,
            SAMPLING_ALGORITHM, 1,
        )  # fmt: skip
        return np.array(words, ">u2").tobytes()
