"""Export datagrams to one collector, counted."""

from __future__ import annotations

import errno
import socket

from nftui.engine.counters import Counts, add
from nftui.errors import ListenError

_BUFFER_BYTES = 4 << 20
_PASSING = frozenset({errno.ENOBUFS, errno.EAGAIN})


class Sender:
    """A connected UDP socket.

    Args:
        host: name or address of the collector.
        port: its port.

    Attributes:
        counts: `datagrams.sent`, `bytes.sent`, and `datagrams.refused` for those that nobody listened to.
        target: where to, for people.

    Raises:
        ListenError: the name is unknown or there is no way there.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            self._socket.connect(address)
        except OSError as error:
            raise ListenError(f"cannot send to {host}: {error.strerror}") from error
        name = f"[{address[0]}]" if family == socket.AF_INET6 else str(address[0])
        self.target = f"{name}:{port}"
        self.counts: Counts = {}

    def send(self, datagram: memoryview) -> None:
        """Send one datagram.

        A refusal belongs to an earlier one: the system tells of it with the next call, which is then made again.

        Raises:
            ListenError: the network does not take it.
        """
        for _ in range(3):
            try:
                self._socket.send(datagram)
            except ConnectionRefusedError:
                add(self.counts, {"datagrams.refused": 1})
                continue
            except OSError as error:
                if error.errno in _PASSING:
                    continue
                raise ListenError(f"cannot send to {self.target}: {error.strerror}") from error
            add(self.counts, {"datagrams.sent": 1, "bytes.sent": len(datagram)})
            return
        add(self.counts, {"datagrams.not_sent": 1})

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
