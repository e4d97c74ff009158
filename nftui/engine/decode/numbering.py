"""What an exporter's sequence numbers count: the unit of its protocol, or the one that it really uses.

NetFlow v5 and v7 count flows, v9 counts datagrams (RFC 3954 section 5.1), IPFIX counts data records, options data
included (RFC 7011 section 3.1). Exporters deviate: some count flows in v9 or datagrams in IPFIX, some count template
records too or leave options data out, some send the same number for ever. A wrong unit would be reported as loss for
as long as the exporter runs, so the unit is learnt from the numbers themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from nftui.engine.decode.datagrams import Ints

TRIAL = 32
"""Datagrams over which units are compared when the numbers do not fit."""
_MARGIN = 3
"""By so many datagrams another unit must fit better than the protocol's own."""
_MODULUS = 1 << 32


class Unit(IntEnum):
    """What one step of the sequence number stands for."""

    DATAGRAMS = 0
    RECORDS = 1
    """Data records: flows and options data."""
    FLOWS = 2
    """Data records without options data."""
    ALL_RECORDS = 3
    """Data records and template records."""
    NOTHING = 4
    """The number never changes: loss cannot be seen."""


_ALWAYS_KNOWN = (Unit.DATAGRAMS, Unit.NOTHING)


def standard_unit(version: int) -> Unit:
    """The unit of a protocol; versions other than NetFlow v5, v7 and IPFIX count datagrams."""
    return Unit.RECORDS if version in {5, 7, 10} else Unit.DATAGRAMS


@dataclass(slots=True)
class Steps:
    """How many things of each kind n datagrams hold.

    Attributes:
        records: data records, int64[n].
        options: of these, options data.
        templates: template records.
        known: 0 where the records could not be counted, for want of a template.
    """

    records: Ints
    options: Ints
    templates: Ints
    known: Ints

    @classmethod
    def of_flows(cls, records: Ints) -> Steps:
        """Of datagrams that hold nothing else than flows."""
        none = np.zeros(len(records), np.int64)
        return cls(records, none, none, np.ones(len(records), np.int64))

    def table(self, rows: Ints | slice) -> Ints:
        """int64[n, units]: by how much the number grows, by unit; -1 where it is not known."""
        records, known = self.records[rows], self.known[rows] > 0
        out = np.empty((len(records), len(Unit)), np.int64)
        out[:, Unit.DATAGRAMS] = 1
        out[:, Unit.RECORDS] = records
        out[:, Unit.FLOWS] = records - self.options[rows]
        out[:, Unit.ALL_RECORDS] = records + self.templates[rows]
        out[:, Unit.NOTHING] = 0
        for unit in set(Unit) - set(_ALWAYS_KNOWN):
            out[~known, unit] = -1
        return out

    def following(self, numbers: Ints, units: Ints) -> Ints:
        """The number that comes next by each datagram's unit, -1 where it is not known."""
        first = int(units[0])
        if len(units) > 1 and (units != first).any():
            step = self.table(slice(None))[np.arange(len(units)), units]
            return np.where(step < 0, -1, (numbers + step) % _MODULUS)
        if first == Unit.DATAGRAMS:
            return (numbers + 1) % _MODULUS
        if first == Unit.RECORDS:
            return np.where(self.known > 0, (numbers + self.records) % _MODULUS, -1)
        step = self.table(slice(None))[:, first]
        return np.where(step < 0, -1, (numbers + step) % _MODULUS)


@dataclass(slots=True)
class Trial:
    """Datagrams of a domain that are held back until it is clear what their numbers count.

    Attributes:
        expected: number expected before the first of them.
        uptime: sysUptime before the first of them.
        numbers, uptimes, received_ms, steps: of each datagram; `steps` as rows of `Steps.table`.
    """

    expected: int
    uptime: int
    numbers: list[int] = field(default_factory=list)
    uptimes: list[int] = field(default_factory=list)
    received_ms: list[int] = field(default_factory=list)
    steps: list[list[int]] = field(default_factory=list)

    def following(self, unit: int) -> list[int]:
        """The number after each datagram by a unit, -1 where it is not known."""
        return [
            -1 if step[unit] < 0 else (number + step[unit]) % _MODULUS
            for number, step in zip(self.numbers, self.steps, strict=True)
        ]

    def pairs(self) -> tuple[Ints, Ints]:
        """Growth of the number to the next datagram, int64[n], and the growth by each unit, int64[n, units].

        Only of datagrams whose records are known.
        """
        numbers = np.array(self.numbers, np.int64)
        grown = (numbers[1:] - numbers[:-1]) % _MODULUS
        steps = np.array(self.steps, np.int64).reshape(-1, len(Unit))[:-1]
        known = steps[:, Unit.RECORDS] >= 0
        return grown[known], steps[known]


@dataclass(slots=True)
class Evidence:
    """How well each unit fitted in the trials of a domain so far."""

    pairs: int = 0
    fits: Ints = field(default_factory=lambda: np.zeros(len(Unit), np.int64))

    def judge(self, trial: Trial, current: int, version: int) -> tuple[int, bool]:
        """The unit to use from here on, and whether that is certain.

        Without a clear difference the current one stays: real loss fits no unit. Nor does loss make a number smaller
        than expected, so that a unit that explains this and every other number needs no further proof.
        """
        grown, steps = trial.pairs()
        fits = steps == grown[:, None]
        self.pairs += len(grown)
        self.fits += fits.sum(axis=0)
        own = int(self.fits[current])
        best = max(Unit, key=lambda unit: (self.fits[unit], unit == current, unit == Unit.RECORDS))
        margin = _MARGIN
        if current != standard_unit(version) or (fits[:, best] & (grown < steps[:, current])).any():
            margin = 1
        if self.fits[best] >= own + margin and 2 * self.fits[best] >= self.pairs:
            return int(best), False
        # v5 and v7 datagrams hold only flows: the kinds of records do not differ.
        same = {Unit.RECORDS, Unit.FLOWS, Unit.ALL_RECORDS} if version in {5, 7} else {Unit(current)}
        rivals = max(int(self.fits[unit]) for unit in Unit if unit not in same and unit != current)
        return current, own >= rivals + _MARGIN
