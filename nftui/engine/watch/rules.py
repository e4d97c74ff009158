"""The user's rules: a filter, a measure, and what it must not pass.

    FILTER over 50 Mbit/s            for the last 30 seconds on average
    FILTER over 2k flow/s for 2m     for the last two minutes
    FILTER over 3x usual             three times the average of the last half hour, in bit/s
    FILTER over 3x usual pkt/s for 1m
    FILTER under 1 kbit/s for 5m     something that should be there has stopped

`any` stands for all flows. Decimal prefixes k, M, G, T mean thousands, as for links.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nftui.engine.query.numbers import duration
from nftui.errors import ConfigError, FilterError

if TYPE_CHECKING:
    from nftui.engine.query.filters import Filter

Unit = Literal["bit/s", "pkt/s", "flow/s"]
LONGEST_SECONDS = 600
_DEFAULT_SECONDS = 30
_PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_UNITS: dict[str, tuple[Unit, float]] = {
    "bit/s": ("bit/s", 1), "bps": ("bit/s", 1), "b/s": ("bit/s", 1), "byte/s": ("bit/s", 8),
    "pkt/s": ("pkt/s", 1), "pps": ("pkt/s", 1), "packets/s": ("pkt/s", 1),
    "flow/s": ("flow/s", 1), "fps": ("flow/s", 1), "flows/s": ("flow/s", 1),
}  # fmt: skip
_RULE = re.compile(r"(?P<filter>.*\S)\s+(?P<way>over|under)\s+(?P<limit>\d.*)", re.IGNORECASE | re.DOTALL)
_LIMIT = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)\s*"
    r"(?:(?P<times>x\s+usual)(?:\s+(?!for\b)(?P<of>\S+))?|(?P<prefix>[kmgt]?)\s*(?P<unit>[a-z]+(?:/s)?))"
    r"(?:\s+for\s+(?P<time>\S+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is understood.

    Attributes:
        name: given by the user.
        text: as configured.
        filter: flows that count; None for all.
        filter_text: the filter's text, empty for all.
        above: broken by more than the limit, else by less.
        amount: limit in `unit`, or factor of what is usual.
        usual: whether `amount` is a factor.
        unit: what is measured.
        seconds: time over which the measure is averaged.
    """

    name: str
    text: str
    filter: Filter | None
    filter_text: str
    above: bool
    amount: float
    usual: bool
    unit: Unit
    seconds: int


def parse_rule(name: str, text: str, read_filter: Callable[[str], Filter | None]) -> Rule:
    """Understand a rule.

    Raises:
        ConfigError: it is none, or its filter is bad.
    """
    parts = _RULE.fullmatch(text.strip())
    if parts is None:
        raise ConfigError(f"rules.{name}: {text!r} has no limit: write FILTER over 50 Mbit/s, or FILTER over 3x usual")
    limit = _LIMIT.fullmatch(parts["limit"].strip())
    if limit is None:
        raise ConfigError(f"rules.{name}: {parts['limit']!r} is no limit: 50 Mbit/s, 2k flow/s for 2m, 3x usual pkt/s")
    unit, factor = _unit(name, limit["of"] if limit["times"] else limit["unit"])
    amount = float(limit["number"]) * (1.0 if limit["times"] else factor * _PREFIXES[limit["prefix"].lower()])
    if amount <= 0:
        raise ConfigError(f"rules.{name}: the limit must be more than 0")
    wanted = "" if parts["filter"].lower() == "any" else parts["filter"]
    try:
        read = read_filter(wanted)
    except FilterError as error:
        raise ConfigError(f"rules.{name}: {error.message}, in {wanted!r}") from error
    above = parts["way"].lower() == "over"
    return Rule(name, text, read, wanted, above, amount, bool(limit["times"]), unit, _seconds(name, limit["time"]))


def _seconds(name: str, text: str | None) -> int:
    if text is None:
        return _DEFAULT_SECONDS
    ms = duration(text)
    if ms is None or not 10_000 <= ms <= LONGEST_SECONDS * 1000:
        raise ConfigError(f"rules.{name}: the time must be 10s to {LONGEST_SECONDS}s, not {text!r}")
    return int(ms) // 1000


def _unit(name: str, word: str | None) -> tuple[Unit, float]:
    if word is None:
        return "bit/s", 1.0
    if word == "B/s":
        return "bit/s", 8.0
    found = _UNITS.get(word.lower())
    if found is None:
        raise ConfigError(f"rules.{name}: {word!r} is no unit: bit/s, B/s, pkt/s or flow/s")
    return found
