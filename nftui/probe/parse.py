"""Packets to flow keys.

The common packet, Ethernet with IPv4 without options and whole TCP or UDP, takes a path of one gather and a few
array operations. Everything else goes through `headers`, still without a Python step for a packet.

A key is five 64-bit words, equal for both directions of a conversation:

    0, 1  lower address (IPv4: word 0 is 0 and word 1 holds both addresses)
    2, 3  upper address
    4     ports, protocol, family and the number of the MPLS label stack
    5, 6  addresses of the link layer and VLAN id, where the tracking level has them

Lower and upper are in the order of the addresses as numbers, as in softflowd, so that its flows are ours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from operator import itemgetter
from typing import cast

import numpy as np
from numpy.typing import NDArray

from nftui.engine.frames.headers import (
    MAX_LABELS,
    TCP,
    UDP,
    VXLAN_PORTS,
    Headers,
    find_inner,
    read_link,
    read_network,
)  # fmt: skip
from nftui.engine.frames.views import Link, Views, load
from nftui.probe.fragments import FragmentPorts
from nftui.probe.labels import LabelStacks
from nftui.probe.packets import PacketBlock

Words = NDArray[np.uint64]

_U = np.uint64
_MIX = (_U(0xFF51AFD7ED558CCD), _U(0xC4CEB9FE1A85EC53), _U(0x9E3779B97F4A7C15))

FAMILY_4, FAMILY_6 = _U(4 << 40), _U(6 << 40)
PROTO_SHIFT, FAMILY_SHIFT, STACK_SHIFT = 32, 40, 44

_LEVEL_MASK_IP = _U(7 << 40)
_LEVEL_MASK_PROTO = _U(7 << 40 | 0xFF << 32)
_NO_STACK = _U((1 << STACK_SHIFT) - 1)


class Level(Enum):
    """What tells flows apart, softflowd's tracking levels."""

    IP = "ip"
    """Pair of addresses."""
    PROTO = "proto"
    """And the protocol."""
    FULL = "full"
    """And the ports."""
    VLAN = "vlan"
    """And the VLAN id."""
    ETHER = "ether"
    """And the addresses of the link layer."""


class Note:
    """Bits that say what is special about a packet."""

    NON_IP = 1
    BAD = 2
    FRAGMENT = 4
    TRUNCATED = 8
    BAD_LENGTH = 16
    TOO_DEEP = 32
    OWN = 64


@dataclass(slots=True)
class ParsedPackets:
    """n packets as columns.

    Attributes:
        hash: uint64[n], keyed hash of the key without its lowest two bits, which are 0.
        words: words 0 to 6 of the key; None stands for a word that is 0 in all packets.
        reverse: bool[n], the packet goes from the upper to the lower address.
        octets: int64[n], bytes of the packet without its link header.
        flags: uint8[n], TCP control bits.
        tos: uint8[n], type of service or traffic class.
        label: uint32[n], IPv6 flow label, or None where no packet has one.
        notes: uint8[n] of `Note` bits, or None where there is nothing to note.
    """

    hash: Words
    words: list[Words | None]
    reverse: NDArray[np.bool_]
    octets: NDArray[np.int64]
    flags: NDArray[np.uint8]
    tos: NDArray[np.uint8]
    label: NDArray[np.uint32] | None = None
    notes: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.hash)

    def take(self, rows: slice | NDArray[np.int64]) -> ParsedPackets:
        """Some of the packets."""
        return ParsedPackets(
            self.hash[rows],
            [None if word is None else word[rows] for word in self.words],
            self.reverse[rows],
            self.octets[rows],
            self.flags[rows],
            self.tos[rows],
            None if self.label is None else self.label[rows],
            None if self.notes is None else self.notes[rows],
        )


_FAST = np.dtype(
    {
        "names": ["type", "version", "tos", "total", "fragment", "proto", "addresses", "ports", "flags"],
        "formats": ["<u2", "u1", "u1", ">u2", "<u2", "u1", "<u8", "<u4", "u1"],
        "offsets": [12, 14, 15, 16, 20, 23, 26, 34, 47],
        "itemsize": 48,
    }
)
"""The fields of the common packet, read at once. Addresses and ports stay in the order of the wire."""


class PacketParser:
    """Turns blocks of packets into keys.

    Args:
        level: what tells flows apart.
        ipv6: False to treat IPv6 as not IP: an export format without IPv6 addresses cannot carry it.
        join_fragments: give later fragments the ports of the first.
        gre: meter what is inside of GRE.
        vxlan: meter what is inside of VXLAN.
        seed: key of the hash; random unless a test needs the same one twice.
        hash_bits: significant bits of the hash; fewer than 62 only to provoke collisions in tests.
    """

    def __init__(
        self,
        level: Level = Level.FULL,
        ipv6: bool = True,
        join_fragments: bool = True,
        gre: bool = False,
        vxlan: bool = False,
        seed: int | None = None,
        hash_bits: int = 62,
    ) -> None:
        self.level = level
        self.stacks = LabelStacks()
        self._ipv6 = ipv6
        self._fragments = FragmentPorts() if join_fragments else None
        self._gre, self._vxlan = gre, vxlan
        self._seed = _U(int.from_bytes(os.urandom(8), "little") if seed is None else seed) | _U(1)
        self._own: list[tuple[int, ...]] = []
        self._hash_mask = _U((((1 << hash_bits) - 1) << 2) & 0xFFFF_FFFF_FFFF_FFFC)

    def parse(self, block: PacketBlock) -> ParsedPackets:
        """Keys of all packets of a block."""
        count = len(block)
        if block.link == Link.ETHERNET and count:
            parsed, slow = self._parse_common(block)
        else:
            zeros = np.zeros(count, np.uint64)
            parsed = ParsedPackets(
                zeros,
                [None, zeros.copy(), None, None, zeros.copy(), None, None],
                np.zeros(count, np.bool_),
                np.zeros(count, np.int64),
                np.zeros(count, np.uint8),
                np.zeros(count, np.uint8),
            )
            slow = np.arange(count)
        if self.level in {Level.VLAN, Level.ETHER}:
            vlan = np.zeros(count, np.uint64) if block.vlan is None else block.vlan.astype(np.uint64)
            parsed.words[5], parsed.words[6] = vlan, np.zeros(count, np.uint64)
            if self.level is Level.ETHER and block.link == Link.ETHERNET:
                self._add_link_addresses(block, parsed, parsed.reverse)
        if len(slow):
            self._parse_slow(block, parsed, slow)
        if self._own:
            self._mark_own(parsed)
        self._reduce(parsed)
        self._add_hash(parsed)
        return parsed

    def ignore(self, ends: Sequence[tuple[tuple[str, int], tuple[str, int]]]) -> None:
        """Mark packets between these pairs of address and port as our own: exports must not make flows.

        Args:
            ends: numeric address and port of either end of UDP conversations.
        """
        # Between one address and itself the order is that of the packet.
        both_ways = [*ends, *((two, one) for one, two in ends if one[0] == two[0])]
        for pair in both_ways:
            (low, low_port), (high, high_port) = sorted(
                ((ip_address(host).packed, port) for host, port in pair), key=itemgetter(0)
            )
            ports = int.from_bytes(low_port.to_bytes(2, "big") + high_port.to_bytes(2, "big"), "little")
            last = ports | UDP << PROTO_SHIFT | (4 if len(low) == 4 else 6) << FAMILY_SHIFT
            if len(low) == 4:
                self._own.append((0, int.from_bytes(low + high, "little"), 0, 0, last))
            else:
                halves = (low[:8], low[8:], high[:8], high[8:])
                self._own.append((*(int.from_bytes(half, "big") for half in halves), last))

    def _mark_own(self, parsed: ParsedPackets) -> None:
        for own in self._own:
            mine = np.flatnonzero(cast("Words", parsed.words[4]) == own[4])
            for word, value in zip(parsed.words[:4], own, strict=False):
                if len(mine):
                    mine = mine[word[mine] == value] if word is not None else mine if value == 0 else mine[:0]
            if len(mine):
                parsed.notes = np.zeros(len(parsed), np.uint8) if parsed.notes is None else parsed.notes
                parsed.notes[mine] |= Note.OWN

    def _parse_common(self, block: PacketBlock) -> tuple[ParsedPackets, NDArray[np.int64]]:
        fields = load(block.data, "V48")[block.offset].view(_FAST)
        proto = fields["proto"]
        tcp = proto == TCP
        captured = block.captured
        common = (fields["type"] == 8) & (fields["version"] == 0x45) & (fields["fragment"] & 0xFF3F == 0)
        common &= (tcp & (captured >= 54)) | ((proto == UDP) & (captured >= 42))
        octets = block.wire.astype(np.int64) - 14
        total = fields["total"].astype(np.int64)
        common &= ((total >= 20) & (total <= octets)) | (total == 0)
        if self._vxlan:
            port = (fields["ports"] >> np.uint32(16)).astype(np.uint16).byteswap()
            common &= tcp | ~np.isin(port, VXLAN_PORTS)
        addresses = fields["addresses"].astype(np.uint64)
        source = addresses.astype(np.uint32).byteswap()
        target = (addresses >> _U(32)).astype(np.uint32).byteswap()
        reverse = source > target
        pair = np.where(reverse, addresses << _U(32) | addresses >> _U(32), addresses)
        ports = fields["ports"].astype(np.uint32)
        ports = np.where(reverse, ports << np.uint32(16) | ports >> np.uint32(16), ports)
        last = ports.astype(np.uint64) | proto.astype(np.uint64) << _U(PROTO_SHIFT) | FAMILY_4
        flags = np.where(tcp, fields["flags"], 0).astype(np.uint8)
        words: list[Words | None] = [None, pair, None, None, last, None, None]
        parsed = ParsedPackets(pair, words, reverse, octets, flags, fields["tos"].copy())
        return parsed, np.flatnonzero(~common)

    def _add_link_addresses(self, block: PacketBlock, parsed: ParsedPackets, reverse: NDArray[np.bool_]) -> None:
        """Both Ethernet addresses, the one of the lower IP address first."""
        wide = load(block.data, ">u8")
        target = wide[block.offset] >> _U(16)
        source = wide[block.offset + 6] >> _U(16)
        lower, upper = np.where(reverse, target, source), np.where(reverse, source, target)
        parsed.words[5] = cast("Words", parsed.words[5]) | lower << _U(16)
        parsed.words[6] = upper << _U(16)

    def _parse_slow(self, block: PacketBlock, parsed: ParsedPackets, rows: NDArray[np.int64]) -> None:
        views = Views(block.data)
        start = block.offset[rows]
        end = start + block.captured[rows].astype(np.int64)
        wire = block.wire[rows].astype(np.int64)
        ethertype = None if block.ethertype is None else block.ethertype[rows]
        link = read_link(views, start, end, block.link, ethertype)
        network = link.network + 4 * link.labels
        headers = read_network(views, network, link.ethertype, end, start + wire)
        octets = wire - link.header
        too_deep = link.too_deep
        if self._gre or self._vxlan:
            inner, at, kind, framed = find_inner(views, headers, end, self._gre, self._vxlan)
            if len(inner):
                deep = read_link(views, at, end[inner], Link.ETHERNET)
                at = np.where(framed, deep.network + 4 * deep.labels, at)
                kind = np.where(framed, deep.ethertype, kind)
                stop = start[inner] + wire[inner]
                headers.replace(inner, read_network(views, at, kind, end[inner], stop))
                octets[inner] = stop - at
                link.labels[inner] = 0
        if not self._ipv6:
            headers.known &= ~headers.v6
            headers.bad &= link.ethertype != 0x86DD
        notes = (
            Note.NON_IP * ~(headers.known | headers.bad)
            + Note.BAD * headers.bad
            + Note.FRAGMENT * (headers.fragment & headers.known)
            + Note.TRUNCATED * (headers.truncated & headers.known)
            + Note.BAD_LENGTH * headers.bad_length
            + Note.TOO_DEEP * too_deep
        ).astype(np.uint8)
        if notes.any():
            parsed.notes = np.zeros(len(parsed), np.uint8)
            parsed.notes[rows] = notes
        reverse = _put_key(parsed, rows, headers)
        parsed.octets[rows] = octets
        parsed.flags[rows] = headers.flags
        parsed.tos[rows] = headers.tos
        if headers.label.any():
            parsed.label = np.zeros(len(parsed), np.uint32)
            parsed.label[rows] = headers.label
        last = cast("Words", parsed.words[4])
        if link.labels.any():
            last[rows] |= self._number_stacks(views, link.network, link.labels) << _U(STACK_SHIFT)
        if self._fragments is not None and headers.fragment.any():
            parts = headers.fragment
            self._join(block, parsed, rows[parts], headers.later[parts], headers.ident[parts])
        if self.level in {Level.VLAN, Level.ETHER}:
            self._add_slow_link_words(block, parsed, rows, link.vlan, reverse)

    def _number_stacks(self, views: Views, at: NDArray[np.int64], depth: NDArray[np.int64]) -> Words:
        stacks = np.zeros((len(at), MAX_LABELS), np.uint32)
        for level in range(int(depth.max())):
            stacks[:, level] = np.where(level < depth, views.u4[at + 4 * level], 0)
        return self.stacks.number(stacks)

    def _add_slow_link_words(
        self,
        block: PacketBlock,
        parsed: ParsedPackets,
        rows: NDArray[np.int64],
        vlan: NDArray[np.int64],
        reverse: NDArray[np.bool_],
    ) -> None:
        lower, upper = cast("Words", parsed.words[5]), cast("Words", parsed.words[6])
        tag = np.where(vlan != 0, vlan.astype(np.uint64), lower[rows] & _U(0xFFF))
        lower[rows] = tag
        if self.level is Level.ETHER and block.link == Link.ETHERNET:
            part = ParsedPackets(
                parsed.hash[rows],
                [None, None, None, None, None, tag, None],
                reverse,
                parsed.octets[rows],
                parsed.flags[rows],
                parsed.tos[rows],
            )
            self._add_link_addresses(block.take(rows), part, reverse)
            lower[rows], upper[rows] = cast("Words", part.words[5]), cast("Words", part.words[6])

    def _join(
        self,
        block: PacketBlock,
        parsed: ParsedPackets,
        rows: NDArray[np.int64],
        later: NDArray[np.bool_],
        ident: NDArray[np.int64],
    ) -> None:
        """Give later fragments the ports of their first."""
        if self._fragments is None:
            return
        last = cast("Words", parsed.words[4])
        keys = self._hash([None if w is None else w[rows] for w in parsed.words[:4]], last[rows] & ~_U(0xFFFFFFFF))
        # Both directions number their packets on their own.
        keys = self._mix(keys, ident.astype(np.uint64) << _U(1) | parsed.reverse[rows])
        times = block.time_ns(rows)
        ports = last[rows] & _U(0xFFFFFFFF)
        self._fragments.learn(keys[~later], ports[~later], times[~later])
        last[rows[later]] |= self._fragments.ports(keys[later], times[later])

    def _reduce(self, parsed: ParsedPackets) -> None:
        """Take out of the key what the tracking level does not tell apart."""
        if self.level in {Level.IP, Level.PROTO}:
            mask = _LEVEL_MASK_IP if self.level is Level.IP else _LEVEL_MASK_PROTO
            last = cast("Words", parsed.words[4])
            parsed.words[4] = last & (mask | ~_NO_STACK)
            parsed.flags = np.zeros(len(parsed), np.uint8)

    # The hash: two rounds of murmur3's finaliser with a secret start, over pairs of words.

    def _mix(self, one: Words, other: Words) -> Words:
        value = (one ^ self._seed) * _MIX[0]
        value ^= value >> _U(32)
        value += other
        value *= _MIX[1]
        value ^= value >> _U(29)
        value *= _MIX[2]
        value ^= value >> _U(32)
        return value

    def _hash(self, words: list[Words | None], last: Words) -> Words:
        """Hash of address words and of a last word that has the family in its usual place."""
        value = self._mix(cast("Words", words[1]), last)
        if words[0] is not None:
            rows = np.flatnonzero(last >> _U(FAMILY_SHIFT) & _U(7) == 6)
            a, b, c, d = (cast("Words", word)[rows] for word in words[:4])
            value[rows] = self._mix(self._mix(self._mix(a, b), self._mix(c, d)), last[rows])
        return value

    def _add_hash(self, parsed: ParsedPackets) -> None:
        value = self._hash(parsed.words, cast("Words", parsed.words[4]))
        if parsed.words[5] is not None:
            value = self._mix(self._mix(value, parsed.words[5]), cast("Words", parsed.words[6]))
        value &= self._hash_mask
        parsed.hash = value


def _put_key(parsed: ParsedPackets, rows: NDArray[np.int64], headers: Headers) -> NDArray[np.bool_]:
    """Write address and port words of some rows; returns which of them go from upper to lower."""
    v6 = headers.v6
    reverse = (headers.source_hi > headers.target_hi) | (
        (headers.source_hi == headers.target_hi) & (headers.source_lo > headers.target_lo)
    )
    parsed.reverse[rows] = reverse
    low_hi = np.where(reverse, headers.target_hi, headers.source_hi)
    low_lo = np.where(reverse, headers.target_lo, headers.source_lo)
    high_hi = np.where(reverse, headers.source_hi, headers.target_hi)
    high_lo = np.where(reverse, headers.source_lo, headers.target_lo)
    pair = _wire32(low_lo) | _wire32(high_lo) << _U(32)
    cast("Words", parsed.words[1])[rows] = np.where(v6, low_lo, pair)
    if v6.any():
        zero = _U(0)
        for index, values in ((0, low_hi), (2, high_hi), (3, high_lo)):
            word = np.zeros(len(parsed), np.uint64)
            word[rows] = np.where(v6, values, zero)
            parsed.words[index] = word
    one = np.where(reverse, headers.target_port, headers.source_port).astype(np.uint16)
    two = np.where(reverse, headers.source_port, headers.target_port).astype(np.uint16)
    ports = one.byteswap().astype(np.uint64) | two.byteswap().astype(np.uint64) << _U(16)
    last = ports | headers.proto.astype(np.uint64) << _U(PROTO_SHIFT) | np.where(v6, FAMILY_6, FAMILY_4)
    cast("Words", parsed.words[4])[rows] = last
    return np.asarray(reverse)


def _wire32(values: Words) -> Words:
    """The low 32 bits as they look when four bytes of the wire are loaded little-endian."""
    return values.astype(np.uint32).byteswap().astype(np.uint64)
