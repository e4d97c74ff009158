"""Scans: one source that tries many hosts on a port, or many ports of a host, and gets nowhere.

A try is a flow of at most three packets that carried no data: for TCP one with SYN but without PSH, for other
protocols one that nobody answered in the same minute. Replies are no tries: they have no SYN alone, or come from the
port that was asked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from nftui import text
from nftui.engine.watch.finding import Finding
from nftui.engine.watch.moment import Bools, Hashes, Ints, Keys, Moment, address_text, group

_WINDOW_MS = 60_000
_TCP, _UDP = 6, 17
_SYN, _PSH, _ACK, _RST = 0x02, 0x08, 0x10, 0x04
_MOST_PACKETS = 3
_LOW_PORT = 1024
_MOST_SCANNERS = 100
_COLUMNS = ("src_hi", "src_lo", "dst_hi", "dst_lo", "dst_port", "proto", "packets", "bytes", "start")


@dataclass(frozen=True, slots=True)
class _Tries:
    """Tries of one moment."""

    now_ms: int
    columns: dict[str, Ints]


class ScanFinder:
    """Finds scans over the last minute.

    Args:
        hashes: keys of rows.
        targets: a source that tries so many hosts, or ports of a host, is told.
        most: tries kept; of more, whole sources are left out by chance.
    """

    def __init__(self, hashes: Hashes, targets: int, most: int) -> None:
        self._hashes = hashes
        self._targets = targets
        self._most = most
        self._window: deque[_Tries] = deque()

    def find(self, moment: Moment) -> list[Finding]:
        """Scans that go on in the minute up to this moment."""
        tries = self._tries(moment)
        self._window.append(_Tries(moment.now_ms, tries))
        while self._window[0].now_ms <= moment.now_ms - _WINDOW_MS:
            self._window.popleft()
        columns = {name: np.concatenate([part.columns[name] for part in self._window]) for name in _COLUMNS}
        if len(columns["proto"]) < self._targets:
            return []
        hosts = self._groups(columns, ("dst_port", "proto"), ("dst_hi", "dst_lo"))
        ports = self._groups(columns, ("dst_hi", "dst_lo", "proto"), ("dst_port",))
        found = [self._horizontal(columns, rows, count, moment.now_ms) for rows, count in hosts]
        return found + [self._vertical(columns, rows, count, moment.now_ms) for rows, count in ports]

    def _tries(self, moment: Moment) -> dict[str, Ints]:
        column = moment.columns
        rows = np.flatnonzero((column["packets"] <= _MOST_PACKETS) & _goes_nowhere(column))
        if len(rows):
            rows = rows[self._unanswered(moment, rows)]
        if len(rows) > self._most // 6:
            sources = self._hashes.keys(moment.column("src_hi", rows), moment.column("src_lo", rows))
            parts = np.uint64(len(rows) * 6 // self._most + 1)
            rows = rows[sources % parts == 0]
        return {name: column[name][rows] for name in _COLUMNS}

    def _unanswered(self, moment: Moment, rows: Ints) -> Bools:
        """Of protocols without flags, those whose reverse is not among the flows of the moment."""
        column = moment.columns
        plain = column["proto"][rows] != _TCP
        if not plain.any():
            return np.ones(len(rows), np.bool_)
        others = np.flatnonzero(column["proto"] != _TCP)
        back = self._key(moment, others, "dst", "src")
        answered: Bools = plain & np.isin(self._key(moment, rows, "src", "dst"), back)
        return ~answered

    def _key(self, moment: Moment, rows: Ints, one: str, other: str) -> Keys:
        names = [f"{end}_{part}" for end in (one, other) for part in ("hi", "lo", "port")]
        return self._hashes.keys(*(moment.column(name, rows) for name in (*names, "proto")))

    def _groups(
        self, columns: dict[str, Ints], same: tuple[str, ...], differs: tuple[str, ...]
    ) -> list[tuple[Ints, int]]:
        """Rows of each source that tried enough different things, with how many, the most first."""
        by = self._hashes.keys(*(columns[name] for name in ("src_hi", "src_lo", *same)))
        every = self._hashes.keys(by.view(np.int64), *(columns[name] for name in differs))
        _, distinct = np.unique(every, return_index=True)
        groups = group(by[distinct])
        many = np.flatnonzero(groups.sizes >= self._targets)
        many = many[np.argsort(-groups.sizes[many], kind="stable")][:_MOST_SCANNERS]
        return [
            (np.flatnonzero(by == by[distinct[groups.first[number]]]), int(groups.sizes[number])) for number in many
        ]

    def _horizontal(self, columns: dict[str, Ints], rows: Ints, hosts: int, now_ms: int) -> Finding:
        row = int(rows[0])
        source, port = address_text(int(columns["src_hi"][row]), int(columns["src_lo"][row])), _port(columns, row)
        what = f"{source} tried {port} on {hosts} hosts in a minute"
        nets = len(np.unique(columns["dst_lo"][rows] >> 8))
        return _finding(columns, rows, "hosts", source, f"{source} {port}", what, _port_filter(columns, row), now_ms, (
            ("hosts tried", f"{hosts}, in {nets} networks of 256"),
        ))  # fmt: skip

    def _vertical(self, columns: dict[str, Ints], rows: Ints, ports: int, now_ms: int) -> Finding:
        row = int(rows[0])
        source = address_text(int(columns["src_hi"][row]), int(columns["src_lo"][row]))
        target = address_text(int(columns["dst_hi"][row]), int(columns["dst_lo"][row]))
        what = f"{source} tried {ports} ports of {target} in a minute"
        values = columns["dst_port"][rows]
        where = f"dst ip {target} and proto {columns['proto'][row]}"
        return _finding(columns, rows, "ports", source, f"{source} {target}", what, where, now_ms, (
            ("ports tried", f"{ports}, from {values.min()} to {values.max()}"),
        ))  # fmt: skip


def _goes_nowhere(column: dict[str, Ints]) -> Bools:
    flags, proto = column["flags"], column["proto"]
    known = flags >= 0
    opened = (flags & _SYN != 0) & (flags & _PSH == 0) & (flags & (_ACK | _RST) != _ACK)
    # A SYN with ACK and nothing more is an answer, unless it comes from the port of a client.
    answer = (column["src_port"] < column["dst_port"]) & (column["src_port"] < _LOW_PORT)
    found: Bools = np.where(proto == _TCP, np.where(known, opened, ~answer), ~answer)
    return found


def _port(columns: dict[str, Ints], row: int) -> str:
    proto = int(columns["proto"][row])
    port = f" port {columns['dst_port'][row]}" if proto in (_TCP, _UDP) else ""
    return f"{text.protocol(proto)}{port}"


def _port_filter(columns: dict[str, Ints], row: int) -> str:
    proto = int(columns["proto"][row])
    port = f" and dst port {columns['dst_port'][row]}" if proto in (_TCP, _UDP) else ""
    return f"proto {proto}{port}"


def _finding(
    columns: dict[str, Ints], rows: Ints, rule: str, source: str, subject: str, summary: str, where: str, now_ms: int,
    evidence: tuple[tuple[str, str], ...],
) -> Finding:  # fmt: skip
    packets, octets = int(columns["packets"][rows].sum()), int(columns["bytes"][rows].sum())
    each = ("packets a try", f"{packets / len(rows):.1f}, {octets / max(packets, 1):.0f} octets each")
    return Finding(
        "scan", rule, subject, summary, f"src ip {source} and {where}", int(columns["start"][rows].min()), now_ms,
        len(rows), packets, octets, (*evidence, ("tries", str(len(rows))), each),
    )  # fmt: skip
