"""What the watch has found, as plain immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["threshold", "list", "scan", "flood", "beacon", "service"]
KINDS: tuple[Kind, ...] = ("threshold", "list", "scan", "flood", "beacon", "service")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was seen, and what shows it.

    `kind`, `rule` and `subject` together say which finding it is: the same again later is the same finding.

    Attributes:
        kind: which part of the watch found it.
        rule: name of the user's rule, label of the listed address, or the built-in rule's name.
        subject: what it is about, such as an address or an address with a port.
        summary: one sentence.
        filter: selects the flows behind it, together with the time from `first_ms` to `last_ms`.
        first_ms: UTC ms from which on flows belong to it.
        last_ms: UTC ms up to which it was seen.
        flows: flow records that belong to it, as far as they were counted.
        packets: their packets, times sampling rate.
        bytes: their octets, times sampling rate.
        evidence: names and values that show it, in order of weight.
    """

    kind: Kind
    rule: str
    subject: str
    summary: str
    filter: str
    first_ms: int
    last_ms: int
    flows: int = 0
    packets: int = 0
    bytes: int = 0
    evidence: tuple[tuple[str, str], ...] = ()

    @property
    def identity(self) -> tuple[str, str, str]:
        """Which finding it is."""
        return (self.kind, self.rule, self.subject)


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule of the user's and where it stands.

    Attributes:
        name: of the rule.
        text: as configured.
        now: present value, in the rule's unit.
        limit: value that it is compared with; None while there is not enough of the past to compare with.
        unit: `bit/s`, `pkt/s` or `flow/s`.
        broken: the limit is passed.
    """

    name: str
    text: str
    now: float
    limit: float | None
    unit: str
    broken: bool


@dataclass(frozen=True, slots=True)
class WatchState:
    """The watch at one moment.

    Attributes:
        findings: the latest first.
        rules: the user's rules in the order of the configuration.
        listed: addresses and networks looked for.
        problems: lists that cannot be read and lines of lists that cannot be used, in words.
        learning_ms: UTC ms until which services are learnt instead of reported; 0 when that is over.
    """

    findings: tuple[Finding, ...] = ()
    rules: tuple[RuleState, ...] = ()
    listed: int = 0
    problems: tuple[str, ...] = ()
    learning_ms: int = 0
