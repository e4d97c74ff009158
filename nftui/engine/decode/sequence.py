"""Sequence numbers: what was lost between exporter and collector, exactly, and apart from what only changed places.

Units differ: NetFlow v5 and v7 count flows, v9 counts datagrams (RFC 3954 section 5.1), IPFIX counts data
records, options data included (RFC 7011 section 3.1). A gap is held open for `WINDOW` datagrams of its domain:
what arrives late within it is reordered, not lost. Numbers are modulo 2^32.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nftui.engine.batch import Mask
from nftui.engine.decode.datagrams import Ints
from nftui.engine.decode.sessions import Domains
from nftui.engine.decode.tally import Tally

WINDOW = 64
"""Datagrams of a domain after which a gap counts as lost."""
_SETTLE_MS = 1000
"""Time after which a gap counts as lost even if nothing follows."""
_JUMP = 1 << 24
"""A larger step forward is another numbering, not loss."""
_RESTART_RUN = 3
"""Datagrams in a row that continue each other behind the expected number: the exporter began anew."""
_UPTIME_SLACK_MS = 60_000
"""sysUptime may go back so far by reordering."""
_MODULUS = 1 << 32


@dataclass(slots=True)
class _Gap:
    begin: int
    length: int
    opened: int
    opened_ms: int


@dataclass(slots=True)
class _History:
    """What is remembered of a domain that was not in order.

    Attributes:
        seen: datagrams since the history began.
        gaps: open gaps, oldest first.
        again: number that would continue a run behind the expected number.
        run: length of that run.
    """

    seen: int = 0
    gaps: list[_Gap] = field(default_factory=list)
    again: int = -1
    run: int = 0


class Sequences:
    """Sequence state of all domains. Counts `sequence.lost`, `reordered`, `duplicates`, `restarts`, `unknown`."""

    def __init__(self, domains: Domains) -> None:
        self._domains = domains
        self._histories: dict[int, _History] = {}

    def check(
        self, slots: Ints, numbers: Ints, units: Ints, known: Ints, uptime: Ints | None, received_ms: Ints,
        ranks: Ints, tally: Tally,
    ) -> None:  # fmt: skip
        """Follow the numbers of datagrams in the order of arrival.

        Args:
            slots: domain slot.
            numbers: sequence number of the header.
            units: by how much the next number is higher.
            known: 0 where `units` is unknown, because a set could not be decoded.
            uptime: sysUptime of the header, None for IPFIX.
            received_ms: reception.
            ranks: exporter in the tally.
            tally: gets the counts.
        """
        following = np.where(known > 0, (numbers + units) % _MODULUS, -1)
        if (slots == slots[0]).all():
            self._check_one(int(slots[0]), numbers, following, uptime, received_ms, int(ranks[0]), tally)
            return
        order = np.argsort(slots, kind="stable")
        sorted_slots, seq, follow = slots[order], numbers[order], following[order]
        begins = np.flatnonzero(np.r_[True, sorted_slots[1:] != sorted_slots[:-1]])
        before = np.r_[np.int64(-1), follow[:-1]]
        before[begins] = self._domains.expected[sorted_slots[begins]]
        fine = (seq == before) | (before < 0)
        if uptime is not None:
            fine &= self._uptime_fine(uptime[order], sorted_slots, begins)
        fine &= known[order] > 0
        lasts = np.r_[begins[1:], len(order)] - 1
        in_order = np.logical_and.reduceat(fine, begins)
        good = np.flatnonzero(in_order)
        self._domains.expected[sorted_slots[lasts[good]]] = follow[lasts[good]]
        for place in np.flatnonzero(~in_order).tolist():
            part = order[begins[place] : lasts[place] + 1]
            self._check_one(
                int(sorted_slots[begins[place]]), numbers[part], following[part],
                None if uptime is None else uptime[part], received_ms[part], int(ranks[part[0]]), tally,
            )  # fmt: skip
        if self._histories:
            counts = lasts - begins + 1
            for place in good.tolist():
                self._advance(
                    int(sorted_slots[begins[place]]), int(counts[place]), int(ranks[order[begins[place]]]), tally
                )

    def _uptime_fine(self, uptime: Ints, slots: Ints, begins: Ints) -> Mask:
        before = np.r_[np.int64(0), uptime[:-1]]
        before[begins] = self._domains.uptime[slots[begins]]
        fine: Mask = uptime >= before - _UPTIME_SLACK_MS
        return fine

    def _check_one(
        self, slot: int, numbers: Ints, following: Ints, uptime: Ints | None, received_ms: Ints, rank: int, tally: Tally
    ) -> None:
        expected = int(self._domains.expected[slot])
        if (
            (expected < 0 or expected == int(numbers[0]))
            and (following >= 0).all()
            and (len(numbers) == 1 or bool((numbers[1:] == following[:-1]).all()))
            and (uptime is None or self._steady(slot, uptime))
        ):
            self._domains.expected[slot] = following[-1]
            self._advance(slot, len(numbers), rank, tally)
            return
        history = self._histories.setdefault(slot, _History())
        ups = [-1] * len(numbers) if uptime is None else uptime.tolist()
        last_up = int(self._domains.uptime[slot])
        for number, after, up, now in zip(numbers.tolist(), following.tolist(), ups, received_ms.tolist(), strict=True):
            wrapped = last_up - up > _MODULUS // 2
            restarted = 0 <= up < last_up - _UPTIME_SLACK_MS and not wrapped
            last_up = up if restarted or wrapped else max(up, last_up)
            expected = self._step(history, expected, number, after, now, restarted, rank, tally)
            self._settle(history, rank, tally)
        self._domains.expected[slot] = expected
        self._forget_if_calm(slot)

    def _steady(self, slot: int, uptime: Ints) -> bool:
        last = int(self._domains.uptime[slot])
        return int(uptime[0]) >= last - _UPTIME_SLACK_MS and bool((np.diff(uptime) >= -_UPTIME_SLACK_MS).all())

    def _step(
        self,
        history: _History,
        expected: int,
        number: int,
        after: int,
        now_ms: int,
        restarted: bool,
        rank: int,
        tally: Tally,
    ) -> int:
        """Take one datagram; returns the next expected number, -1 if unknown."""
        history.seen += 1
        if after < 0:
            tally.one("sequence.unknown", rank)
        if expected < 0:
            return after
        ahead = (number - expected) % _MODULUS
        if restarted or (_JUMP < ahead < _MODULUS - _JUMP):
            return self._restart(history, after, rank, tally)
        if ahead <= _JUMP:
            history.run = 0
            if ahead:
                history.gaps.append(_Gap(expected, ahead, history.seen, now_ms))
            return after
        if after >= 0 and self._fill(history, number, (after - number) % _MODULUS):
            tally.one("sequence.reordered", rank)
            return expected
        history.run = history.run + 1 if number == history.again else 1
        history.again = after
        if history.run >= _RESTART_RUN:
            return self._restart(history, after, rank, tally)
        tally.one("sequence.duplicates", rank)
        return expected

    def _restart(self, history: _History, after: int, rank: int, tally: Tally) -> int:
        tally.one("sequence.restarts", rank)
        for gap in history.gaps:
            tally.one("sequence.lost", rank, gap.length)
        history.gaps.clear()
        history.run, history.again = 0, -1
        return after

    @staticmethod
    def _fill(history: _History, number: int, units: int) -> bool:
        """Take a late datagram out of the gap that it belongs to."""
        for place, gap in enumerate(history.gaps):
            inner = (number - gap.begin) % _MODULUS
            if inner >= gap.length or inner + units > gap.length:
                continue
            rest = gap.length - inner - units
            pieces = []
            if inner:
                pieces.append(_Gap(gap.begin, inner, gap.opened, gap.opened_ms))
            if rest:
                pieces.append(_Gap((number + units) % _MODULUS, rest, gap.opened, gap.opened_ms))
            history.gaps[place : place + 1] = pieces
            return units > 0
        return False

    @staticmethod
    def _settle(history: _History, rank: int, tally: Tally) -> None:
        while history.gaps and history.seen - history.gaps[0].opened >= WINDOW:
            tally.one("sequence.lost", rank, history.gaps.pop(0).length)

    def _advance(self, slot: int, datagrams: int, rank: int, tally: Tally) -> None:
        history = self._histories.get(slot)
        if history is not None:
            history.seen += datagrams
            history.run = 0
            self._settle(history, rank, tally)
            self._forget_if_calm(slot)

    def _forget_if_calm(self, slot: int) -> None:
        history = self._histories[slot]
        if not history.gaps and not history.run:
            del self._histories[slot]

    def expire(self, now_ms: int) -> list[tuple[int, int]]:
        """Count old gaps as lost; returns (domain slot, lost) for each."""
        lost = []
        for slot in list(self._histories):
            history = self._histories[slot]
            while history.gaps and now_ms - history.gaps[0].opened_ms >= _SETTLE_MS:
                lost.append((slot, history.gaps.pop(0).length))
            if not history.gaps:
                del self._histories[slot]
        return lost

    def drop_domain(self, slot: int) -> int:
        """Forget a domain; returns what its open gaps hold."""
        history = self._histories.pop(slot, None)
        return sum(gap.length for gap in history.gaps) if history is not None else 0
