"""Datagrams to other collectors, as they were received: nfcapd's `-R`.

sendmmsg(2) sends straight from the memory that recvmmsg(2) filled. Nothing waits: what a socket does not take at once
is counted as failed. The other collector sees this machine as the sender; sending with the exporter's own address
would need raw sockets and a network that lets foreign sources pass.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.counters import Counts
from nftui.engine.ingest.slots import MSGHDR
from nftui.engine.ingest.udp import Endpoint, parse_endpoint
from nftui.errors import ListenError, UsageError

MOST_TARGETS = 8
_IOV = np.dtype([("base", "u8"), ("length", "u8")])
_BUFFER_BYTES = 4 << 20


def parse_target(text: str) -> Endpoint:
    """Read `HOST/PORT`, as nfcapd has it, `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        UsageError: not of that form.
    """
    host, slash, port = text.strip().rpartition("/")
    if slash:
        bare = host.removeprefix("[").removesuffix("]")
        text = f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"
    try:
        target = parse_endpoint(text)
    except UsageError:
        raise UsageError(f"-R {text}: expected HOST/PORT or HOST:PORT") from None
    if not target.host:
        raise UsageError(f"-R {text}: a host is needed, HOST/PORT")
    return target


def parse_targets(texts: Sequence[str]) -> list[Endpoint]:
    """Read all targets.

    Raises:
        UsageError: one is wrong, or there are more than `MOST_TARGETS`.
    """
    if len(texts) > MOST_TARGETS:
        raise UsageError(f"-R: at most {MOST_TARGETS} collectors, not {len(texts)}")
    return [parse_target(text) for text in texts]


@dataclass(slots=True)
class Target:
    """Another collector.

    Attributes:
        label: as the user wrote it, `HOST:PORT`.
        socket: connected and non-blocking.
        sent: datagrams given to the kernel, without those of which it learnt that nobody took them.
        failed: the others.
    """

    label: str
    socket: socket.socket
    sent: int = 0
    failed: int = 0


class Forwarder:
    """Sends datagrams on. For one thread.

    Raises:
        ListenError: a target has no address.
    """

    def __init__(self, targets: Sequence[Endpoint]) -> None:
        self.targets: list[Target] = []
        self._call = _sendmmsg()
        try:
            for endpoint in targets:
                self.targets.append(Target(endpoint.label, _connect(endpoint)))
        except OSError as error:
            self.close()
            raise ListenError(f"cannot forward to {endpoint.label}: {error.strerror or error}") from error

    def send(self, data: NDArray[np.uint8], offset: NDArray[np.int64], length: NDArray[np.int64]) -> Counts:
        """Send datagrams to all targets; `forward.sent` and `forward.failed`.

        Args:
            data: arena.
            offset: int64[n], start of each datagram.
            length: int64[n], its bytes.
        """
        counts: Counts = {}
        for target in self.targets:
            sent = self._send(target.socket, data, offset, length)
            target.sent += sent
            target.failed += len(offset) - sent
            for kind, amount in (("sent", sent), ("failed", len(offset) - sent)):
                if amount:
                    counts[f"forward.{kind}"] = counts.get(f"forward.{kind}", 0) + amount
        return counts

    def close(self) -> None:
        """Give the sockets back."""
        for target in self.targets:
            target.socket.close()

    def _send(
        self, opened: socket.socket, data: NDArray[np.uint8], offset: NDArray[np.int64], length: NDArray[np.int64]
    ) -> int:
        if self._call is None:
            return _send_singly(opened, data, offset, length)
        vectors = np.zeros(len(offset), _IOV)
        vectors["base"] = data.ctypes.data + offset
        vectors["length"] = length
        messages = np.zeros(len(offset), MSGHDR)
        messages["iov"] = vectors.ctypes.data + _IOV.itemsize * np.arange(len(offset))
        messages["iov_length"] = 1
        done = sent = refused = 0
        while done < len(offset):
            pointer = messages.ctypes.data + MSGHDR.itemsize * done
            taken = self._call(opened.fileno(), pointer, len(offset) - done, socket.MSG_DONTWAIT)
            if taken > 0:
                sent, done = sent + taken, done + taken
                continue
            error = ctypes.get_errno()
            if error == errno.ECONNREFUSED and refused <= sent:
                refused += 1  # the answer to an earlier datagram; this one was not tried
            elif error in {errno.EMSGSIZE, errno.ECONNREFUSED}:
                done += 1
            else:
                break  # no room, no route: the others would fare alike
        return max(0, sent - refused)


def _connect(endpoint: Endpoint) -> socket.socket:
    family, kind, protocol, _, name = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM)[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setblocking(False)
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        opened.connect(name)
    except OSError:
        opened.close()
        raise
    return opened


def _send_singly(
    opened: socket.socket, data: NDArray[np.uint8], offset: NDArray[np.int64], length: NDArray[np.int64]
) -> int:
    sent = refused = 0
    view = data.data
    for start, size in zip(offset.tolist(), length.tolist(), strict=True):
        for _ in range(2):
            try:
                opened.send(view[start : start + size])
            except ConnectionRefusedError:
                refused += 1  # the answer to an earlier datagram; this one was not tried
            except BlockingIOError:
                return max(0, sent - refused)
            except OSError:
                break
            else:
                sent += 1
                break
    return max(0, sent - refused)


def _sendmmsg() -> ctypes._NamedFuncPointer | None:
    """sendmmsg(2), None where the system has none."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8 or not hasattr(ctypes.CDLL(None), "sendmmsg"):
        return None
    call = ctypes.CDLL(None, use_errno=True).sendmmsg
    call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
    call.restype = ctypes.c_int
    return call
