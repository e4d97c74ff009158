"""Numbers as people write them in filters: counts with units, durations, addresses and networks."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6, inet_pton

from nftui.engine.query.tree import Block, Span
from nftui.text import V4_PREFIX

_NUMBER = re.compile(r"(0x[0-9a-f]+|\d+(?:\.\d+)?)([a-z]*)", re.IGNORECASE)

_COUNT_UNITS = {"": 1} | {
    letter + tail: factor
    for power, letter in enumerate("kmgt", 1)
    for tail, factor in (("", 1000**power), ("b", 1000**power), ("i", 1024**power), ("ib", 1024**power))
}
_COUNT_UNITS["b"] = 1

_TIME_UNITS = {
    "": 1, "ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000,
    "w": 604_800_000,
}  # fmt: skip


def count(text: str) -> Fraction | None:
    """Value of `1500`, `0x1f`, `10k`, `1.5M`, `10MiB` (k m g t are decimal, ki mi gi ti binary), or None."""
    return _scaled(text, _COUNT_UNITS)


def duration(text: str) -> Fraction | None:
    """Milliseconds of `1500`, `1.5s`, `200ms`, `5m`, `1h`, `2d`, or None."""
    return _scaled(text, _TIME_UNITS)


def microseconds(text: str) -> Fraction | None:
    """Microseconds of `3` (milliseconds, as nfdump has it), `250us`, `1.5ms`, `2s`, or None."""
    if text.lower().endswith("us"):
        return _scaled(text[:-2], {"": 1})
    milliseconds = duration(text)
    return None if milliseconds is None else milliseconds * 1000


def _scaled(text: str, units: dict[str, int]) -> Fraction | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits, unit = match.groups()
    factor = units.get(unit.lower())
    if factor is None or len(digits) > 40:
        return None
    if digits[:2].lower() == "0x":
        return Fraction(int(digits, 16)) * factor if not unit else None
    return Fraction(digits) * factor


def spans(sign: str, number: Fraction) -> tuple[Span, ...]:
    """Integers x for which `x sign number` holds; `number` may lie between integers."""
    below, above = math.floor(number), math.ceil(number)
    if sign == ">":
        return ((below + 1, None),)
    if sign == ">=":
        return ((above, None),)
    if sign == "<":
        return ((None, above - 1),)
    if sign == "<=":
        return ((None, below),)
    return ((below, below),) if below == above else ()


@lru_cache(maxsize=4096)
def address(text: str) -> int | None:
    """128-bit value of a complete address, IPv4 mapped, or None."""
    try:
        if ":" in text:
            return int.from_bytes(inet_pton(AF_INET6, text), "big")
        return V4_PREFIX | int.from_bytes(inet_pton(AF_INET, text), "big")
    except (OSError, ValueError, UnicodeError):
        return None


_SHORT_V4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,2}")


def block(text: str) -> Block | None:
    """Addresses of `10.0.0.1`, `10.0.0.0/8`, `10/8`, `2001:db8::/32` or `10.0.0.1-10.0.0.9`, or None.

    Host bits below a prefix length are ignored, as nfdump does.
    """
    single = address.__wrapped__(text)
    if single is not None:
        return (single, single)
    if "/" in text:
        return _network(*text.split("/", 1))
    first, dash, last = text.partition("-")
    low, high = (address(first), address(last)) if dash else (None, None)
    return (low, high) if low is not None and high is not None and low <= high else None


def network(base: str, mask: str) -> Block | None:
    """Addresses of a network given as address and dotted mask, or None."""
    return _network(base, mask) if "." in mask else None


def _network(base: str, mask: str) -> Block | None:
    """Addresses of a base address, which may be short (`10`), and a prefix length or dotted mask."""
    low = address.__wrapped__(base)
    if low is None and _SHORT_V4.fullmatch(base):
        low = address(base + ".0" * (3 - base.count(".")))
    if low is None:
        return None
    width = 32 if low >> 32 == 0xFFFF else 128
    length = int(mask) if mask.isdecimal() and len(mask) < 4 else _length(mask) if width == 32 else None
    if length is None or length > width:
        return None
    host = (1 << (width - length)) - 1
    return (low & ~host, low | host)


def _length(mask: str) -> int | None:
    """Prefix length of a dotted mask."""
    value = address(mask)
    if value is None or value >> 32 != 0xFFFF:
        return None
    inverse = ~value & 0xFFFFFFFF
    return None if inverse & (inverse + 1) else 32 - inverse.bit_length()


def block_text(item: Block) -> str:
    """A range of addresses as an address, a network or first-last."""
    low, high = item
    size = high - low + 1
    mapped = low >> 32 == 0xFFFF and high >> 32 == 0xFFFF
    name = _v4 if mapped else _v6
    if size == 1:
        return name(low)
    if size & (size - 1) == 0 and low % size == 0:
        return f"{name(low)}/{(32 if mapped else 128) - size.bit_length() + 1}"
    return f"{name(low)}-{name(high)}"


def _v4(value: int) -> str:
    return str(IPv4Address(value & 0xFFFFFFFF))


def _v6(value: int) -> str:
    return str(IPv6Address(value))


_MAC = re.compile(r"[0-9a-f]{1,2}(?:[:-][0-9a-f]{1,2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}", re.IGNORECASE)


def mac(text: str) -> int | None:
    """48-bit value of `00:11:22:33:44:55`, `00-11-…` or `0011.2233.4455`, or None."""
    if not _MAC.fullmatch(text):
        return None
    if "." in text:
        return int(text.replace(".", ""), 16)
    return int("".join(part.zfill(2) for part in re.split("[:-]", text)), 16)
