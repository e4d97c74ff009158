"""The parts of a filter that is being typed, for colours: what is a word of the language, a value, an operator.

Works on any text, also on one that does not parse yet: the parts cover it without gaps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nftui.engine.query.complete import WITHOUT_OPERAND
from nftui.engine.query.lexer import Kind, Token, tokens
from nftui.engine.query.names import PROTOCOL_NUMBERS
from nftui.engine.query.operands import SIGNS
from nftui.engine.query.words import FIRST_WORDS, LONGEST, PHRASES
from nftui.errors import FilterError

Role = Literal["keyword", "joining", "operator", "value", "saved", "comment", "plain", "blank"]

_JOINING = frozenset({"and", "or", "not", "&&", "||", "!", "(", ")"})
_GAP = re.compile(r"#[^\n]*|[^#]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the text.

    Attributes:
        start: offset of its first character.
        end: offset behind its last character.
        role: what it is; `plain` for what no rule of the language explains.
    """

    start: int
    end: int
    role: Role


def parts(text: str) -> list[Part]:
    """Pieces of a filter in order, from the first character to the last without gaps or overlaps."""
    readable = len(text)
    try:
        stream = tokens(text)
    except FilterError as error:
        readable = error.position
        stream = tokens(text[:readable])
    out: list[Part] = []
    at = 0
    for token, role in zip(stream, _roles(stream[:-1]), strict=False):
        out += _gap(text, at, token.position)
        at = token.position + token.length
        out.append(Part(token.position, at, role))
    out += _gap(text, at, readable)
    if readable < len(text):
        out.append(Part(readable, len(text), "plain"))
    return out


def _gap(text: str, start: int, end: int) -> list[Part]:
    """Blanks and comments between two tokens."""
    found = _GAP.finditer(text, start, end)
    return [Part(m.start(), m.end(), "comment" if m.group()[0] == "#" else "blank") for m in found]


def _roles(stream: list[Token]) -> list[Role]:
    out: list[Role] = []
    at = 0
    while at < len(stream):
        token = stream[at]
        size = _phrase(stream, at)
        if token.lower in _JOINING:
            out.append("joining")
            at += 1
        elif size:
            word = PHRASES[tuple(t.lower for t in stream[at : at + size])]
            out += ["keyword"] * size
            at += size
            if word.shape not in WITHOUT_OPERAND:
                operand = _operand(stream[at : at + 3])
                out += operand
                at += len(operand)
        else:
            out.append(_alone(token))
            at += 1
    return out


def _phrase(stream: list[Token], at: int) -> int:
    """Tokens of the longest phrase that begins here, 0 for none."""
    words = []
    for token in stream[at : at + LONGEST]:
        if token.kind is not Kind.WORD:
            break
        words.append(token.lower)
    return next((n for n in range(len(words), 0, -1) if tuple(words[:n]) in PHRASES), 0)


def _operand(ahead: list[Token]) -> list[Role]:
    """Roles of the comparison sign and the value that follow a phrase, as far as they are there."""
    roles: list[Role] = []
    words = [token.lower for token in ahead]
    if words[:2] == ["not", "in"]:
        roles = ["joining", "operator"]
    elif words[:1] and (words[0] in SIGNS or words[0] == "in"):
        roles = ["operator"]
    rest = ahead[len(roles) :]
    if rest and rest[0].lower not in _JOINING:
        roles.append("value")
    return roles


def _alone(token: Token) -> Role:
    """Role of a token outside of any phrase."""
    if token.kind is Kind.SIGN:
        return "operator"
    if token.kind is Kind.WORD and token.text.startswith("@"):
        return "saved"
    if token.lower in PROTOCOL_NUMBERS or token.lower in FIRST_WORDS:
        return "keyword"
    return "plain"
