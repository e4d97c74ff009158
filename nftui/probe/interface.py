"""An interface that is captured from: it may go down, vanish and come back while the probe runs."""

from __future__ import annotations

import socket
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Protocol

from nftui.engine.clock import Clock
from nftui.probe.packets import PacketBlock
from nftui.probe.ring import PacketRing
from nftui.probe.statistics import CaptureStatistics

ANY = "any"
_UP = 1
_LOST = ("rx_missed_errors", "rx_fifo_errors")
"""Counters of packets that the interface could not take, those that libpcap reads."""


class State(Enum):
    """What an interface does."""

    CAPTURING = "capturing"
    DOWN = "down"
    GONE = "gone"


class CaptureSource(Protocol):
    """Where live packets come from."""

    name: str

    def fileno(self) -> int:
        """Readable when packets wait."""
        ...

    def read(self) -> list[PacketBlock]:
        """Packets that are ready, valid until `release`."""
        ...

    def release(self) -> None:
        """The packets of the last `read` are done with."""
        ...

    def check(self) -> None:
        """Look at the interface; called about twice a second."""
        ...

    def statistics(self) -> CaptureStatistics:
        """Its numbers; may be called by any thread."""
        ...

    def close(self) -> None:
        """End."""
        ...


class RingSource:
    """A ring on one interface, or on all of them for `any`.

    Args:
        name: name of the interface.
        ring: opened, not bound.
        promiscuous: take packets for other hosts too.
        clock: time, for the length of gaps.
        number: interface number for records, None for the system's.

    Raises:
        OSError: the interface cannot be captured from.
    """

    def __init__(self, name: str, ring: PacketRing, promiscuous: bool, clock: Clock, number: int | None) -> None:
        self.name = name
        self._ring = ring
        self._promiscuous = promiscuous and name != ANY
        self._clock = clock
        self._number = number
        self._lost_since = 0.0
        self._gaps = 0
        self._gap_seconds = 0.0
        self._index = 0
        self._state = State.GONE
        self._lost = 0
        self._seen_lost = 0
        if _is_loopback(name):
            ring.ignore_outgoing()
        self._bind()
        self._statistics = self._numbers()

    def fileno(self) -> int:
        """Descriptor of the socket."""
        return self._ring.socket.fileno()

    def read(self) -> list[PacketBlock]:
        """Packets that are ready."""
        blocks = self._ring.read()
        if self._number is not None:
            for block in blocks:
                block.interface = self._number
        return blocks

    def release(self) -> None:
        """Give memory back to the kernel."""
        self._ring.release()

    def check(self) -> None:
        """Follow the interface: note that it went, bind again when one of its name is back."""
        self._ring.take_error()
        self._ring.update_statistics()
        if self.name != ANY:
            self._count_lost()
            state = self._look()
            if state is not self._state:
                self._move(state)
        self._statistics = self._numbers()

    def statistics(self) -> CaptureStatistics:
        """Numbers of the last `check`."""
        return self._statistics

    def close(self) -> None:
        """Close the socket."""
        self._ring.close()

    def _look(self) -> State:
        try:
            index = socket.if_nametoindex(self.name)
        except OSError:
            return State.GONE
        if index != self._index or self._state is State.GONE:
            if self._state is State.CAPTURING:
                # It went and came back between two looks.
                self._move(State.GONE)
            try:
                self._bind()
            except OSError:
                return State.DOWN
        return State.CAPTURING if _read_number(self.name, "flags", 16) & _UP else State.DOWN

    def _move(self, state: State) -> None:
        now = self._clock.monotonic()
        if self._state is State.CAPTURING:
            self._gaps += 1
            self._lost_since = now
        elif state is State.CAPTURING:
            self._gap_seconds += now - self._lost_since
        self._state = state

    def _bind(self) -> None:
        self._ring.bind("" if self.name == ANY else self.name, self._promiscuous)
        if self.name != ANY:
            self._index = socket.if_nametoindex(self.name)
            self._seen_lost = self._read_lost()
        if self._state is State.GONE and not self._gaps:
            up = self.name == ANY or _read_number(self.name, "flags", 16) & _UP
            self._state = State.CAPTURING if up else State.DOWN
            self._lost_since = self._clock.monotonic()

    def _read_lost(self) -> int:
        return sum(_read_number(self.name, f"statistics/{name}") for name in _LOST)

    def _count_lost(self) -> None:
        """Add what the interface lost since the last look; another one of its name counts from 0."""
        now = self._read_lost()
        self._lost += max(0, now - self._seen_lost)
        self._seen_lost = now

    def _numbers(self) -> CaptureStatistics:
        gap = self._gap_seconds
        if self._state is not State.CAPTURING:
            gap += self._clock.monotonic() - self._lost_since
        return CaptureStatistics(
            self.name,
            self._state.value,
            self._ring.received,
            self._ring.dropped,
            self._lost,
            self._gaps,
            gap,
            self._ring.used(),
        )


def _is_loopback(name: str) -> bool:
    return name != ANY and _read_number(name, "type") == 772


def _read_number(interface: str, item: str, base: int = 10) -> int:
    """A number that the kernel shows for an interface, 0 when it is gone."""
    with suppress(OSError, ValueError):
        return int(Path("/sys/class/net", interface, item).read_text(), base)
    return 0
