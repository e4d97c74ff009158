"""What a filter means: a small tree that the mask and the SQL compiler share.

Every comparison of numbers is a set of ranges and every comparison of addresses is a set of address ranges, so
that `>`, `!=`, lists, networks and ranges need one node each, and both compilers stay short enough to compare.

Null rule, the same in both compilers: a leaf is true or false, never unknown. A leaf on a field that the flow
does not have is false; `Not` of it is true. `x != 5` is `Not(x = 5)` and so holds for flows without x.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Span: TypeAlias = tuple[int | None, int | None]
"""Inclusive range of integers; None is unbounded."""
Block: TypeAlias = tuple[int, int]
"""Inclusive range of 128-bit addresses, IPv4 mapped."""


@dataclass(frozen=True, slots=True)
class Always:
    """True or false for every flow."""

    value: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """A value lies in one of the ranges.

    Attributes:
        value: a name of `values.VALUES`: an integer field or something computed from several.
        spans: inclusive ranges, sorted and apart from each other; none means false.
    """

    value: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """An address lies in one of the blocks.

    Attributes:
        field: name of an address field.
        blocks: inclusive 128-bit ranges, sorted and apart from each other.
    """

    field: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Bits:
    """`field & mask == bits`."""

    field: str
    mask: int
    bits: int


class Match(Enum):
    """How text is compared; always without regard to case."""

    EQUAL = "equal"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class Text:
    """A text field equals, begins with, ends with or contains `pattern` (lower case)."""

    field: str
    pattern: str
    match: Match


@dataclass(frozen=True, slots=True)
class Ordered:
    """The flow has both integer fields, and the first is not larger than the second."""

    field: str
    other: str


@dataclass(frozen=True, slots=True)
class Present:
    """The flow has the field at all."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Node


@dataclass(frozen=True, slots=True)
class All:
    """All parts hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Node, ...]


Node: TypeAlias = Always | Numbers | Addresses | Bits | Text | Ordered | Present | Not | All | Any


def all_of(parts: Iterable[Node]) -> Node:
    """Conjunction, flat, without parts that say nothing."""
    flat: dict[Node, None] = {}
    for part in parts:
        if isinstance(part, All):
            flat.update(dict.fromkeys(part.parts))
        elif part == Always(False):
            return part
        elif part != Always(True):
            flat[part] = None
    if not flat:
        return Always(True)
    return next(iter(flat)) if len(flat) == 1 else All(tuple(flat))


def any_of(parts: Iterable[Node]) -> Node:
    """Disjunction, flat; ranges of the same value or field are united.

    A long chain of `ip A or ip B or …` becomes one look-up per side.
    """
    spans: dict[str, list[Span]] = {}
    blocks: dict[str, list[Block]] = {}
    order: dict[Node | tuple[str, str], None] = {}
    for part in _alternatives(parts):
        if isinstance(part, Numbers):
            spans.setdefault(part.value, []).extend(part.spans)
            order["numbers", part.value] = None
        elif isinstance(part, Addresses):
            blocks.setdefault(part.field, []).extend(part.blocks)
            order["addresses", part.field] = None
        elif part == Always(True):
            return part
        elif part != Always(False):
            order[part] = None
    united: list[Node] = []
    for item in order:
        if not isinstance(item, tuple):
            united.append(item)
        elif item[0] == "numbers":
            united.append(Numbers(item[1], unite_spans(spans[item[1]])))
        else:
            united.append(Addresses(item[1], unite_blocks(blocks[item[1]])))
    if not united:
        return Always(False)
    return united[0] if len(united) == 1 else Any(tuple(united))


def _alternatives(parts: Iterable[Node]) -> Iterator[Node]:
    for part in parts:
        if isinstance(part, Any):
            yield from part.parts
        else:
            yield part


def negation(part: Node) -> Node:
    """The opposite; a double negation goes away."""
    if isinstance(part, Not):
        return part.part
    if isinstance(part, Always):
        return Always(not part.value)
    return Not(part)


def unite_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sorted ranges with touching ones joined; ranges that hold nothing are left out."""
    out: list[Span] = []
    usable = [s for s in spans if s[0] is None or s[1] is None or s[0] <= s[1]]
    for low, high in sorted(usable, key=lambda s: (s[0] is not None, s[0] or 0)):
        if out:
            last_low, last_high = out[-1]
            if last_high is None:
                break
            if low is None or low <= last_high + 1:
                out[-1] = (last_low, None if high is None else max(last_high, high))
                continue
        out.append((low, high))
    return tuple(out)


def unite_blocks(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Sorted address ranges with touching ones joined."""
    ordered = sorted(blocks)
    if len(ordered) < 2:
        return tuple(ordered)
    out: list[Block] = []
    start, end = ordered[0]
    for low, high in ordered[1:]:
        if low <= end + 1:
            end = max(end, high)
        else:
            out.append((start, end))
            start, end = low, high
    out.append((start, end))
    return tuple(out)


def leaves(node: Node) -> Iterator[Always | Numbers | Addresses | Bits | Text | Ordered | Present]:
    """All comparisons of the tree, left to right."""
    if isinstance(node, Not):
        yield from leaves(node.part)
    elif isinstance(node, All | Any):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


def complement(ranges: tuple[Span, ...]) -> tuple[Span, ...]:
    """All integers outside of the ranges, which are sorted and apart."""
    out: list[Span] = []
    low: int | None = None
    for start, end in ranges:
        if start is not None:
            out.append((low, start - 1))
        if end is None:
            return unite_spans(out)
        low = end + 1
    out.append((low, None))
    return unite_spans(out)
