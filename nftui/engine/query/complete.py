"""What may follow in a filter that is being typed: words of the language, names, and values seen in the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nftui.engine.query.lexer import Kind, Token, tokens
from nftui.engine.query.names import PROTOCOL_NUMBERS, SERVICE_PORTS, states
from nftui.engine.query.operands import SIGNS
from nftui.engine.query.words import LONGEST, PHRASES, Shape, Word
from nftui.errors import FilterError

_JOINING = ("and", "or")
_SIGNED = frozenset({"and", "or", "not", "!", "&&", "||", "("})
WITHOUT_OPERAND = frozenset({Shape.ANYTHING, Shape.FAMILY4, Shape.FAMILY6, Shape.TTL_EQUAL, Shape.IN_BLOCK})
"""What such a phrase asks stands in its words alone."""
_PART_OF_A_VALUE = {Shape.MPLS_LABEL, Shape.MPLS_EXP, Shape.MPLS_END}
"""Such a phrase asks for less than the value that its field has, so that values of the data do not fit."""
_MOST = 200
_COMMON = (
    "ip", "src", "dst", "port", "net", "proto", "tcp", "udp", "icmp", "host", "as", "if", "flags", "bytes", "packets",
    "flows", "duration", "bps", "pps", "exporter", "not",
)  # fmt: skip
"""Words that most filters are made of; they are offered before the others."""

Values = Callable[[tuple[str, ...]], Iterable[str]]
"""Values of fields that occur in the data, most frequent first, as they are typed in a filter."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What can stand at the cursor.

    Attributes:
        start: offset of the word that a candidate replaces, up to the cursor.
        candidates: best first.
    """

    start: int
    candidates: tuple[str, ...]


def complete(text: str, cursor: int, values: Values = lambda _: (), saved: Iterable[str] = ()) -> Completion:
    """Candidates for the word that ends at the cursor.

    Args:
        text: the filter as far as it is typed.
        cursor: offset in it; what stands behind is not looked at.
        values: values of fields in the data, for operands.
        saved: names of saved filters, for `@name`.
    """
    before = text[:cursor]
    start = len(before)
    while start and (before[start - 1].isalnum() or before[start - 1] in "_.:/-@"):
        start -= 1
    typed = before[start:].lower()
    try:
        stream = tokens(before[:start])[:-1]
    except FilterError as error:
        if before[error.position] != "[":
            return Completion(cursor, ())  # inside of a quote
        stream = tokens(before[: error.position])[:-1]
        if not stream or stream[-1].lower != "in":
            return Completion(cursor, ())
    if typed.startswith("@"):
        following: Iterable[str] = sorted([*(f"@{name}" for name in saved), "@include"])
    else:
        following = _following(stream, values)
    found = dict.fromkeys(word for word in following if word.lower().lstrip('"').startswith(typed))
    return Completion(start, tuple(word for word in found if word.lower() != typed)[:_MOST])


def _following(stream: list[Token], values: Values) -> Iterable[str]:
    """All words that may come after the tokens."""
    at = 0
    bare = False
    while at < len(stream):
        bare = stream[at].lower in PROTOCOL_NUMBERS
        if stream[at].lower in _SIGNED or stream[at].kind is not Kind.WORD:
            at += 1
            continue
        words = [t.lower for t in stream[at : at + LONGEST] if t.kind is Kind.WORD]
        size = next((n for n in range(len(words), 0, -1) if tuple(words[:n]) in PHRASES), 0)
        if at + len(words) == len(stream) and not size:
            longer = _longer(tuple(words))
            if longer and words[-1] in PROTOCOL_NUMBERS:
                return [*longer, *_JOINING, *_beginnings()]
            if longer:
                return longer
        if not size:
            at += 1  # a protocol, or something unknown
            continue
        word = PHRASES[tuple(words[:size])]
        bare = False
        at += size
        if at == len(stream):
            return [*_operands(word, values), *_longer(tuple(words[:size]))]
        if word.shape in WITHOUT_OPERAND:
            continue
        if stream[at].lower in SIGNS or stream[at].lower == "in":
            at += 1
            if at == len(stream):
                return _operands(word, values)
        elif [token.lower for token in stream[at : at + 2]] == ["not", "in"]:
            at += 2
            if at == len(stream):
                return _operands(word, values)
        at += 1
    if not stream or stream[-1].lower in _SIGNED:
        return _beginnings()
    return [*_JOINING, *_beginnings()] if bare else _JOINING


def _beginnings() -> list[str]:
    first = sorted({phrase[0] for phrase in PHRASES if "_" not in phrase[0]})
    return [*_COMMON, *first, *sorted(PROTOCOL_NUMBERS), *sorted(p[0] for p in PHRASES if "_" in p[0])]


def _longer(words: tuple[str, ...]) -> list[str]:
    """Words that make a longer phrase of these."""
    size = len(words)
    found = {phrase[size] for phrase in PHRASES if len(phrase) > size and phrase[:size] == words}
    return [*(word for word in _COMMON if word in found), *sorted(found.difference(_COMMON))]


def _operands(word: Word, values: Values) -> Iterable[str]:
    if word.shape in WITHOUT_OPERAND:
        return _JOINING
    if word.shape in _PART_OF_A_VALUE:
        return ()
    seen = list(values(word.fields))
    if word.shape is Shape.INTERFACE:
        return [*values(tuple(f"{name}_name" for name in word.fields)), *seen]
    if word.shape is Shape.STATE:
        return [*states(word.fields[0]), *seen]
    if word.shape is Shape.PROTOCOL:
        return [*seen, *sorted(PROTOCOL_NUMBERS)]
    if word.shape is Shape.PORT:
        return [*seen, *sorted(SERVICE_PORTS)]
    return seen
