"""Floods: one address that gets more than it can answer, and by what marks the flood can be told from its guests.

Three shapes, each over the flows of one moment: connections that are opened and never used (SYN flood), answers that
nobody asked for from services known to amplify, and very many sources with hardly a packet each.
"""

from __future__ import annotations

import numpy as np

from nftui import text
from nftui.engine.watch.finding import Finding
from nftui.engine.watch.moment import Bools, Groups, Hashes, Ints, Moment, frequent, group, share
from nftui.text import compact, measured

_TCP, _UDP = 6, 17
_SYN = 0x02
_AMPLIFIERS = (17, 19, 53, 69, 111, 123, 137, 161, 177, 389, 520, 1434, 1900, 3283, 3702, 5353, 11211, 27015)
"""UDP services whose answers are larger than the questions (CISA alert TA14-017A)."""
_AMPLIFIED_BITS = 10e6
_REFLECTORS = 10
_LARGE = 300
"""Octets a packet, from which on answers are worth sending somebody."""
_SOURCES = 500
_FEW_PACKETS = 3
_MOST_VICTIMS = 20


class FloodFinder:
    """Finds floods.

    Args:
        hashes: keys of rows.
        flows_per_second: an address that gets fewer flows than this is not flooded, but for amplified answers.
    """

    def __init__(self, hashes: Hashes, flows_per_second: int) -> None:
        self._hashes = hashes
        self._least = flows_per_second

    def find(self, moment: Moment) -> list[Finding]:
        """Addresses under a flood in this moment."""
        if not len(moment):
            return []
        column = moment.columns
        alike = (column["proto"] == _TCP) & (column["flags"] == _SYN) & (column["packets"] <= _FEW_PACKETS)
        amplified = (
            (column["proto"] == _UDP)
            & np.isin(column["src_port"], _AMPLIFIERS)
            & (column["bytes"] >= _LARGE * column["packets"])
        )
        thin = (column["packets"] <= _FEW_PACKETS) & ~alike & ~amplified
        found = self._openings(moment, alike)
        found += self._amplified(moment, amplified)
        return found + self._crowds(moment, thin)

    def _openings(self, moment: Moment, chosen: Bools) -> list[Finding]:
        rows = np.flatnonzero(chosen)
        groups = self._victims(moment, rows, "dst_port")
        out = []
        for number in _largest(groups, self._least * moment.seconds):
            mine = rows[groups.of == number]
            victim, port = moment.address("dst", int(mine[0])), int(moment.columns["dst_port"][mine[0]])
            rate = len(mine) / moment.seconds
            there = self._to(moment, mine[0])
            out.append(
                self._finding(
                    moment, mine, "SYN flood", f"{victim} port {port}",
                    f"{victim} port {port} gets {compact(rate)} openings of connections a second that are never used",
                    f"dst ip {victim} and tcp and dst port {port} and flags =S",
                    (("openings", f"{share(len(mine), int(there.sum()))} of the flows to this address"),),
                )
            )  # fmt: skip
        return out

    def _amplified(self, moment: Moment, chosen: Bools) -> list[Finding]:
        rows = np.flatnonzero(chosen)
        groups = self._victims(moment, rows, "src_port")
        bits = groups.sums(moment.columns["bytes"][rows] * moment.rate[rows].astype(np.float64)) * 8 / moment.seconds
        out = []
        for number in np.flatnonzero(bits >= _AMPLIFIED_BITS)[:_MOST_VICTIMS]:
            mine = rows[groups.of == number]
            if self._sources(moment, mine) < _REFLECTORS:
                continue
            victim, port = moment.address("dst", int(mine[0])), int(moment.columns["src_port"][mine[0]])
            out.append(
                self._finding(
                    moment, mine, "amplification", f"{victim} from port {port}",
                    f"{victim} gets {measured(bits[number], 'bit/s')} of large answers from UDP port {port}",
                    f"dst ip {victim} and udp and src port {port}", (),
                )
            )  # fmt: skip
        return out

    def _crowds(self, moment: Moment, chosen: Bools) -> list[Finding]:
        rows = np.flatnonzero(chosen)
        groups = self._victims(moment, rows, "proto")
        out = []
        for number in _largest(groups, self._least * moment.seconds):
            mine = rows[groups.of == number]
            sources = self._sources(moment, mine)
            if sources < _SOURCES:
                continue
            victim, proto = moment.address("dst", int(mine[0])), int(moment.columns["proto"][mine[0]])
            name = text.protocol(proto)
            out.append(
                self._finding(
                    moment, mine, "many sources", f"{victim} {name}",
                    f"{victim} gets {compact(len(mine) / moment.seconds)} small {name} flows a second "
                    f"from {sources} sources",
                    f"dst ip {victim} and proto {proto} and packets < {_FEW_PACKETS + 1}", (),
                )
            )  # fmt: skip
        return out

    def _victims(self, moment: Moment, rows: Ints, also: str) -> Groups:
        return group(self._hashes.keys(*(moment.column(name, rows) for name in ("dst_hi", "dst_lo", also))))

    def _sources(self, moment: Moment, rows: Ints) -> int:
        return len(np.unique(self._hashes.keys(moment.column("src_hi", rows), moment.column("src_lo", rows))))

    def _to(self, moment: Moment, row: int) -> Bools:
        column = moment.columns
        same: Bools = (column["dst_hi"] == column["dst_hi"][row]) & (column["dst_lo"] == column["dst_lo"][row])
        return same

    def _finding(
        self, moment: Moment, rows: Ints, rule: str, subject: str, summary: str, where: str,
        evidence: tuple[tuple[str, str], ...],
    ) -> Finding:  # fmt: skip
        packets, octets = moment.scaled("packets", rows), moment.scaled("bytes", rows)
        raw, size = moment.column("packets", rows), moment.column("bytes", rows)
        sizes = size // np.maximum(raw, 1)
        marks = (
            ("rate", f"{measured(octets * 8 / moment.seconds, 'bit/s')}, {compact(packets / moment.seconds)} pkt/s"),
            *evidence,
            ("sources", f"{self._sources(moment, rows)}, {compact(len(rows))} flows in {moment.seconds:.0f} s"),
            ("octets a packet", frequent(sizes, "")[1]),
            frequent(moment.column("dst_port", rows), "to port"),
            frequent(moment.column("src_port", rows), "from port"),
            *_more_marks(moment, rows),
        )  # fmt: skip
        return Finding(
            "flood", rule, subject, summary, where, int(moment.column("start", rows).min()), moment.now_ms,
            len(rows), packets, octets, marks,
        )  # fmt: skip


def _more_marks(moment: Moment, rows: Ints) -> list[tuple[str, str]]:
    """What else the flows have in common, where the exporters tell: how one writes a rule against them."""
    out = []
    for field, name in (("min_ttl", "TTL"), ("ip_tos", "ToS"), ("in_if", "came in by interface")):
        if any(batch.has(field) for batch in moment.batches):
            values = np.concatenate([batch.or_zero(field) for batch in moment.batches])[rows]
            out.append(frequent(values, name))
    return out


def _largest(groups: Groups, least: float) -> Ints:
    enough = np.flatnonzero(groups.sizes >= max(least, 1))
    return enough[np.argsort(-groups.sizes[enough], kind="stable")][:_MOST_VICTIMS]
