"""Live capture: a ring of blocks that the kernel fills and NumPy reads in place.

AF_PACKET with TPACKET_V3, Documentation/networking/packet_mmap.rst of the Linux kernel. A block holds the packets
of up to `RETIRE_MS`; its packets are found with one array comparison, proved by the chain of offsets that the
kernel writes, and walked one by one only where the proof fails.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.frames.views import Link, load
from nftui.probe.bpf import Program, attach
from nftui.probe.packets import SPARE, PacketBlock

BLOCK_BYTES = 1 << 20
RING_BYTES = 48 << 20
"""A third of a second at 600 000 packets/s with 128 bytes kept of each."""
RETIRE_MS = 40
"""A block with packets is handed over after this time even if it is not full: how late a quiet link is seen."""
BLOCKS_AT_ONCE = 8

SOL_PACKET, IGNORE_OUTGOING = 263, 23
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION = 1, 5, 6, 10
_TPACKET_V3 = 2
_PROMISCUOUS = 1
_ETH_P_ALL = 3
_USER = 1
_VLAN_VALID = 0x10
_OUTGOING = 4
_HEADER_BYTES = 48

_HEADER = np.dtype(
    {
        "names": ["next", "sec", "nsec", "snaplen", "len", "status", "mac", "tci"],
        "formats": ["u4", "u4", "u4", "u4", "u4", "u4", "u2", "u4"],
        "offsets": [0, 4, 8, 12, 16, 20, 24, 32],
        "itemsize": _HEADER_BYTES,
    }
)
"""struct tpacket3_hdr."""
_ADDRESS = np.dtype(
    {"names": ["protocol", "index", "type"], "formats": [">u2", "i4", "u1"], "offsets": [2, 4, 10], "itemsize": 20}
)
"""struct sockaddr_ll, behind the header."""


class PacketRing:
    """A packet socket and its ring. Opening needs CAP_NET_RAW, everything after that no right at all.

    Args:
        cooked: take packets without their link header, which interfaces that are not Ethernet need.
        program: packet filter; its return value is how many bytes are kept of a packet.
        ring_bytes: size of the ring.

    Raises:
        OSError: the socket cannot be opened or the ring cannot be made.
    """

    def __init__(self, cooked: bool, program: Program, ring_bytes: int = RING_BYTES) -> None:
        self.cooked = cooked
        self.received = 0
        self.dropped = 0
        self.fallbacks = 0
        """Blocks that had to be walked packet by packet."""
        kind = socket.SOCK_DGRAM if cooked else socket.SOCK_RAW
        self.socket = socket.socket(socket.AF_PACKET, kind, 0)
        try:
            self._count = max(2, ring_bytes // BLOCK_BYTES)
            self.socket.setsockopt(SOL_PACKET, _VERSION, _TPACKET_V3)
            attach(self.socket, program)
            frame = 2048
            request = (BLOCK_BYTES, self._count, frame, BLOCK_BYTES // frame * self._count, RETIRE_MS, 0, 0)
            self.socket.setsockopt(SOL_PACKET, _RX_RING, struct.pack("7I", *request))
            self._map = mmap.mmap(
                self.socket.fileno(), BLOCK_BYTES * self._count, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE
            )
        except OSError:
            self.socket.close()
            raise
        self._data = np.frombuffer(self._map, np.uint8)
        blocks = np.ndarray((self._count, 12), "u4", self._data, strides=(BLOCK_BYTES, 4))
        self._status, self._packets, self._first = blocks[:, 2], blocks[:, 3], blocks[:, 4]
        self._used = blocks[:, 5]
        self._words = self._data.view("u4").reshape(self._count, -1)
        self._current = 0
        self._pending: list[int] = []
        self._last_block = np.zeros(BLOCK_BYTES + SPARE, np.uint8)

    def bind(self, interface: str, promiscuous: bool) -> None:
        """Start capturing on an interface, or on all for an empty name. May be called again. Raises OSError."""
        index = socket.if_nametoindex(interface) if interface else 0
        # Python's own bind has no way to say "all interfaces", which is index 0 in packet(7).
        address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(_ETH_P_ALL), index, 0, 0, 0, b"")
        if ctypes.CDLL(None, use_errno=True).bind(self.socket.fileno(), address, len(address)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if promiscuous and index:
            self.socket.setsockopt(SOL_PACKET, _ADD_MEMBERSHIP, struct.pack("iHH8s", index, _PROMISCUOUS, 0, b""))

    def ignore_outgoing(self) -> None:
        """Do not take packets that this host sends: on the loopback interface each would come twice."""
        self.socket.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)

    def take_error(self) -> int:
        """The pending error of the socket, such as ENETDOWN, and forget it."""
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def update_statistics(self) -> None:
        """Add what the kernel counted since the last call, which resets its numbers."""
        packets, drops, _ = struct.unpack("3I", self.socket.getsockopt(SOL_PACKET, _STATISTICS, 12))
        self.received += packets
        self.dropped += drops

    def used(self) -> float:
        """Share of the ring that waits to be read."""
        return float(np.count_nonzero(self._status & _USER)) / self._count

    def read(self) -> list[PacketBlock]:
        """Packets of the blocks that are ready; they stay valid until `release`."""
        found = []
        for _ in range(min(BLOCKS_AT_ONCE, self._count)):
            number = self._current
            if not self._status[number] & _USER:
                break
            self._pending.append(number)
            self._current = (number + 1) % self._count
            if self._packets[number]:
                found.append(self._block(number))
        merged = [block for block in found if block.data is self._data]
        rest = [block for block in found if block.data is not self._data]
        return [_merge(merged), *rest] if len(merged) > 1 and not rest else found

    def release(self) -> None:
        """Give the blocks of the last `read` back to the kernel."""
        for number in self._pending:
            self._status[number] = 0
        self._pending.clear()

    def close(self) -> None:
        """Close the socket; the ring goes with it."""
        self.socket.close()

    def _block(self, number: int) -> PacketBlock:
        data, at = self._data, self._walk(number) + number * BLOCK_BYTES
        if number == self._count - 1:
            # Behind the last block there is nothing that could be read past a packet's end.
            self._last_block[:BLOCK_BYTES] = data[number * BLOCK_BYTES :]
            data, at = self._last_block, at - number * BLOCK_BYTES
        header = load(data, f"V{_HEADER_BYTES}")[at].view(_HEADER)
        address = load(data, "V20")[at + _HEADER_BYTES].view(_ADDRESS)
        vlan = np.where(header["status"] & _VLAN_VALID, header["tci"] & 0xFFF, 0).astype(np.uint16)
        block = PacketBlock(
            data,
            at + header["mac"],
            header["snaplen"],
            header["len"],
            header["sec"],
            header["nsec"],
            Link.NETWORK if self.cooked else Link.ETHERNET,
            address["index"].astype(np.uint32),
            address["protocol"].astype(np.uint16) if self.cooked else None,
            vlan if vlan.any() else None,
        )
        if self.cooked:
            twice = (address["type"] == _OUTGOING) & (address["index"] == 1)
            if twice.any():
                block = block.take(~twice)
        return block

    def _walk(self, number: int) -> NDArray[np.int64]:
        """Where the packet headers of a block lie, from its start."""
        count, first = int(self._packets[number]), int(self._first[number])
        words = self._words[number]
        # tp_mac and tp_net are alike in all packets, and headers lie at multiples of 8.
        mark = words[(first + 24) // 4]
        stop = min(int(self._used[number]), BLOCK_BYTES)
        found = np.flatnonzero(words[(first + 24) // 4 : stop // 4 : 2] == mark) * 8 + first
        if len(found) != count:
            # Old bytes of an earlier round can look like a header; a real one knows where it ends.
            following, kept = words[found // 4], words[found // 4 + 3]
            length = (kept + (mark & np.uint32(0xFFFF)) + np.uint32(7)) & ~np.uint32(7)
            found = found[(following == length) | (following == 0)]
        if (
            len(found) == count
            and int(found[0]) == first
            and bool((found[:-1] + words[found[:-1] // 4] == found[1:]).all())
        ):
            return found
        self.fallbacks += 1
        return self._walk_one_by_one(words, count, first)

    def _walk_one_by_one(self, words: NDArray[np.uint32], count: int, first: int) -> NDArray[np.int64]:
        found, position = [], first
        for _ in range(count):
            if not 0 <= position <= BLOCK_BYTES - _HEADER_BYTES:
                break
            found.append(position)
            position += int(words[position // 4])
        return np.array(found, np.int64)


def _merge(blocks: list[PacketBlock]) -> PacketBlock:
    """Blocks of one arena as one, so that each costs less."""
    first = blocks[0]

    def join(name: str) -> Any:
        return np.concatenate([getattr(block, name) for block in blocks])

    vlan = None
    if any(block.vlan is not None for block in blocks):
        vlan = np.concatenate([np.zeros(len(b), np.uint16) if b.vlan is None else b.vlan for b in blocks])
    return PacketBlock(
        first.data,
        join("offset"),
        join("captured"),
        join("wire"),
        join("seconds"),
        join("nanoseconds"),
        first.link,
        join("interface"),
        None if first.ethertype is None else join("ethertype"),
        vlan,
    )


def is_ethernet(interface: str) -> bool:
    """Whether frames of an interface begin with an Ethernet header."""
    try:
        with open(f"/sys/class/net/{interface}/type", encoding="ascii") as file:
            return file.read().strip() in {"1", "772"}
    except OSError:
        return False


def exists(interface: str) -> bool:
    """Whether there is an interface of this name now."""
    return os.path.exists(f"/sys/class/net/{interface}")
