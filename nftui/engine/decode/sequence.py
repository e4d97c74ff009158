"""Sequence numbers: what was lost between exporter and collector, exactly, and apart from what only changed places.

A gap is held open for `WINDOW` datagrams of its domain: what arrives late within it is reordered, not lost. Numbers
are modulo 2^32. What they count is learnt (`nftui.engine.decode.numbering`): the first datagrams that do not fit are
held back for `numbering.TRIAL` datagrams or a second, and only then judged, in the order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nftui.engine.batch import Mask
from nftui.engine.counters import Counts
from nftui.engine.decode.datagrams import Ints
from nftui.engine.decode.numbering import TRIAL, Evidence, Steps, Trial
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
_RUN_MS = 300_000
"""Time to wait for the next of such datagrams: exporters without traffic send one a minute."""
_MODULUS = 1 << 32
_ON_TRIAL = -2
"""Expected number of a domain whose datagrams are held back: nothing equals it."""


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
        run: datagrams of that run: a restart, or sent twice.
        run_ms: reception of the latest of them.
        restarts: times that the exporter began anew.
    """

    seen: int = 0
    gaps: list[_Gap] = field(default_factory=list)
    again: int = -1
    run: int = 0
    run_ms: int = 0
    restarts: int = 0


@dataclass(slots=True)
class _Part:
    """Datagrams of one domain; `rows` is where they are in `steps`."""

    numbers: Ints
    following: Ints
    uptime: Ints | None
    received_ms: Ints
    steps: Steps
    rows: Ints | slice


class Sequences:
    """Sequence state of all domains. Counts `sequence.*`."""

    def __init__(self, domains: Domains) -> None:
        self._domains = domains
        self._histories: dict[int, _History] = {}
        self._trials: dict[int, Trial] = {}
        self._evidence: dict[int, Evidence] = {}

    def check(
        self, slots: Ints, numbers: Ints, steps: Steps, uptime: Ints | None, received_ms: Ints, ranks: Ints,
        tally: Tally,
    ) -> None:  # fmt: skip
        """Follow the numbers of datagrams in the order of arrival.

        Args:
            slots: domain slot.
            numbers: sequence number of the header.
            steps: what the datagrams hold.
            uptime: sysUptime of the header, None for IPFIX.
            received_ms: reception.
            ranks: exporter in the tally.
            tally: gets the counts.
        """
        first = int(slots[0])
        if len(slots) == 1 or (slots == first).all():
            following = steps.following(numbers, self._domains.unit[slots[:1]])
            part = _Part(numbers, following, uptime, received_ms, steps, slice(None))
            self._check_one(first, part, int(ranks[0]), tally)
            return
        following = steps.following(numbers, self._domains.unit[slots])
        order = np.argsort(slots, kind="stable")
        sorted_slots, seq, follow = slots[order], numbers[order], following[order]
        begins = np.flatnonzero(np.r_[True, sorted_slots[1:] != sorted_slots[:-1]])
        before = np.r_[np.int64(-1), follow[:-1]]
        before[begins] = self._domains.expected[sorted_slots[begins]]
        fine = (seq == before) | (before == -1)
        if uptime is not None:
            fine &= self._uptime_fine(uptime[order], sorted_slots, begins)
        fine &= follow >= 0
        lasts = np.r_[begins[1:], len(order)] - 1
        in_order = np.logical_and.reduceat(fine, begins)
        good = np.flatnonzero(in_order)
        self._domains.expected[sorted_slots[lasts[good]]] = follow[lasts[good]]
        for place in np.flatnonzero(~in_order).tolist():
            rows = order[begins[place] : lasts[place] + 1]
            up = None if uptime is None else uptime[rows]
            part = _Part(numbers[rows], following[rows], up, received_ms[rows], steps, rows)
            self._check_one(int(sorted_slots[begins[place]]), part, int(ranks[rows[0]]), tally)
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

    def _check_one(self, slot: int, part: _Part, rank: int, tally: Tally) -> None:
        numbers, following = part.numbers, part.following
        expected = int(self._domains.expected[slot])
        if (
            (expected == -1 or expected == int(numbers[0]))
            and (following >= 0).all()
            and (len(numbers) == 1 or bool((numbers[1:] == following[:-1]).all()))
            and (part.uptime is None or self._steady(slot, part.uptime))
        ):
            self._domains.expected[slot] = following[-1]
            self._advance(slot, len(numbers), rank, tally)
            return
        trial = self._trials.get(slot)
        before = np.r_[np.int64(expected), following[:-1]]
        if trial is None and (self._domains.unit_certain[slot] or not ((before >= 0) & (before != numbers)).any()):
            ups = [-1] * len(numbers) if part.uptime is None else part.uptime.tolist()
            last_up = int(self._domains.uptime[slot])
            self._walk(
                slot, expected, last_up, numbers.tolist(), following.tolist(), ups, part.received_ms.tolist(), rank,
                tally,
            )  # fmt: skip
            return
        if trial is None:
            trial = self._trials[slot] = Trial(expected, int(self._domains.uptime[slot]))
            self._domains.expected[slot] = _ON_TRIAL
        trial.numbers += numbers.tolist()
        trial.uptimes += [-1] * len(numbers) if part.uptime is None else part.uptime.tolist()
        trial.received_ms += part.received_ms.tolist()
        trial.steps += part.steps.table(part.rows).tolist()
        if len(trial.numbers) >= TRIAL:
            self._conclude(slot, rank, tally)

    def _conclude(self, slot: int, rank: int, tally: Tally) -> None:
        """Decide what the numbers of a domain count, and judge the datagrams that were held back by it."""
        trial = self._trials.pop(slot)
        evidence = self._evidence.setdefault(slot, Evidence())
        current, version = int(self._domains.unit[slot]), int(self._domains.version[slot])
        unit, certain = evidence.judge(trial, current, version)
        expected = trial.expected
        if unit != current:
            tally.one("sequence.learnt", rank)
            self._domains.unit[slot] = unit
            expected = -1  # it was counted in the wrong unit
        if certain:
            self._domains.unit_certain[slot] = 1
            del self._evidence[slot]
        self._walk(
            slot, expected, trial.uptime, trial.numbers, trial.following(unit), trial.uptimes, trial.received_ms, rank,
            tally,
        )  # fmt: skip

    def _walk(
        self, slot: int, expected: int, last_up: int, numbers: Sequence[int], following: Sequence[int],
        ups: Sequence[int], received_ms: Sequence[int], rank: int, tally: Tally,
    ) -> None:  # fmt: skip
        """Take the datagrams of a domain one by one."""
        history = self._histories.setdefault(slot, _History())
        restarts = history.restarts
        for number, after, up, now in zip(numbers, following, ups, received_ms, strict=True):
            wrapped = last_up - up > _MODULUS // 2
            restarted = 0 <= up < last_up - _UPTIME_SLACK_MS and not wrapped
            last_up = up if restarted or wrapped else max(up, last_up)
            expected = self._step(history, expected, number, after, now, restarted, rank, tally)
            self._settle(history, rank, tally)
        self._domains.expected[slot] = expected
        if history.restarts > restarts:  # perhaps with other software
            self._domains.unit_certain[slot] = 0
            self._evidence.pop(slot, None)
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
            self._end_run(history, rank, tally)
            if ahead:
                history.gaps.append(_Gap(expected, ahead, history.seen, now_ms))
            return after
        if after >= 0 and self._fill(history, number, (after - number) % _MODULUS):
            tally.one("sequence.reordered", rank)
            return expected
        if number != history.again:
            self._end_run(history, rank, tally)
        history.run += 1
        history.again, history.run_ms = after, now_ms
        if history.run >= _RESTART_RUN:
            return self._restart(history, after, rank, tally)
        return expected

    @staticmethod
    def _end_run(history: _History, rank: int, tally: Tally) -> None:
        """What was behind the expected number and did not go on was sent twice."""
        tally.one("sequence.duplicates", rank, history.run)
        history.run, history.again = 0, -1

    def _restart(self, history: _History, after: int, rank: int, tally: Tally) -> int:
        tally.one("sequence.restarts", rank)
        history.restarts += 1
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
            self._end_run(history, rank, tally)
            self._settle(history, rank, tally)
            self._forget_if_calm(slot)

    def _forget_if_calm(self, slot: int) -> None:
        history = self._histories[slot]
        if not history.gaps and not history.run:
            del self._histories[slot]

    def expire(self, now_ms: int, rank_of: Callable[[int], int], tally: Tally) -> None:
        """Judge what was held back, and count old gaps as lost.

        Args:
            now_ms: UTC milliseconds.
            rank_of: exporter in the tally, by domain slot.
            tally: gets the counts.
        """
        for slot in [slot for slot, trial in self._trials.items() if now_ms - trial.received_ms[0] >= _SETTLE_MS]:
            self._conclude(slot, rank_of(slot), tally)
        for slot in list(self._histories):
            history = self._histories[slot]
            while history.gaps and now_ms - history.gaps[0].opened_ms >= _SETTLE_MS:
                tally.one("sequence.lost", rank_of(slot), history.gaps.pop(0).length)
            if history.run and now_ms - history.run_ms >= _RUN_MS:
                self._end_run(history, rank_of(slot), tally)
            self._forget_if_calm(slot)

    def held(self, slot: int) -> int:
        """Datagrams of a domain whose numbers are held back until it is clear what they count."""
        trial = self._trials.get(slot)
        return len(trial.numbers) if trial is not None else 0

    def drop_domain(self, slot: int) -> Counts:
        """Forget a domain; returns what was still to be counted of it."""
        tally = Tally([""])
        if slot in self._trials:
            self._conclude(slot, 0, tally)
        self._evidence.pop(slot, None)
        history = self._histories.pop(slot, None)
        if history is not None:
            tally.one("sequence.lost", 0, sum(gap.length for gap in history.gaps))
            self._end_run(history, 0, tally)
        return tally.counts()
