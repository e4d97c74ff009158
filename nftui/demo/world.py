"""Who lives in the demo: hosts, services and routers of a made-up company.

Every address is private or reserved for documentation (RFC 1918, RFC 5737, RFC 3849), every AS number too
(RFC 5398): nobody's real network appears on a screenshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network

import numpy as np
from numpy.typing import NDArray

from nftui.text import V4_PREFIX

TCP, UDP, ICMP = 6, 17, 1


class Exporter(IntEnum):
    """The three boxes that watch the traffic."""

    EDGE = 0
    """Router between head office and the internet: NetFlow v9, announces 1:1 sampling."""
    BRANCH = 1
    """Firewall of the branch: IPFIX, with names of applications, users and interfaces."""
    CORE = 2
    """Old switch between clients and servers of the head office: NetFlow v5, IPv4 only."""


SOURCES = {Exporter.EDGE: "127.0.0.2", Exporter.BRANCH: "127.0.0.3", Exporter.CORE: "127.0.0.4"}
"""Loopback address that each exporter sends from."""

INSIDE_IF, UPLINKS = 1, (11, 12)
INTERFACE_NAMES = {INSIDE_IF: "lan0", UPLINKS[0]: "wan0", UPLINKS[1]: "wan1"}

USERS = (
    "anna",
    "bela",
    "chen",
    "dara",
    "emil",
    "fatima",
    "goran",
    "hana",
    "ivo",
    "jun",
    "karim",
    "lena",
    "mio",
    "nora",
)

OWN_AS = 64496


@dataclass(frozen=True, slots=True)
class Service:
    """A kind of conversation; medians and log-normal spreads per conversation.

    Attributes:
        name: application name, as a firewall reports it.
        proto: IP protocol.
        port: server port.
        weight: share of conversations.
        seconds: median duration.
        spread: sigma of the logarithm of duration and bytes.
        sent: median bytes from client to server.
        received: median bytes from server to client.
        internal: share of conversations whose server is in the head office.
        tos: type of service.
    """

    name: str
    proto: int
    port: int
    weight: float
    seconds: float
    spread: float
    sent: float
    received: float
    internal: float
    tos: int = 0


SERVICES = (
    Service("https", TCP, 443, 34, 2.0, 1.3, 4_000, 45_000, 0.15),
    Service("quic", UDP, 443, 10, 3.0, 1.3, 5_000, 80_000, 0.0),
    Service("http", TCP, 80, 6, 0.6, 1.0, 900, 9_000, 0.3),
    Service("dns", UDP, 53, 30, 0.03, 0.8, 70, 180, 0.7),
    Service("ntp", UDP, 123, 4, 0.04, 0.4, 76, 76, 0.5),
    Service("smtp", TCP, 25, 2, 2.5, 1.0, 22_000, 1_800, 0.6),
    Service("imaps", TCP, 993, 3, 12.0, 1.2, 2_500, 18_000, 0.8),
    Service("ssh", TCP, 22, 1.5, 40.0, 1.2, 9_000, 16_000, 0.7, 0x10),
    Service("smb", TCP, 445, 3, 6.0, 1.4, 60_000, 240_000, 1.0),
    Service("video", UDP, 3478, 1.2, 70.0, 0.9, 6_000_000, 14_000_000, 0.0, 0x88),
    Service("postgres", TCP, 5432, 2, 3.0, 1.2, 6_000, 30_000, 1.0),
    Service("ping", ICMP, 0x0800, 2, 4.0, 0.5, 420, 420, 0.4),
)


@dataclass(frozen=True, slots=True)
class Hosts:
    """Addresses with an order of popularity (Zipf): host 0 is the busiest.

    Attributes:
        v4: int64[n], low half of the mapped address; the high half is 0.
        v6_hi: int64[n], high half of the same host's IPv6 address.
        v6_lo: int64[n], low half.
        cumulative: float64[n], distribution function of who is chosen.
        asn: uint32[n], autonomous system.
    """

    v4: NDArray[np.int64]
    v6_hi: NDArray[np.int64]
    v6_lo: NDArray[np.int64]
    cumulative: NDArray[np.float64]
    asn: NDArray[np.uint32]

    def choose(self, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Indices of n hosts, popular ones more often."""
        return np.searchsorted(self.cumulative, rng.random(n)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class World:
    """All hosts."""

    office: Hosts
    branch: Hosts
    servers: Hosts
    internet: Hosts

    @classmethod
    def create(cls, rng: np.random.Generator) -> World:
        """Settle the hosts; the same generator state gives the same world."""
        internet = [IPv4Network(net) for net in ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.128/25")]
        return cls(
            office=_settle(rng, [IPv4Network("10.10.0.0/22")], IPv6Network("2001:db8:10::/64"), 240, 0.7),
            branch=_settle(rng, [IPv4Network("10.20.0.0/24")], IPv6Network("2001:db8:20::/64"), 60, 0.7),
            servers=_settle(rng, [IPv4Network("10.1.0.0/26")], IPv6Network("2001:db8:1::/64"), 24, 0.9),
            internet=_settle(rng, internet, IPv6Network("2001:db8:f000::/48"), 420, 1.05, outside=True),
        )


def _settle(
    rng: np.random.Generator,
    networks: list[IPv4Network],
    network6: IPv6Network,
    count: int,
    exponent: float,
    outside: bool = False,
) -> Hosts:
    free = np.concatenate([np.arange(int(net[1]), int(net[-1])) for net in networks])
    v4 = np.sort(rng.choice(free, count, replace=False))
    asn = np.full(count, OWN_AS)
    subnet = np.zeros(count, np.int64)
    if outside:  # sixteen addresses to an autonomous system: 64497-64511, then 65536-65551
        block = (v4 // 16) % 31
        asn = np.where(block < 15, 64497 + block, 65536 + block - 15)
        subnet = block
    order = rng.permutation(count)
    prefix = (int(network6.network_address) >> 64) - (1 << 64 if int(network6.network_address) >> 127 else 0)
    share = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    cumulative = np.cumsum(share / share.sum())
    cumulative[-1] = 1.0
    return Hosts(
        (V4_PREFIX | v4[order]).astype(np.int64),
        (prefix | subnet[order]).astype(np.int64),
        rng.integers(1, 1 << 16, count),
        cumulative,
        asn[order].astype(np.uint32),
    )
