"""Flow records beside the sampled header to columns, and those without columns to `extra`.

Format: "sFlow Version 5" section 5, "sFlow Port NAT Structures", and the list of structures on sflow.org. A record
longer than its structure is read by its beginning; one that is shorter is left out of the columns. Records without
columns of their own, or with more than the columns hold, are kept whole in `extra`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nftui.engine.batch import Mask
from nftui.engine.decode.datagrams import Ints, Wire
from nftui.engine.decode.sflow_columns import Columns
from nftui.text import V4_PREFIX

RAW_HEADER, ETHERNET, IPV4, IPV6 = 1, 2, 3, 4
SWITCH, ROUTER, GATEWAY, USER, MPLS, NAT, NAT_PORT = 1001, 1002, 1003, 1004, 1006, 1007, 1020

_SEGMENTS = 16
"""Segments of an AS path that are followed; real ones have one or two."""
_UNKNOWN_PRIORITY = 0xFFFFFFFF


class Places:
    """Records of one format: where they lie and which samples they belong to.

    Args:
        wire: the arena.
        start, end: content of each record.
        rows: sample of each record; None for all samples in order.
    """

    def __init__(self, wire: Wire, start: Ints, end: Ints, rows: Ints | None) -> None:
        self.wire, self.start, self.end, self.rows = wire, start, end, rows

    def __len__(self) -> int:
        return len(self.start)

    def take(self, which: Mask) -> Places:
        """The chosen records."""
        if which.all():
            return self
        return Places(self.wire, self.start[which], self.end[which], self.rows_of(which))

    def rows_of(self, which: Mask) -> Ints:
        """Samples of the chosen records."""
        return np.flatnonzero(which) if self.rows is None else self.rows[which]

    def missing(self, columns: Columns, name: str) -> Mask:
        """Which samples have no value of a field yet."""
        has = columns.has(name)
        return ~(has if self.rows is None else has[self.rows])

    def word(self, at: Ints | int) -> Ints:
        """The 32-bit number at a place of each record."""
        values: Ints = self.wire.u4[self.start + at].astype(np.int64)
        return values

    def put(self, columns: Columns, name: str, at: int) -> None:
        """Set a field from the number at a place."""
        columns.put(name, self.rows, self.wire.u4[self.start + at])


def _put_addresses(places: Places, at: Ints | int, columns: Columns, name: str) -> tuple[Ints, Mask]:
    """Set a field from an address with its type in front; returns its size with the type, and which are whole."""
    kind = places.word(at)
    size = np.where(kind == 1, 4, np.where(kind == 2, 16, 0))
    whole = (kind <= 2) & (places.start + at + 4 + size <= places.end)
    good = whole & (size > 0)
    if good.any():
        chosen = places if good.all() else places.take(good)
        first = chosen.start + (at if isinstance(at, int) else at[good]) + 4
        v4 = size[good] == 4
        if v4.all():
            columns.put_ipv4(name, chosen.rows, chosen.wire.u4[first])
        else:
            high = np.where(v4, 0, chosen.wire.u8[first].astype(np.uint64).view(np.int64))
            low = np.where(
                v4,
                chosen.wire.u4[first].astype(np.int64) | V4_PREFIX,
                chosen.wire.u8[first + 8].astype(np.uint64).view(np.int64),
            )
            columns.put_address(name, chosen.rows, high, low)
    return size + 4, whole


def _read_ethernet(places: Places, columns: Columns) -> Mask | None:
    _put_missing(columns, "bytes", places, places.word(0))
    for name, at in (("in_src_mac", 4), ("in_dst_mac", 12)):
        _put_missing(columns, name, places, (places.wire.u8[places.start + at] >> np.uint64(16)).astype(np.int64))
    _put_missing(columns, "etype", places, places.word(20))
    return None


def _put_missing(columns: Columns, name: str, places: Places, values: Ints) -> None:
    """Set a field where a sampled header did not say it already."""
    missing = places.missing(columns, name)
    if missing.any():
        columns.put(name, places.rows_of(missing), values[missing])


def _read_ipv4(places: Places, columns: Columns) -> Mask | None:
    for name, at in (("src_addr", 8), ("dst_addr", 12)):
        missing = places.take(places.missing(columns, name))
        columns.put_ipv4(name, missing.rows, missing.wire.u4[missing.start + at])
    _put_sampled_ip(places, columns, 16)
    return None


def _read_ipv6(places: Places, columns: Columns) -> Mask | None:
    for name, at in (("src_addr", 8), ("dst_addr", 24)):
        missing = places.take(places.missing(columns, name))
        wide = (missing.wire.u8[missing.start + at + more].astype(np.uint64).view(np.int64) for more in (0, 8))
        columns.put_address(name, missing.rows, *wide)
    _put_sampled_ip(places, columns, 40)
    return None


def _put_sampled_ip(places: Places, columns: Columns, after: int) -> None:
    """The fields that sampled IPv4 and IPv6 share; `after` is the place behind the addresses."""
    for name, at in (
        ("bytes", 0), ("proto", 4), ("src_port", after), ("dst_port", after + 4), ("tcp_flags", after + 8),
        ("ip_tos", after + 12),
    ):  # fmt: skip
        _put_missing(columns, name, places, places.word(at))
    _put_missing(columns, "etype", places, np.full(len(places), 0x0800 if after == 16 else 0x86DD))


def _read_switch(places: Places, columns: Columns) -> Mask | None:
    places.put(columns, "src_vlan", 0)
    places.put(columns, "dst_vlan", 8)
    # Priorities have no columns: the record is kept where it has any.
    keep = np.zeros(len(places), np.bool_)
    for at in (4, 12):
        priority = places.word(at)
        keep |= (priority != 0) & (priority != _UNKNOWN_PRIORITY)
    return keep


def _read_router(places: Places, columns: Columns) -> Mask | None:
    size, whole = _put_addresses(places, 0, columns, "next_hop")
    whole &= places.start + size + 8 <= places.end
    for name, more in (("src_mask", 0), ("dst_mask", 4)):
        chosen = places.take(whole)
        columns.put(name, chosen.rows, chosen.word((size + more)[whole]))
    return None


def _read_gateway(places: Places, columns: Columns) -> Mask | None:
    size, whole = _put_addresses(places, 0, columns, "bgp_next_hop")
    read_autonomous_systems(places, size, whole & (places.start + size + 16 <= places.end), columns)
    return np.ones(len(places), np.bool_)


def read_autonomous_systems(places: Places, at: Ints, whole: Mask, columns: Columns) -> None:
    """AS numbers behind the next hop: own, source, source's peer, path in segments.

    The destination's AS is the last of the path, the next AS the first; an empty path leads nowhere else, and the
    destination's AS then is 0.
    """
    places, at = places.take(whole), at[whole]
    if not len(places):
        return
    columns.put("src_as", places.rows, places.word(at + 4))
    columns.put("prev_as", places.rows, places.word(at + 8))
    left = places.word(at + 12)
    position = places.start + at + 16
    first, last = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
    filled = np.zeros(len(places), np.bool_)
    for _ in range(_SEGMENTS):
        going = (left > 0) & (position + 8 <= places.end)
        if not going.any():
            break
        count = np.where(going, places.wire.u4[np.where(going, position + 4, 0)].astype(np.int64), 0)
        stop = position + 8 + 4 * count
        going &= (stop <= places.end) & (count > 0)
        inside = np.where(going, position, 0)
        first = np.where(going & ~filled, places.wire.u4[inside + 8], first)
        last = np.where(going, places.wire.u4[np.where(going, stop - 4, 0)], last)
        filled |= going
        position = np.where(going, stop, position)
        left = np.where(going, left - 1, 0)
    columns.put("dst_as", places.rows, last)
    columns.put("next_as", places.rows_of(filled), first[filled])


def _read_mpls(places: Places, columns: Columns) -> Mask | None:
    """Next hop and the label stack that the packet came with, where its header does not show one."""
    size, whole = _put_addresses(places, 0, columns, "next_hop")
    whole &= places.start + size + 4 <= places.end
    depth = np.where(whole, places.wire.u4[np.where(whole, places.start + size, 0)].astype(np.int64), 0)
    depth[places.start + size + 4 + 4 * depth > places.end] = 0
    for level in range(min(10, int(depth.max(initial=0)))):
        name = f"mpls_{level + 1}"
        deep = (depth > level) & places.missing(columns, name)
        columns.put(name, places.rows_of(deep), places.word(size + 4 + 4 * level)[deep] >> 8)
    return np.ones(len(places), np.bool_)


def _read_nat(places: Places, columns: Columns) -> Mask | None:
    size, whole = _put_addresses(places, 0, columns, "post_nat_src_addr")
    whole &= places.start + size + 4 <= places.end
    _put_addresses(places.take(whole), size[whole], columns, "post_nat_dst_addr")
    return None


def _read_nat_port(places: Places, columns: Columns) -> Mask | None:
    places.put(columns, "post_nat_src_port", 0)
    places.put(columns, "post_nat_dst_port", 4)
    return None


def _read_user(places: Places, columns: Columns) -> Mask | None:
    """Name of the user at the source, or else at the destination; the record has both and their character sets."""
    size = places.word(4)
    whole = (places.start + 8 + size) <= places.end
    second = places.start + 8 + (size + 3 & ~3)
    other = np.where(second + 8 <= places.end, places.wire.u4[np.minimum(second + 4, places.end - 4)], 0)
    use_other = whole & (size == 0) & (second + 8 + other <= places.end)
    position = np.where(use_other, second + 8, places.start + 8)
    length = np.where(use_other, other, np.where(whole, size, 0)).astype(np.int64)
    columns.put_text("username", places.rows_of(length > 0), position[length > 0], length[length > 0])
    return (other > 0) & (size > 0)


READERS: dict[int, tuple[int, Callable[[Places, Columns], Mask | None]]] = {
    ETHERNET: (24, _read_ethernet), IPV4: (32, _read_ipv4), IPV6: (56, _read_ipv6), SWITCH: (16, _read_switch),
    ROUTER: (16, _read_router), GATEWAY: (20, _read_gateway), USER: (8, _read_user), MPLS: (8, _read_mpls),
    NAT: (8, _read_nat), NAT_PORT: (8, _read_nat_port),
}  # fmt: skip
"""Record format to its smallest size and its reader, which says which records are to be kept in `extra` too."""
