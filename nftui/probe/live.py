"""The live probe: sources, the loop that empties them, and its end."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from nftui.engine.clock import Clock
from nftui.engine.frames.views import Link
from nftui.errors import ListenError, UsageError
from nftui.probe.bpf import compile_filter
from nftui.probe.interface import ANY, CaptureSource, RingSource
from nftui.probe.privileges import missing_right
from nftui.probe.probe import Probe
from nftui.probe.ring import RING_BYTES, PacketRing, exists, is_ethernet
from nftui.probe.scapy_source import ScapySource
from nftui.probe.statistics import CaptureStatistics

SNAPLEN = 128
"""Bytes kept of a packet: two VLAN tags, a few labels, IPv6 with a short extension header, TCP."""
TUNNEL_SNAPLEN = 256
"""The same when the headers inside of a tunnel are wanted too."""

_WAIT_MS = 50
_CHECK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class CaptureConfig:
    """What to capture.

    Attributes:
        interfaces: names, or `any`.
        expression: packet filter, see pcap-filter(7).
        promiscuous: take packets for other hosts too.
        snaplen: bytes kept of each packet.
        ring_bytes: size of the ring of each interface.
        engine: `ring` (AF_PACKET) or `scapy`; `auto` for the ring where the system has it.
        numbers: interface numbers for records, by name, in place of the system's.
    """

    interfaces: tuple[str, ...]
    expression: str = ""
    promiscuous: bool = True
    snaplen: int = SNAPLEN
    ring_bytes: int = RING_BYTES
    engine: Literal["auto", "ring", "scapy"] = "auto"
    numbers: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 64 <= self.snaplen <= 65_535:
            raise UsageError("the capture length must be between 64 and 65535")
        if not 2 << 20 <= self.ring_bytes <= 1 << 31:
            raise UsageError("the ring must have between 2 MiB and 2 GiB")


def open_sources(config: CaptureConfig, clock: Clock) -> list[CaptureSource]:
    """Open all interfaces; this is where rights are needed.

    Raises:
        PermissionDenied: CAP_NET_RAW is missing.
        UsageError: there is no such interface, or the filter is wrong.
        ListenError: an interface cannot be captured from.
    """
    opened: list[CaptureSource] = []
    try:
        opened.extend(_open(name, config, clock) for name in config.interfaces)
    except BaseException:
        for source in opened:
            source.close()
        raise
    return opened


def _open(name: str, config: CaptureConfig, clock: Clock) -> CaptureSource:
    rings = hasattr(socket, "AF_PACKET")
    if config.engine == "scapy" or (config.engine == "auto" and not rings):
        return ScapySource(name, config.expression, config.promiscuous)
    if name != ANY and not exists(name):
        known = ", ".join(sorted(item for _, item in socket.if_nameindex()))
        raise UsageError(f"no interface {name}; there are {known}, and any")
    cooked = name == ANY or not is_ethernet(name)
    link = Link.NETWORK if cooked else Link.ETHERNET
    program = compile_filter(config.expression, link, config.snaplen)
    try:
        ring = PacketRing(cooked, program, config.ring_bytes)
    except PermissionError as error:
        raise missing_right(name) from error
    except OSError as error:
        raise ListenError(f"cannot capture on {name}: {error.strerror or error}") from error
    try:
        return RingSource(name, ring, config.promiscuous, clock, config.numbers.get(name))
    except OSError as error:
        ring.close()
        raise ListenError(f"cannot capture on {name}: {error.strerror or error}") from error


class LiveProbe:
    """Moves packets from sources to a probe until it is stopped.

    Args:
        probe: meters them.
        sources: opened interfaces.
        clock: time.
    """

    def __init__(self, probe: Probe, sources: Sequence[CaptureSource], clock: Clock) -> None:
        self._probe = probe
        self._sources = list(sources)
        self._clock = clock
        self._statistics: tuple[CaptureStatistics, ...] = tuple(source.statistics() for source in sources)
        probe.captures = lambda: self._statistics

    def run(self, stopping: threading.Event, packets: int | None = None) -> None:
        """Capture until `stopping` is set; packets that already wait are still metered.

        Args:
            stopping: ends the loop within a twentieth of a second.
            packets: ends it too, after about so many packets.
        """
        poller = select.poll()
        for source in self._sources:
            poller.register(source.fileno(), select.POLLIN)
        checked = self._clock.monotonic()
        seen = 0
        last_round = False
        while True:
            busy = 0
            for source in self._sources:
                busy += self._empty(source)
            seen += busy
            now = self._clock.monotonic()
            if now - checked >= _CHECK_SECONDS:
                checked = now
                self.check()
            self._probe.tick()
            if last_round or (packets is not None and seen >= packets):
                break
            last_round = stopping.is_set()
            if not busy and not last_round and any(event & ~select.POLLIN for _, event in poller.poll(_WAIT_MS)):
                # An interface went away. Taking the error from its socket keeps the loop from spinning.
                self.check()
        self.check()

    def check(self) -> None:
        """Look at the interfaces and take over their numbers."""
        for source in self._sources:
            with suppress(OSError):
                source.check()
        self._statistics = tuple(source.statistics() for source in self._sources)

    def close(self) -> None:
        """Close the interfaces."""
        for source in self._sources:
            source.close()

    def _empty(self, source: CaptureSource) -> int:
        """Meter what waits; returns the number of packets."""
        blocks = source.read()
        for block in blocks:
            self._probe.feed(block)
        source.release()
        return sum(len(block) for block in blocks)
