"""What follows a phrase of the filter language, per shape of operand: comparisons, ranges, lists, names."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from nftui.engine.query import numbers, tree
from nftui.engine.query.lexer import Kind, Token, items
from nftui.engine.query.names import (
    ICMP,
    ICMP6,
    PROTOCOL_NUMBERS,
    SERVICE_PORTS,
    TCP,
    protocol_number,
    service_port,
    states,
)
from nftui.engine.query.tree import Block, Node, Span
from nftui.engine.query.words import Shape, Word
from nftui.errors import FilterError
from nftui.text import V4_PREFIX, nearest

if TYPE_CHECKING:
    from nftui.engine.query.parser import Surroundings

SIGNS = {
    "=": "=", "==": "=", "eq": "=", "!=": "!=", "<>": "!=", "ne": "!=", ">": ">", "gt": ">", "<": "<", "lt": "<",
    ">=": ">=", "ge": ">=", "<=": "<=", "le": "<=",
}  # fmt: skip

V4: Block = (V4_PREFIX, V4_PREFIX | 0xFFFFFFFF)

_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128, "X": 63}

_DENIALS = {"ingress": 1001, "egress": 1002, "interface": 1003, "nosyn": 1004}
"""Extended event codes of a Cisco ASA for a denied flow."""


class Reader(Protocol):
    """The part of the parser that operands need."""

    @property
    def surroundings(self) -> Surroundings:
        """What the filter may refer to."""
        ...

    def peek(self, ahead: int = 0) -> Token:
        """A token without taking it."""
        ...

    def take(self) -> Token:
        """The next token."""
        ...


def default_moment(text: str) -> int | None:
    """UTC milliseconds of a time in the local zone, relative to now, or None."""
    from nftui.engine.query.time import moment

    return moment(text, time.time_ns() // 1_000_000)


def comparison(reader: Reader, word: Word, phrase: str) -> Node:
    """The node for a phrase and the operand that follows it.

    Raises:
        FilterError: the operand is missing or of the wrong kind.
    """
    shape = word.shape
    if shape is Shape.ANYTHING:
        return tree.Always(True)
    if shape is Shape.FAMILY4:
        return _over(("src_addr", "dst_addr"), lambda name: tree.Addresses(name, (V4,)))
    if shape is Shape.FAMILY6:
        return _over(("src_addr", "dst_addr"), _is_v6)
    if shape is Shape.TTL_EQUAL:
        return tree.all_of((tree.Ordered("min_ttl", "max_ttl"), tree.Ordered("max_ttl", "min_ttl")))
    if shape is Shape.IN_BLOCK:
        return _over(word.fields, _in_block)
    if reader.peek().lower == "defined":
        reader.take()
        return _over(word.fields, _defined, word.every)
    if shape in {Shape.ADDRESS, Shape.NETWORK}:
        return _address(reader, word, phrase)
    if shape is Shape.FLAGS:
        return _flags(reader, word, phrase)
    if shape is Shape.TEXT:
        return _text(reader, word, phrase)
    if shape is Shape.INTERFACE and _is_name(reader.peek()):
        names = tuple(f"{name}_name" for name in word.fields)
        return _text(reader, Word(Shape.TEXT, names), phrase)
    sign, ranges = _ranges(reader, shape, word, phrase)
    node = _over(word.fields, lambda name: _leaf(shape, name, ranges), word.every)
    return tree.negation(node) if sign == "!=" else node


def _is_v6(field: str) -> Node:
    return tree.all_of((tree.Present(field), tree.Not(tree.Addresses(field, (V4,)))))


def _over(fields: tuple[str, ...], make: Callable[[str], Node], every: bool = False) -> Node:
    parts = [make(name) for name in fields]
    return tree.all_of(parts) if every else tree.any_of(parts)


def _in_block(port: str) -> Node:
    return tree.all_of((tree.Ordered("port_block_start", port), tree.Ordered(port, "port_block_end")))


def _defined(name: str) -> Node:
    from nftui.engine.schema import FIELDS

    if name in FIELDS:
        return tree.Present(name)
    return tree.Numbers(name, ((None, None),))


def _leaf(shape: Shape, name: str, spans: tuple[Span, ...]) -> Node:
    """The comparison of one field with ranges of the operand."""
    if shape is Shape.ICMP_TYPE:
        return _icmp("icmp_type", spans, tree.Numbers("dst_port", _shifted(spans, 8)))
    if shape is Shape.ICMP_CODE:
        return _icmp("icmp_code", spans, tree.Numbers("port_code", spans))
    if shape is Shape.MPLS_LABEL:
        return tree.Numbers(name, _shifted(spans, 4))
    if shape is Shape.MPLS_EXP:
        inside = (bits for bits in range(8) if tree.unite_spans([*spans, (bits, bits)]) == tree.unite_spans(spans))
        return tree.any_of(tree.Bits(name, 0xE, bits << 1) for bits in inside)
    if shape is Shape.MPLS_END:
        return tree.all_of((tree.Numbers(name, _shifted(spans, 4)), tree.Bits(name, 1, 1)))
    if shape is Shape.DENIAL:
        return tree.all_of((tree.Numbers("firewall_event", ((3, 3),)), tree.Numbers(name, spans)))
    return tree.Numbers(name, spans)


def _icmp(field: str, spans: tuple[Span, ...], by_port: Node) -> Node:
    """Exporters without ICMP elements send type*256+code as destination port."""
    is_icmp = tree.Numbers("proto", ((ICMP, ICMP), (ICMP6, ICMP6)))
    either = tree.any_of((tree.Numbers(field, spans), tree.all_of((tree.Not(tree.Present(field)), by_port))))
    return tree.all_of((is_icmp, either))


def _shifted(spans: tuple[Span, ...], bits: int) -> tuple[Span, ...]:
    return tuple(
        (None if low is None else low << bits, None if high is None else (high << bits) + (1 << bits) - 1)
        for low, high in spans
    )


# Numbers -----------------------------------------------------------------------------------------------------


def _ranges(reader: Reader, shape: Shape, word: Word, phrase: str) -> tuple[str, tuple[Span, ...]]:
    """Sign (`=` or `!=`) and the ranges that the operand stands for."""
    sign, negated = _sign(reader)
    token = reader.take()
    if token.lower == "in" and sign is None:
        token = _list(reader, phrase)
    if token.kind is Kind.LIST:
        spans = [span for item in items(token) for span in _element(reader, shape, word, item)]
        return ("!=" if negated else "="), tree.unite_spans(spans)
    if token.kind not in {Kind.WORD, Kind.STRING}:
        raise _wrong(token, shape, phrase)
    if sign in {None, "=", "!="}:
        return ("!=" if (sign == "!=") != negated else "="), tree.unite_spans(_element(reader, shape, word, token))
    exact = _number(reader, shape, word, token)
    if exact is None:
        raise _bad_value(token, shape, word)
    if isinstance(exact, tuple):
        low, high = exact
        exact = Fraction(high if sign in {">", "<="} else low)
    return "=", tree.unite_spans(numbers.spans(sign or "=", exact))


def _sign(reader: Reader) -> tuple[str | None, bool]:
    """Comparison sign if one stands here; `not in [...]` gives (None, True)."""
    token = reader.peek()
    if token.lower in SIGNS:
        return SIGNS[reader.take().lower], False
    if token.lower == "not" and reader.peek(1).lower == "in":
        reader.take()
        return None, True
    return None, False


def _list(reader: Reader, phrase: str) -> Token:
    token = reader.take()
    if token.kind is not Kind.LIST:
        raise FilterError(
            f"`{phrase} in` needs a list", token.source, token.position, token.length,
            expected=("a list in brackets such as [80 443]",),
        )  # fmt: skip
    return token


def _element(reader: Reader, shape: Shape, word: Word, token: Token) -> tuple[Span, ...]:
    """One number, name or range `low-high` of a list or after an equals sign."""
    single = _number(reader, shape, word, token)
    if single is None:
        for separator in ("..", "-"):
            left, found, right = token.text.partition(separator)
            if not found or not left or not right:
                continue
            low = _number(reader, shape, word, Token(Kind.WORD, left, token.position, token.source))
            high = _number(reader, shape, word, Token(Kind.WORD, right, token.position, token.source))
            if low is not None and high is not None:
                first = low[0] if isinstance(low, tuple) else -(-low.numerator // low.denominator)
                last = high[1] if isinstance(high, tuple) else high.numerator // high.denominator
                if first > last:
                    raise FilterError(
                        f"range {token.text!r} is empty", token.source, token.position, token.length,
                        expected=("the lower number first",),
                    )  # fmt: skip
                return ((first, last),)
        raise _bad_value(token, shape, word)
    if isinstance(single, tuple):
        return (single,)
    return numbers.spans("=", single)


def _number(reader: Reader, shape: Shape, word: Word, token: Token) -> Fraction | tuple[int, int] | None:
    """Value of one word: a number, or the range of values that a state's name covers."""
    text = token.text
    if shape is Shape.DURATION:
        return numbers.duration(text)
    if shape is Shape.LATENCY:
        return numbers.microseconds(text)
    if shape is Shape.TIME:
        moment = reader.surroundings.moment(text)
        return None if moment is None else Fraction(moment)
    if shape is Shape.MAC:
        value = numbers.mac(text)
        return None if value is None else Fraction(value)
    if shape is Shape.STATE:
        known = states(word.fields[0]).get(text.lower())
        if known is not None:
            return known
    named = _named(shape, text)
    return numbers.count(text) if named is None else Fraction(named)


def _named(shape: Shape, text: str) -> int | None:
    if text[:1].isdigit():
        return None
    if shape is Shape.PORT:
        return service_port(text)
    if shape is Shape.PROTOCOL:
        return protocol_number(text)
    if shape is Shape.DENIAL:
        return _DENIALS.get(text.lower())
    return None


def _bad_value(token: Token, shape: Shape, word: Word) -> FilterError:
    known: list[str] = []
    if shape is Shape.PORT:
        known = list(SERVICE_PORTS)
    elif shape is Shape.PROTOCOL:
        known = list(PROTOCOL_NUMBERS)
    elif shape is Shape.STATE:
        known = list(states(word.fields[0]))
    elif shape is Shape.DENIAL:
        known = list(_DENIALS)
    return FilterError(
        f"{token.text!r} is not {shape.value.split(',')[0]}", token.source, token.position, token.length,
        expected=(shape.value,), suggestion=nearest(token.text.lower(), known),
    )  # fmt: skip


def _wrong(token: Token, shape: Shape, phrase: str) -> FilterError:
    what = "the filter ends" if token.kind is Kind.END else f"{token.text!r} stands"
    return FilterError(
        f"{what} after `{phrase}` where {shape.value.split(',')[0]} should follow",
        token.source, token.position, token.length, expected=(shape.value,),
    )  # fmt: skip


# Addresses ---------------------------------------------------------------------------------------------------


def _address(reader: Reader, word: Word, phrase: str) -> Node:
    sign, negated = _sign(reader)
    if sign not in {None, "=", "!="}:
        wrong = reader.peek()
        raise FilterError(
            f"addresses are not compared with {sign}", wrong.source, wrong.position, wrong.length,
            expected=("=", "!=", "in [...]"),
        )  # fmt: skip
    token = reader.take()
    if token.lower == "in" and sign is None:
        token = _list(reader, phrase)
    if token.kind is Kind.LIST:
        blocks = [found for item in items(token) for found in _blocks(reader, item, word)]
    elif token.kind in {Kind.WORD, Kind.STRING}:
        blocks = _network_with_mask(reader, token) if word.shape is Shape.NETWORK else []
        blocks = blocks or _blocks(reader, token, word)
    else:
        raise _wrong(token, word.shape, phrase)
    united = tree.unite_blocks(blocks)
    node = _over(word.fields, lambda name: tree.Addresses(name, united), word.every)
    return tree.negation(node) if negated or sign == "!=" else node


def _network_with_mask(reader: Reader, token: Token) -> list[Block]:
    """`net 10.0.0.0 255.0.0.0`."""
    following = reader.peek()
    if following.kind is not Kind.WORD or numbers.address(following.text) is None:
        return []
    found = numbers.network(token.text, following.text)
    if found is None:
        raise FilterError(
            f"{following.text!r} is not a network mask", following.source, following.position, following.length,
            expected=("a mask such as 255.255.0.0",),
        )  # fmt: skip
    reader.take()
    return [found]


def _blocks(reader: Reader, token: Token, word: Word) -> list[Block]:
    found = numbers.block(token.text)
    if found is not None:
        return [found]
    named = reader.surroundings.exporters(token.text) if word.fields == ("sampler_address",) else None
    if named:
        return named
    looks_like_name = any(c.isalpha() for c in token.text) and ":" not in token.text and "/" not in token.text
    if looks_like_name and reader.surroundings.resolve is not None:
        addresses = reader.surroundings.resolve(token.text)
        if addresses:
            return [(value, value) for value in addresses]
        raise FilterError(
            f"host name {token.text!r} has no address", token.source, token.position, token.length,
            expected=(word.shape.value,),
        )  # fmt: skip
    reason = "host names are not looked up here" if looks_like_name else f"{token.text!r} is not an address"
    raise FilterError(reason, token.source, token.position, token.length, expected=(word.shape.value,))


# Flags and text ----------------------------------------------------------------------------------------------


def _flags(reader: Reader, word: Word, phrase: str) -> Node:
    """`flags SA` all of them set, `flags =SA` exactly these, `flags > 3` as a number."""
    sign, _ = _sign(reader)
    token = reader.peek()
    letters = token.text.upper() if token.kind is Kind.WORD else ""
    if letters and all(letter in _FLAGS for letter in letters) and sign in {None, "=", "!="}:
        reader.take()
        wanted = 0
        for letter in letters:
            wanted |= _FLAGS[letter]
        is_tcp = tree.Numbers("proto", ((TCP, TCP),))
        mask = wanted if sign is None else 0xFF
        node = _over(word.fields, lambda name: tree.all_of((is_tcp, tree.Bits(name, mask, wanted))))
        return tree.negation(node) if sign == "!=" else node
    reader.take()
    value = numbers.count(token.text) if token.kind is Kind.WORD else None
    if value is None:
        raise _wrong(token, Shape.FLAGS, phrase)
    spans = numbers.spans("=" if sign in {None, "!="} else sign, value)
    node = _over(word.fields, lambda name: tree.Numbers(name, spans))
    return tree.negation(node) if sign == "!=" else node


def _is_name(token: Token) -> bool:
    return token.kind is Kind.STRING or (
        token.kind is Kind.WORD
        and token.text[0].isalpha()
        and token.lower not in SIGNS
        and token.lower not in {"in", "not"}
    )


def _text(reader: Reader, word: Word, phrase: str) -> Node:
    sign, negated = _sign(reader)
    token = reader.take()
    if token.lower == "in" and token.kind is Kind.WORD and reader.peek().kind is Kind.LIST:
        parts = [_pattern(item.text, word) for item in items(reader.take())]
    elif token.kind in {Kind.WORD, Kind.STRING} and sign in {None, "=", "!="}:
        parts = [_pattern(token.text, word)]
    else:
        raise _wrong(token, Shape.TEXT, phrase)
    node = tree.any_of(parts)
    return tree.negation(node) if negated or sign == "!=" else node


def _pattern(text: str, word: Word) -> Node:
    before, after = text.startswith("*"), text.endswith("*") and len(text) > 1
    bare = text[1 if before else 0 : -1 if after else None].lower()
    match = {
        (False, False): tree.Match.EQUAL,
        (False, True): tree.Match.PREFIX,
        (True, False): tree.Match.SUFFIX,
        (True, True): tree.Match.CONTAINS,
    }[before, after]
    return _over(word.fields, lambda name: tree.Text(name, bare, match))
