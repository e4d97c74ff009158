"""Splitting a filter into tokens.

A word is any run of characters that numbers, addresses, times, names and ranges are made of; what it means is
the parser's business, because it depends on the place (`flags AS`, `src as 5`). A list in brackets is one
token, so that a hundred thousand addresses cost one step here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from nftui.errors import FilterError


class Kind(Enum):
    """Sorts of tokens."""

    WORD = "word"
    STRING = "string"
    SIGN = "sign"
    LIST = "list"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token and where it stands.

    Attributes:
        kind: sort.
        text: as written; the inside for strings and lists.
        position: offset of its first character in `source`.
        source: the text it was read from (the filter, or an included file).
    """

    kind: Kind
    text: str
    position: int
    source: str

    @property
    def lower(self) -> str:
        """The text in lower case; empty for anything but words and signs."""
        return self.text.lower() if self.kind in {Kind.WORD, Kind.SIGN} else ""

    @property
    def length(self) -> int:
        """Characters to underline in a message."""
        return len(self.text) + (2 if self.kind in {Kind.STRING, Kind.LIST} else 0)


_TOKEN = re.compile(
    r"""(?P<space>\s+ | \#[^\n]*)
      | (?P<list>\[[^\[\]]*\])
      | (?P<string>"[^"\n]*" | '[^'\n]*')
      | (?P<sign><=|>=|!=|==|<>|&&|\|\||[=<>!()])
      | (?P<word>@?[\w.:/%*\\+-]+)""",
    re.VERBOSE,
)


def tokens(source: str) -> list[Token]:
    """All tokens of a filter, an END token last.

    Raises:
        FilterError: a character that no token begins with, or a bracket or quote without its partner.
    """
    out: list[Token] = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise _unreadable(source, position)
        kind = match.lastgroup
        if kind in {"list", "string"}:
            out.append(Token(Kind(kind), match.group()[1:-1], position, source))
        elif kind != "space":
            out.append(Token(Kind(kind), match.group(), position, source))
        position = match.end()
    out.append(Token(Kind.END, "", len(source), source))
    return out


def is_word(text: str) -> bool:
    """Whether a text is one word as it stands, without quotes."""
    match = _TOKEN.fullmatch(text)
    return match is not None and match.lastgroup == "word"


def _unreadable(source: str, position: int) -> FilterError:
    character = source[position]
    if character in "\"'":
        return FilterError("quote is not closed", source, position, expected=(f"a closing {character}",))
    if character == "[":
        return FilterError("list is not closed", source, position, expected=("a closing ]",))
    if character == "]":
        return FilterError("] without [", source, position, expected=("a list such as [80 443]",))
    return FilterError(f"unexpected character {character!r}", source, position)


_ITEM = re.compile(r"#[^\n]*|[^\s,#\"']+|\"[^\"\n]*\"|'[^'\n]*'|,")


def items(token: Token) -> list[Token]:
    """The elements of a list token, separated by blanks or commas."""
    start = token.position + 1
    return [
        Token(Kind.WORD, match.group().strip("\"'"), start + match.start(), token.source)
        for match in _ITEM.finditer(token.text)
        if match.group()[0] not in "#,"
    ]
