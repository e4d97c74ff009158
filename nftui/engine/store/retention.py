"""How long flows are kept: limits as people write them, with nfexpire's letters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nftui.errors import UsageError

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([bkmgtp]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
_AGE_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([wdhm])", re.IGNORECASE | re.ASCII)
_PERCENT = re.compile(r"(\d{1,2}(?:\.\d{1,3})?|100)\s*%?", re.ASCII)
_MINUTE_MS = 60_000
_AGES_MS = {"w": 10_080 * _MINUTE_MS, "d": 1440 * _MINUTE_MS, "h": 60 * _MINUTE_MS, "m": _MINUTE_MS}


@dataclass(frozen=True, slots=True)
class Policy:
    """What a store may keep; None is without a limit.

    Attributes:
        most_bytes: on disk, everything below the store.
        most_age_ms: of a slot.
        least_free: share of the disk, 0 to 1, that stays free.
        watermark: share of the limit, 0 to 1, down to which files are removed once it is passed.
    """

    most_bytes: int | None = None
    most_age_ms: int | None = None
    least_free: float | None = None
    watermark: float = 0.95

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return (self.most_bytes, self.most_age_ms, self.least_free) != (None, None, None)


def parse_policy(size: str = "", age: str = "", free: str = "", watermark: str = "") -> Policy:
    """The policy that these texts say; empty ones are without a limit.

    Args:
        size: such as `10G`; b k m g t p, powers of 1024 as nfexpire(1) has them.
        age: such as `4w` or `1d 12H`; w d H M, the last for minutes.
        free: percentage of the disk.
        watermark: percentage, 95 if empty.

    Raises:
        UsageError: a text is none of these.
    """
    return Policy(
        most_bytes=_bytes(size) if size else None,
        most_age_ms=_age(age) if age else None,
        least_free=_share(free, "free space") if free else None,
        watermark=_share(watermark, "watermark") if watermark else 0.95,
    )


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"size {text!r}: expected a number with b, k, m, g, t or p, such as 500M or 1.5T")
    return int(float(match[1]) * 1024 ** "bkmgtp".index(match[2].lower() or "b"))


def _age(text: str) -> int:
    parts = _AGE_PART.findall(text)
    if not parts or _AGE_PART.sub("", text).strip():
        raise UsageError(f"age {text!r}: expected numbers with w, d, H or M, such as 4w or 1d12H")
    return int(sum(float(number) * _AGES_MS[unit.lower()] for number, unit in parts))


def _share(text: str, what: str) -> float:
    match = _PERCENT.fullmatch(text.strip())
    if match is None or float(match[1]) == 0:
        raise UsageError(f"{what} {text!r}: expected a percentage above 0, at most 100")
    return float(match[1]) / 100
