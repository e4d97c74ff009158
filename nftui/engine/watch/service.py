"""New services: an inside host that answers on a port where it did not before.

A host serves a port when a TCP flow from there has SYN and ACK, or when a flow to there was answered within the same
record. For the first minutes services are learnt, not told. What was learnt outlives the program (`nftui.engine.watch.
kept`): each service by its address and port, because keys are other ones in every process.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nftui.engine.watch.finding import Finding
from nftui.engine.watch.moment import Bools, Hashes, Ints, Keys, Moment, group

_TCP = 6
_SYN_ACK = 0x12
_MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Services:
    """Services that were learnt.

    Attributes:
        since_ms: UTC ms at which learning began; None before the first flow.
        words: int64[services, 3], halves of the address and port.
        last_ms: int64[services], UTC ms at which each was seen last.
    """

    since_ms: int | None
    words: Ints
    last_ms: Ints


class ServiceFinder:
    """Finds services that were not there before.

    Args:
        hashes: keys of rows.
        learn_seconds: how long services are learnt at the start.
        most: services remembered; when there are more, none is told any longer, for it could be an old one.
    """

    def __init__(self, hashes: Hashes, learn_seconds: int, most: int) -> None:
        self._hashes = hashes
        self._learn_ms = learn_seconds * 1000
        self._most = most
        self._known = np.zeros(0, np.uint64)
        self._words = np.zeros((0, 3), np.int64)
        self._last_ms = np.zeros(0, np.int64)
        self._since_ms: int | None = None
        self._now_ms = 0

    @property
    def learning_ms(self) -> int:
        """UTC ms until which services are learnt; 0 when that is over."""
        if self._since_ms is None or self._now_ms >= self._since_ms + self._learn_ms:
            return 0
        return self._since_ms + self._learn_ms

    def find(self, moment: Moment) -> list[Finding]:
        """Services seen for the first time."""
        self._now_ms = moment.now_ms
        if not len(moment):
            return []
        if self._since_ms is None:
            self._since_ms = moment.now_ms
        column = moment.columns
        rows = np.flatnonzero(
            (column["proto"] == _TCP)
            & (column["flags"] >= 0)
            & (column["flags"] & _SYN_ACK == _SYN_ACK)
            & (column["src_port"] < column["dst_port"])
            & _inside(column["src_hi"], column["src_lo"])
        )
        keys = self._hashes.keys(*(moment.column(name, rows) for name in ("src_hi", "src_lo", "src_port")))
        fresh = self._note(keys)
        rows, keys = rows[fresh], keys[fresh]
        if not len(rows) or len(self._known) >= self._most:
            return []
        _, first = np.unique(keys, return_index=True)
        first = first[: self._most - len(self._known)]
        words = np.column_stack([column[name][rows[first]] for name in ("src_hi", "src_lo", "src_port")])
        self._add(words, np.full(len(first), moment.now_ms))
        if self.learning_ms:
            return []
        services = group(keys)
        return [
            self._finding(moment, rows[services.of == number])
            for number in range(min(len(services.first), _MOST_AT_ONCE))
        ]

    def kept(self) -> Services:
        """What has been learnt."""
        return Services(self._since_ms, self._words, self._last_ms)

    def restore(self, services: Services) -> None:
        """Know what was learnt before."""
        self._since_ms = services.since_ms
        self._add(services.words[: self._most], services.last_ms[: self._most])

    def _note(self, keys: Keys) -> Bools:
        """Which of the services are not known; the others were seen now."""
        if not len(self._known):
            return np.ones(len(keys), np.bool_)
        place = np.minimum(np.searchsorted(self._known, keys), len(self._known) - 1)
        fresh: Bools = self._known[place] != keys
        self._last_ms[place[~fresh]] = self._now_ms
        return fresh

    def _add(self, words: Ints, last_ms: Ints) -> None:
        words = np.concatenate([self._words, words])
        last_ms = np.concatenate([self._last_ms, last_ms])
        keys = self._hashes.keys(words[:, 0], words[:, 1], words[:, 2])
        self._known, first = np.unique(keys, return_index=True)
        self._words, self._last_ms = words[first], last_ms[first]

    def _finding(self, moment: Moment, rows: Ints) -> Finding:
        row = int(rows[0])
        host, port = moment.address("src", row), int(moment.columns["src_port"][row])
        clients = len(np.unique(self._hashes.keys(moment.column("dst_hi", rows), moment.column("dst_lo", rows))))
        return Finding(
            "service", "new service", f"{host} TCP {port}",
            f"{host} answers on TCP port {port}, where it did not before",
            f"ip {host} and tcp and port {port}", int(moment.column("start", rows).min()), moment.now_ms, len(rows),
            moment.scaled("packets", rows), moment.scaled("bytes", rows),
            (("first client", moment.address("dst", row)), ("clients", str(clients))),
        )  # fmt: skip


def _inside(high: Ints, low: Ints) -> Bools:
    """RFC 1918 and unique local addresses (RFC 4193)."""
    mapped = (high == 0) & (low >> 32 == 0xFFFF)
    v4 = low & 0xFFFFFFFF
    private = (v4 >> 24 == 10) | (v4 >> 20 == 0xAC1) | (v4 >> 16 == 0xC0A8)
    inside: Bools = np.where(mapped, private, (high >> 57) & 0x7F == 0x7E)
    return inside
