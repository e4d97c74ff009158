"""Measures the user's rules: traffic that matches a filter, averaged, against a limit or against what is usual."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nftui.engine.query.filters import EVERYTHING
from nftui.engine.watch.finding import Finding, RuleState
from nftui.engine.watch.rules import Rule
from nftui.text import measured

if TYPE_CHECKING:
    from nftui.engine.batch import FlowBatch

_USUAL_SECONDS = 1800.0
"""What is usual is the average of this long, without the time that the rule itself looks at."""
_ENOUGH_SECONDS = 300.0
"""Less of the past than this is not called usual."""
_MOST = 2**53


class _Meter:
    """One rule: what it measured, moment by moment, the latest last."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.past: deque[tuple[float, float]] = deque()
        """Seconds and amount of each moment."""
        self.present: tuple[float, ...] = (0.0, 0.0, 0.0)
        """Flows, packets and octets of the moment that has not ended yet."""
        self.broken_since_ms: int | None = None
        self.counted: tuple[int, ...] = (0, 0, 0)
        """Flows, packets and octets since then."""
        self.peak = 0.0

    def averages(self) -> tuple[float | None, float | None]:
        """Averages over the rule's time and over the time before it; None while there is too little."""
        near_seconds = near = far_seconds = far = 0.0
        for seconds, amount in reversed(self.past):
            if near_seconds < self.rule.seconds:
                near_seconds, near = near_seconds + seconds, near + amount
            else:
                far_seconds, far = far_seconds + seconds, far + amount
        now = near / near_seconds if near_seconds >= self.rule.seconds else None
        usual = far / far_seconds if far_seconds >= _ENOUGH_SECONDS else None
        return now, usual

    def forget(self) -> None:
        """Keep as much of the past as is needed."""
        kept = sum(seconds for seconds, _ in self.past)
        while self.past and kept - self.past[0][0] >= self.rule.seconds + _USUAL_SECONDS:
            kept -= self.past.popleft()[0]


class Thresholds:
    """All rules of the user's.

    Args:
        rules: in the order in which their states are shown.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._meters = [_Meter(rule) for rule in rules]
        self.states: tuple[RuleState, ...] = tuple(_state(meter, 0.0, None, False) for meter in self._meters)

    def measure(self, batches: Sequence[FlowBatch]) -> None:
        """Add flows that arrived to what is measured."""
        for meter in self._meters:
            amounts = _amounts(meter.rule, batches)
            meter.present = tuple(a + b for a, b in zip(meter.present, amounts, strict=True))

    def find(self, now_ms: int, seconds: float) -> list[Finding]:
        """End a moment of so many seconds; returns the rules that are broken now."""
        found = []
        states = []
        for meter in self._meters:
            rule = meter.rule
            amounts, meter.present = meter.present, (0.0, 0.0, 0.0)
            bits = amounts[2] * 8
            meter.past.append((seconds, {"bit/s": bits, "pkt/s": amounts[1], "flow/s": amounts[0]}[rule.unit]))
            now, usual = meter.averages()
            meter.forget()
            limit = (None if usual is None else rule.amount * usual) if rule.usual else rule.amount
            broken = now is not None and limit is not None and (now > limit if rule.above else now < limit)
            states.append(_state(meter, now or 0.0, limit, broken))
            if not broken:
                meter.broken_since_ms = None
                continue
            assert now is not None
            assert limit is not None
            if meter.broken_since_ms is None:
                meter.broken_since_ms = now_ms - rule.seconds * 1000
                meter.counted, meter.peak = (0, 0, 0), now
            meter.counted = tuple(a + int(b) for a, b in zip(meter.counted, amounts, strict=True))
            meter.peak = max(meter.peak, now) if rule.above else min(meter.peak, now)
            found.append(_finding(meter, now_ms, now, limit, usual))
        self.states = tuple(states)
        return found


def _amounts(rule: Rule, batches: Sequence[FlowBatch]) -> tuple[float, float, float]:
    """Flows, packets and octets that match, times sampling rate."""
    from nftui.engine.query.mask import mask

    flows = packets = octets = 0.0
    for batch in batches:
        matching = mask(rule.filter or EVERYTHING, batch)
        if not matching.any():
            continue
        rate = np.maximum(batch.or_zero("sampling_rate")[matching], 1).astype(np.float64)
        flows += float(batch.or_zero("flows")[matching].sum())
        packets += float((np.minimum(batch.or_zero("packets")[matching], _MOST) * rate).sum())
        octets += float((np.minimum(batch.or_zero("bytes")[matching], _MOST) * rate).sum())
    return flows, packets, min(octets, 2.0**60)


def _state(meter: _Meter, now: float, limit: float | None, broken: bool) -> RuleState:
    return RuleState(meter.rule.name, meter.rule.text, now, limit, meter.rule.unit, broken)


def _finding(meter: _Meter, now_ms: int, now: float, limit: float, usual: float | None) -> Finding:
    rule = meter.rule
    way = "above" if rule.above else "below"
    evidence = [
        ("now", f"{measured(now, rule.unit)}, average of {rule.seconds} s"),
        ("limit", measured(limit, rule.unit) + (f", {rule.amount:g} times what is usual" if rule.usual else "")),
        ("highest" if rule.above else "lowest", measured(meter.peak, rule.unit)),
    ]
    if usual is not None:
        evidence.append(("usual", measured(usual, rule.unit)))
    flows, packets, octets = meter.counted
    assert meter.broken_since_ms is not None
    return Finding(
        "threshold", rule.name, rule.filter_text or "all flows",
        f"{rule.name}: {measured(now, rule.unit)} is {way} {measured(limit, rule.unit)}",
        rule.filter_text, meter.broken_since_ms, now_ms, flows, packets, octets, tuple(evidence),
    )  # fmt: skip
