"""Preallocated room for many datagrams, filled by one system call.

recvmmsg(2) through ctypes fills the slots of one NumPy array: 0.8 us a datagram instead of 2.3 with a loop of
recvfrom_into, and no Python per datagram. Its argument, an array of struct mmsghdr, is a NumPy structured array
too; only the fields that the kernel overwrites are reset between calls. Systems without recvmmsg take the loop.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import socket
import struct
import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nftui.text import V4_PREFIX

SPARE_BYTES = 256
"""Readable bytes after the last slot: decoders gather 8 bytes at a time."""

MSGHDR = np.dtype(
    [
        ("name", "u8"), ("name_length", "u4"), ("pad0", "u4"), ("iov", "u8"), ("iov_length", "u8"),
        ("control", "u8"), ("control_length", "u8"), ("flags", "i4"), ("pad1", "u4"), ("length", "u4"), ("pad2", "u4"),
    ]
)  # fmt: skip
"""struct mmsghdr of 64-bit Linux."""

_NAME_BYTES = 32
_CONTROL_BYTES = 32
_SENDERS_REMEMBERED = 65_536


class Sender(NamedTuple):
    """Source of datagrams: 128-bit address, IPv4 mapped, and UDP port."""

    address: int
    port: int


class Slots:
    """Room for `count` datagrams of at most `size` bytes; this class fills it one datagram a call.

    Attributes:
        data: uint8[count * size + SPARE_BYTES]; datagram i starts at `offset[i]`.
        offset: int64[count].
        used: number of datagrams received since `clear`.
    """

    def __init__(self, count: int, size: int) -> None:
        self.data = np.zeros(count * size + SPARE_BYTES, np.uint8)
        self.offset: NDArray[np.int64] = np.arange(count, dtype=np.int64) * size
        self.used = 0
        self._count = count
        self._size = size
        self._length = np.zeros(count, np.int64)
        self._flags = np.zeros(count, np.int32)
        self._names = np.zeros((count, _NAME_BYTES // 8), np.uint64)
        self._factors = np.array([secrets.randbits(63) << 1 | 1 for _ in range(_NAME_BYTES // 8)], np.uint64)
        self._senders: dict[bytes, Sender] = {}
        self.drops_seen: int | None = None

    @property
    def full(self) -> bool:
        """Whether no slot is free."""
        return self.used == self._count

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes of each received datagram, int64[used]."""
        return self._length[: self.used]

    @property
    def oversize(self) -> NDArray[np.bool_]:
        """Which of the received datagrams were larger than a slot and lost their end."""
        cut: NDArray[np.bool_] = (self._flags[: self.used] & socket.MSG_TRUNC) != 0
        return cut

    def clear(self) -> None:
        """Make all slots free."""
        self.used = 0

    def receive(self, source: socket.socket) -> int:
        """Take what waits on a non-blocking socket into the free slots; the number of datagrams taken.

        `drops_seen` is set to the kernel's drop count of the socket if one came along, else to None.
        """
        start = self.used
        view = self.data.data
        self.drops_seen = None
        while self.used < self._count:
            place = int(self.offset[self.used])
            try:
                size, _, flags, name = source.recvmsg_into([view[place : place + self._size]])
            except (BlockingIOError, ConnectionError, InterruptedError):
                break
            self._length[self.used] = size
            self._flags[self.used] = flags
            self._names[self.used] = np.frombuffer(_pack_name(source.family, name), np.uint64)
            self.used += 1
        return self.used - start

    def senders(self) -> tuple[list[Sender], NDArray[np.int64]]:
        """Distinct senders of the received datagrams, and for each datagram the index of its sender."""
        names = self._names[: self.used]
        if not len(names):
            return [], np.zeros(0, np.int64)
        if (names == names[0]).all():
            return [self._sender(names[0].tobytes())], np.zeros(self.used, np.int64)
        mixed = np.bitwise_xor.reduce(names * self._factors, axis=1)
        found, index = np.unique(mixed, return_inverse=True)
        first = np.zeros(len(found), np.int64)
        first[index] = np.arange(self.used)  # any row of each: return_index would sort stably, and slowly
        if not (names[first[index]] == names).all():  # two senders with one hash: compare whole names
            _, first, index = np.unique(names, axis=0, return_index=True, return_inverse=True)
        return [self._sender(names[row].tobytes()) for row in first], index.reshape(-1)

    def _sender(self, name: bytes) -> Sender:
        known = self._senders.get(name)
        if known is None:
            if len(self._senders) >= _SENDERS_REMEMBERED:
                self._senders.clear()
            known = self._senders[name] = _unpack_name(name)
        return known


class BatchSlots(Slots):
    """The same room, filled by recvmmsg(2)."""

    def __init__(self, count: int, size: int) -> None:
        super().__init__(count, size)
        self._iov = np.zeros(count, [("base", "u8"), ("length", "u8")])
        self._iov["base"] = self.data.ctypes.data + self.offset
        self._iov["length"] = size
        self._control = np.zeros((count, _CONTROL_BYTES), np.uint8)
        number = np.arange(count)
        self._headers = np.zeros(count, MSGHDR)
        self._headers["name"] = self._names.ctypes.data + _NAME_BYTES * number
        self._headers["name_length"] = _NAME_BYTES
        self._headers["iov"] = self._iov.ctypes.data + self._iov.itemsize * number
        self._headers["iov_length"] = 1
        self._headers["control"] = self._control.ctypes.data + _CONTROL_BYTES * number
        self._headers["control_length"] = _CONTROL_BYTES
        self._pointer = self._headers.ctypes.data
        self._call = _recvmmsg()

    def receive(self, source: socket.socket) -> int:
        """Take what waits on a socket into the free slots, in one system call."""
        start = self.used
        self.drops_seen = None
        taken = self._call(source.fileno(), self._pointer + 64 * start, self._count - start, socket.MSG_DONTWAIT, None)
        if taken < 0:
            error = ctypes.get_errno()
            if error not in {errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED}:
                raise OSError(error, os.strerror(error))
            return 0
        if taken:
            self._finish(start, start + taken, source.family)
        return int(taken)

    def _finish(self, start: int, end: int, family: int) -> None:
        headers = self._headers[start:end]
        self._length[start:end] = headers["length"]
        self._flags[start:end] = headers["flags"]
        if family == socket.AF_INET:  # the kernel wrote 16 bytes; what follows belongs to an older, longer name
            self._names[start:end, 2:] = 0
        if headers["control_length"][-1] >= 20:  # struct cmsghdr of 16 bytes and the u32
            self.drops_seen = int.from_bytes(self._control[end - 1, 16:20].tobytes(), sys.byteorder)
        headers["name_length"] = _NAME_BYTES
        headers["control_length"] = _CONTROL_BYTES
        self.used = end


def make_slots(count: int, size: int) -> Slots:
    """The fastest kind of slots that this system has."""
    if sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8 and hasattr(ctypes.CDLL(None), "recvmmsg"):
        return BatchSlots(count, size)
    return Slots(count, size)


def _recvmmsg() -> ctypes._NamedFuncPointer:
    call = ctypes.CDLL(None, use_errno=True).recvmmsg
    call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
    call.restype = ctypes.c_int
    return call


def _pack_name(family: int, name: tuple[str, int]) -> bytes:
    """The kernel's sockaddr_in or sockaddr_in6 of an address, in 32 bytes."""
    host = socket.inet_pton(family, name[0].partition("%")[0])
    between = b"" if family == socket.AF_INET else bytes(4)
    return (struct.pack("=H", family) + struct.pack("!H", name[1]) + between + host).ljust(_NAME_BYTES, b"\0")


def _unpack_name(name: bytes) -> Sender:
    family, port = int.from_bytes(name[:2], sys.byteorder), int.from_bytes(name[2:4], "big")
    if family == socket.AF_INET:
        return Sender(V4_PREFIX | int.from_bytes(name[4:8], "big"), port)
    return Sender(int.from_bytes(name[8:24], "big"), port)
