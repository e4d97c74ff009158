"""The exporters of the demo: they encode the made-up traffic and send it over loopback, in real time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nftui.demo.traffic import STEP_MS, Traffic
from nftui.demo.world import SOURCES, Exporter
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock, SystemClock
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.errors import ListenError

_UPTIME_MS = {Exporter.EDGE: 41 * 86_400_000, Exporter.CORE: 12 * 86_400_000}
"""How long the routers have been up, which is what their flow times count from."""

_NAMES = frozenset({"application_name", "username", "in_if_name", "flow_end_reason"})
"""Fields that only the firewall exports."""

_BURST, _REST_SECONDS = 8, 0.001
"""Datagrams sent at once, and the rest after them, so that no socket buffer overflows."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What one exporter has sent.

    Attributes:
        address: source address.
        protocol: export protocol, for people.
        datagrams: datagrams sent.
        flows: flow records in them.
        packets: sum over the records.
        octets: sum over the records.
    """

    address: str
    protocol: str
    datagrams: int = 0
    flows: int = 0
    packets: int = 0
    octets: int = 0


PROTOCOLS = {Exporter.EDGE: "NetFlow v9", Exporter.BRANCH: "IPFIX", Exporter.CORE: "NetFlow v5"}


class Exporters:
    """A thread that sends the traffic of all exporters to one collector.

    Args:
        target: host and port of the collector.
        rate: flows per second, about.
        seed: of the traffic.
        clock: time, injectable.
    """

    def __init__(self, target: tuple[str, int], rate: float, seed: int, clock: Clock | None = None) -> None:
        self._target = target
        self._rate = rate
        self._seed = seed
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._sent = {exporter: Exported(SOURCES[exporter], PROTOCOLS[exporter]) for exporter in Exporter}
        self._sockets: dict[Exporter, socket.socket] = {}
        self._encoders: dict[Exporter, NetFlow5Encoder | NetFlow9Encoder | IpfixEncoder] = {}
        self._thread = threading.Thread(target=self._run, name="exporters", daemon=True)
        self.error: Exception | None = None
        """What ended sending early, or None."""

    def start(self) -> None:
        """Open the sockets and begin to send.

        Raises:
            ListenError: a loopback address cannot be used.
        """
        for exporter, address in SOURCES.items():
            try:
                opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._sockets[exporter] = opened
                opened.bind((address, 0))
            except OSError as error:
                self._close()
                raise ListenError(f"cannot send from {address}: {error.strerror}") from error
        self._thread.start()

    def stop(self) -> None:
        """Export what is still under way, as a router does that shuts down, and end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._close()

    def exported(self) -> Sequence[Exported]:
        """What each exporter has sent so far."""
        with self._lock:
            return list(self._sent.values())

    def _close(self) -> None:
        for opened in self._sockets.values():
            opened.close()

    def _run(self) -> None:
        start_ms = self._clock.now_ms()
        self._encoders = {
            Exporter.EDGE: NetFlow9Encoder(
                1, boot_ms=start_ms - _UPTIME_MS[Exporter.EDGE], sampling_rate=1, skip=_NAMES
            ),
            Exporter.BRANCH: IpfixEncoder(20, refresh_datagrams=20, skip={"src_as", "dst_as"}),
            Exporter.CORE: NetFlow5Encoder(boot_ms=start_ms - _UPTIME_MS[Exporter.CORE]),
        }
        traffic = Traffic(self._rate, self._seed, start_ms)
        began = self._clock.monotonic()
        try:
            while not self._stopping.is_set():
                due = began + (traffic.now_ms + STEP_MS - start_ms) / 1000
                if self._stopping.wait(max(0.0, due - self._clock.monotonic())):
                    break
                self._send(traffic.step(), traffic.now_ms)
            self._send(traffic.finish(), traffic.now_ms)
        except Exception as error:  # told by the command: a thread dies without a word
            self.error = error

    def _send(self, step: dict[Exporter, FlowBatch], now_ms: int) -> None:
        for exporter, batch in step.items():
            datagrams = self._encoders[exporter].encode(batch, now_ms)
            for number, datagram in enumerate(datagrams):
                self._sockets[exporter].sendto(datagram, self._target)
                if number % _BURST == _BURST - 1:
                    time.sleep(_REST_SECONDS)
            packets, octets = (int(batch.columns[name].sum()) for name in ("packets", "bytes"))
            with self._lock:
                sent = self._sent[exporter]
                self._sent[exporter] = replace(
                    sent,
                    datagrams=sent.datagrams + len(datagrams),
                    flows=sent.flows + int(datagrams.flows.sum()),
                    packets=sent.packets + packets,
                    octets=sent.octets + octets,
                )
