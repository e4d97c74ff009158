"""128-bit address ranges cut into pieces that two signed 64-bit columns can be compared with.

An address is stored as two int64 halves in two's complement, so order holds only inside each half and on one
side of its sign bit. Every piece has one of two forms: a range of the high half with any low half, or one high
half with a range of the low half.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nftui.engine.query.tree import Block

HALF = 1 << 64
SIGN = 1 << 63


def signed(half: int) -> int:
    """64-bit pattern as the int64 that the columns hold."""
    return half - HALF if half >= SIGN else half


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a range.

    Attributes:
        high: inclusive signed range of the high half; one value where `low` is given.
        low: inclusive signed range of the low half, or None for any.
    """

    high: tuple[int, int]
    low: tuple[int, int] | None


def pieces(block: Block) -> Iterator[Piece]:
    """The pieces of one address range, 1 to 6 of them."""
    (high1, low1), (high2, low2) = divmod(block[0], HALF), divmod(block[1], HALF)
    if high1 == high2:
        if low1 == 0 and low2 == HALF - 1:
            yield from _high_range(high1, high2)
        else:
            yield from _low_range(high1, low1, low2)
        return
    if low1:
        yield from _low_range(high1, low1, HALF - 1)
        high1 += 1
    last_is_whole = low2 == HALF - 1
    if high1 <= high2 - (not last_is_whole):
        yield from _high_range(high1, high2 - (not last_is_whole))
    if not last_is_whole:
        yield from _low_range(high2, 0, low2)


def _high_range(first: int, last: int) -> Iterator[Piece]:
    for low, high in _by_sign(first, last):
        yield Piece((low, high), None)


def _low_range(high: int, first: int, last: int) -> Iterator[Piece]:
    for low, top in _by_sign(first, last):
        yield Piece((signed(high), signed(high)), (low, top))


def _by_sign(first: int, last: int) -> Iterator[tuple[int, int]]:
    if first < SIGN <= last:
        yield first, SIGN - 1
        yield -SIGN, signed(last)
    else:
        yield signed(first), signed(last)


@dataclass(frozen=True, slots=True)
class PrefixGroup:
    """Networks of one prefix length, for look-up by masked halves.

    Attributes:
        high_mask: signed mask of the high half.
        low_mask: signed mask of the low half.
        keys: masked (high, low) halves, signed.
    """

    high_mask: int
    low_mask: int
    keys: list[tuple[int, int]]


def prefix_groups(blocks: Iterable[Block]) -> list[PrefixGroup]:
    """Address ranges as networks grouped by prefix length, longest first."""
    groups: dict[int, list[tuple[int, int]]] = {}
    for start, end in blocks:
        low = start
        while low <= end:
            size = end - low + 1
            bits = min((low & -low).bit_length() - 1 if low else 128, size.bit_length() - 1)
            groups.setdefault(128 - bits, []).append((signed(low >> 64), signed(low & (HALF - 1))))
            low += 1 << bits
    out = []
    for length in sorted(groups, reverse=True):
        mask = ((1 << length) - 1) << (128 - length)
        out.append(PrefixGroup(signed(mask >> 64), signed(mask & (HALF - 1)), groups[length]))
    return out
