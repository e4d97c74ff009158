"""Who may send: a collector that believes everybody is a hole, one that listens to nobody is useless.

Without further words exporters on the machine itself, on its links and in private networks are believed. The
datagrams of others are counted by address, so that the user sees who knocks and can let them in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from nftui.errors import UsageError
from nftui.text import V4_PREFIX, address

PRIVATE = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
"""Loopback, RFC 1918, link-local (RFC 3927, RFC 4291) and unique local addresses (RFC 4193)."""

REFUSED_REMEMBERED = 1024
"""Addresses in the table of refused senders; source addresses can be forged, so the oldest go."""

_DECISIONS_REMEMBERED = 65_536

Range = tuple[int, int]
"""First and last 128-bit address of a network."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A sender that is not allowed: its address as text, its datagrams so far, and when the last one came."""

    address: str
    datagrams: int
    last_seen_ms: int


@dataclass(frozen=True, slots=True)
class Source:
    """A named exporter or group of exporters of the source map."""

    ident: str
    ranges: tuple[Range, ...]


def parse_network(text: str) -> Range:
    """First and last address of `192.0.2.0/24`, `2001:db8::/32` or a single address, IPv4 mapped.

    Raises:
        UsageError: not a network, or bits set after the prefix.
    """
    try:
        network = ip_network(text.strip())
    except ValueError as error:
        raise UsageError(f"--allow {text}: {error}") from None
    base = V4_PREFIX if isinstance(network, IPv4Network) else 0
    return base | int(network.network_address), base | int(network.broadcast_address)


def parse_source(text: str) -> Source:
    """Read nfcapd's `-n ident,cidr`, with more networks after semicolons.

    Raises:
        UsageError: not of that form.
    """
    ident, comma, networks = text.partition(",")
    if "," in networks:
        shorter = text.rpartition(",")[0]
        raise UsageError(f"-n {text}: one store takes all sources; type -n {shorter}, and the directory once, with -l")
    if not comma or not ident.strip() or not networks.strip():
        raise UsageError(f"-n {text}: expected IDENT,CIDR[;CIDR...], for example gw1,192.0.2.1")
    return Source(ident.strip(), tuple(parse_network(part) for part in networks.split(";") if part.strip()))


class AllowList:
    """Decides by address; asked by the receive thread, changed and read by any."""

    def __init__(self, allow: Iterable[str] = ("private",), sources: Iterable[Source] = ()) -> None:
        self._lock = threading.Lock()
        self._sources = tuple(sources)
        self._rules: list[tuple[Range, bool]] = [(bounds, True) for source in self._sources for bounds in source.ranges]
        self._decided: dict[int, bool] = {}
        self._refused: OrderedDict[int, tuple[int, int]] = OrderedDict()
        for text in allow:
            self.allow(text)

    def allow(self, text: str) -> None:
        """Let a network in from now on: a CIDR, an address, `private` or `any`."""
        word = text.strip().lower()
        networks = PRIVATE if word == "private" else ("::/0",) if word == "any" else (word,)
        self._rule([parse_network(network) for network in networks], True)
        with self._lock:
            for sender in [sender for sender in self._refused if self._inside(sender)]:
                del self._refused[sender]

    def exclude(self, text: str) -> None:
        """Keep a network or address out from now on, until `allow` names it again."""
        self._rule([parse_network(text)], False)

    def permits(self, sender: int) -> bool:
        """Whether datagrams of this 128-bit address are believed."""
        known = self._decided.get(sender)
        if known is None:
            with self._lock:
                if len(self._decided) >= _DECISIONS_REMEMBERED:
                    self._decided.clear()
                known = self._decided[sender] = self._inside(sender)
        return known

    def refuse(self, sender: int, datagrams: int, now_ms: int) -> None:
        """Note datagrams of a sender that is not allowed."""
        with self._lock:
            before = self._refused.pop(sender, (0, 0))[0]
            self._refused[sender] = (before + datagrams, now_ms)
            if len(self._refused) > REFUSED_REMEMBERED:
                self._refused.popitem(last=False)

    def refused(self) -> list[Refused]:
        """Refused senders, the latest first."""
        with self._lock:
            items = list(self._refused.items())
        return [Refused(address(sender), count, last) for sender, (count, last) in reversed(items)]

    def ident(self, sender: int) -> str | None:
        """Name that the source map gives to an address."""
        for source in self._sources:
            if any(first <= sender <= last for first, last in source.ranges):
                return source.ident
        return None

    def _inside(self, sender: int) -> bool:
        rules = reversed(self._rules)
        return next((allowed for (first, last), allowed in rules if first <= sender <= last), False)

    def _rule(self, ranges: list[Range], allowed: bool) -> None:
        """From now on; the last rule that fits an address decides."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule[0] not in ranges]
            self._rules += [(bounds, allowed) for bounds in ranges]
            self._decided.clear()
