"""Live capture through scapy's sockets, for systems without AF_PACKET rings: slower, same results."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np

from nftui.engine.frames.views import Link
from nftui.errors import ListenError, PermissionDenied
from nftui.probe.packets import SPARE, PacketBlock
from nftui.probe.ring import IGNORE_OUTGOING, SOL_PACKET
from nftui.probe.statistics import CaptureStatistics

_MOST = 4096
"""Packets read at a time."""
_BUFFER_BYTES = 16 << 20
"""Receive buffer, as far as the system allows."""


class ScapySource:
    """A socket of scapy on one interface.

    Args:
        name: name of the interface.
        expression: packet filter.
        promiscuous: take packets for other hosts too.

    Raises:
        ListenError: the interface cannot be captured from.
        PermissionDenied: the right to capture is missing.
    """

    def __init__(self, name: str, expression: str, promiscuous: bool) -> None:
        # Importing the layer tells scapy how frames of an interface begin.
        import scapy.layers.inet  # noqa: F401
        from scapy.config import conf
        from scapy.error import Scapy_Exception

        self.name = name
        self._received = 0
        try:
            conf.bufsize = _BUFFER_BYTES
            listen: Any = conf.L2listen
            self._socket = listen(iface=name, filter=expression or None, promisc=promiscuous)
            if name == conf.loopback_name:
                with suppress(OSError, AttributeError):
                    self._socket.ins.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
        except PermissionError as error:
            raise PermissionDenied(f"no right to capture on {name}: {error.strerror}") from error
        except (OSError, Scapy_Exception) as error:
            raise ListenError(f"cannot capture on {name}: {error}") from error
        self._link = Link.ETHERNET if self._socket.LL.__name__ == "Ether" else Link.RAW

    def fileno(self) -> int:
        """Descriptor of the socket."""
        return int(self._socket.fileno())

    def read(self) -> list[PacketBlock]:
        """Packets that wait, as one block."""
        from scapy.data import MTU

        frames: list[bytes] = []
        times: list[int] = []
        while len(frames) < _MOST and self._socket.select([self._socket], 0):
            try:
                _, frame, stamp = self._socket.recv_raw(MTU)
            except OSError:
                break
            if frame:
                frames.append(frame)
                times.append(time.time_ns() if stamp is None else round(stamp * 1e9))
        self._received += len(frames)
        if not frames:
            return []
        lengths = np.array([len(frame) for frame in frames], np.int64)
        data = np.frombuffer(b"".join(frames) + bytes(SPARE), np.uint8)
        stamps = np.array(times, np.int64)
        seconds, rest = stamps // 1_000_000_000, stamps % 1_000_000_000
        start = np.cumsum(lengths) - lengths
        return [PacketBlock(data, start, lengths, lengths, seconds, rest, self._link)]

    def release(self) -> None:
        """Nothing is shared with the kernel."""

    def check(self) -> None:
        """Scapy does not say what becomes of an interface."""

    def statistics(self) -> CaptureStatistics:
        """Packets read; scapy does not count what the kernel dropped."""
        return CaptureStatistics(self.name, "capturing", self._received)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
