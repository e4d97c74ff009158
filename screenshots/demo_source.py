"""The demo's traffic through the real encoders, decoder and live window, on a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Sequence

from fake_source import FakeSource

from nftui.demo.traffic import STEP_MS, Traffic
from nftui.demo.world import Exporter
from nftui.engine.counters import add
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.decode.status import ExporterStatus
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.engine.live.snapshot import LiveRequest
from nftui.text import parse_address

_ADDRESSES = {Exporter.EDGE: "192.0.2.1", Exporter.BRANCH: "192.0.2.65", Exporter.CORE: "192.0.2.129"}


class DemoSource(FakeSource):
    """What `nftui demo` shows after some minutes, the same in every run.

    Args:
        seconds: seconds of traffic before the screen opens.
        rate: flows per second.
        seed: which made-up company.
    """

    def __init__(self, seconds: int, rate: int = 400, seed: int = 1) -> None:
        super().__init__(empty=True, rate=rate)
        start_ms = self.clock.now_ms()
        self._traffic = Traffic(rate, seed, start_ms)
        self._encoders = {
            Exporter.EDGE: NetFlow9Encoder(1, boot_ms=start_ms - 86_400_000, sampling_rate=1),
            Exporter.BRANCH: IpfixEncoder(20, refresh_datagrams=20),
            Exporter.CORE: NetFlow5Encoder(boot_ms=start_ms - 9_000_000),
        }
        self._decoder = Decoder()
        self._ports = {
            exporter: self._decoder.session(parse_address(address), 40_000 + exporter)
            for exporter, address in _ADDRESSES.items()
        }
        for _ in range(seconds):
            self.advance()
            self.snapshot(LiveRequest(limit=1))

    def advance(self) -> None:
        """A second passes; what the exporters send in it arrives."""
        for _ in range(1000 // STEP_MS):
            self.clock.advance(STEP_MS / 1000)
            for exporter, batch in self._traffic.step().items():
                payloads = list(self._encoders[exporter].encode(batch, self._traffic.now_ms))
                if payloads:
                    sessions = [self._ports[exporter]] * len(payloads)
                    decoded = self._decoder.decode(block_of(payloads, sessions, self.clock.now_ms()))
                    add(self.counts, decoded.counts)
                    for flows in decoded.batches:
                        self.window.add(flows)
                        if self.stored is not None:
                            self.stored.batches.append(flows)

    def exporters(self) -> Sequence[ExporterStatus]:
        """What the decoder knows."""
        return self._decoder.exporters()
