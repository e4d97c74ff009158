"""The filter language: text in, tree out.

    expression  = conjunction { ("or" | "||") conjunction }
    conjunction = negation { ("and" | "&&") negation }
    negation    = { "not" | "!" } primary
    primary     = "(" expression ")" | "@" saved | "@include" file | protocol [primary] | phrase [operand]

Precedence is nfdump's: not before and before or. A protocol or IP version may stand before a comparison without
`and`: `udp port 53`. Phrases are in `words.py`, what follows them in `operands.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.query import operands, tree
from nftui.engine.query.filters import Filter
from nftui.engine.query.lexer import Kind, Token, tokens
from nftui.engine.query.names import PROTOCOL_NUMBERS, protocol_number
from nftui.engine.query.words import ABSENT, FIRST_WORDS, LONGEST, PHRASES, Shape, Word
from nftui.errors import FilterError
from nftui.text import nearest

_AND = {"and", "&&"}
_OR = {"or", "||"}
_NOT = {"not", "!"}
_INCLUDE_DEPTH = 10
_LEADING = {Shape.FAMILY4, Shape.FAMILY6}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a filter may refer to outside of its text. The default refers to nothing but the clock.

    Attributes:
        resolve: addresses of a host name (empty: unknown); None where names are not looked up.
        include: text of a file named by `@include`; raises OSError; None where files are not read.
        saved: saved filters by name.
        exporters: networks of a named exporter; None for names that nobody gave.
        moment: UTC milliseconds of a time as written, or None.
        limits: size and depth bounds.
    """

    resolve: Callable[[str], list[int]] | None = None
    include: Callable[[str], str] | None = None
    saved: Mapping[str, str] = field(default_factory=dict)
    exporters: Callable[[str], list[tree.Block] | None] = lambda _: None
    moment: Callable[[str], int | None] = operands.default_moment
    limits: Limits = DEFAULT


ALONE = Surroundings()


def parse_filter(text: str, surroundings: Surroundings = ALONE) -> Filter:
    """Parse a filter; an empty one passes every flow.

    Raises:
        FilterError: with position, what was expected and the nearest known word.
    """
    if len(text) > surroundings.limits.filter_bytes:
        raise FilterError(f"filter is longer than {surroundings.limits.filter_bytes} bytes", text[:80], 0)
    return Filter(text, _parse(text, surroundings, ()))


def _parse(text: str, surroundings: Surroundings, files: tuple[str, ...]) -> tree.Node:
    parser = _Parser(tokens(text), surroundings, files)
    if parser.peek().kind is Kind.END:
        return tree.Always(True)
    node = parser.expression(0)
    rest = parser.peek()
    if rest.kind is not Kind.END:
        raise parser.unexpected_after(rest)
    return node


class _Parser:
    """Recursive descent over a list of tokens, with bounded depth."""

    def __init__(self, stream: list[Token], surroundings: Surroundings, files: tuple[str, ...]) -> None:
        self._tokens = stream
        self._at = 0
        self._around = surroundings
        self._files = files

    def peek(self, ahead: int = 0) -> Token:
        """A token without taking it; the END token beyond the end."""
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The next token."""
        token = self.peek()
        self._at += 1
        return token

    @property
    def surroundings(self) -> Surroundings:
        """What the filter may refer to."""
        return self._around

    def expression(self, depth: int) -> tree.Node:
        parts = [self._conjunction(depth)]
        while self.peek().lower in _OR:
            self.take()
            parts.append(self._conjunction(depth))
        return tree.any_of(parts)

    def _conjunction(self, depth: int) -> tree.Node:
        parts = [self._negation(depth)]
        while self.peek().lower in _AND:
            self.take()
            parts.append(self._negation(depth))
        return tree.all_of(parts)

    def _negation(self, depth: int) -> tree.Node:
        odd = False
        while self.peek().lower in _NOT:
            self.take()
            odd = not odd
        node = self._primary(depth)
        return tree.negation(node) if odd else node

    def _primary(self, depth: int) -> tree.Node:
        token = self.peek()
        if token.kind is Kind.SIGN and token.text == "(":
            return self._group(depth)
        if token.kind is not Kind.WORD:
            raise self._expected_comparison(token)
        if token.text.startswith("@"):
            return self._reference()
        phrase, word = self._phrase()
        if word is None:
            number = protocol_number(token.lower) if token.text[0].isalpha() else None
            if number is None:
                raise self._unknown_word(token)
            self.take()
            return self._qualify(tree.Numbers("proto", ((number, number),)), depth)
        for _ in phrase:
            self.take()
        node = operands.comparison(self, word, " ".join(phrase))
        return self._qualify(node, depth) if word.shape in _LEADING else node

    def _qualify(self, node: tree.Node, depth: int) -> tree.Node:
        """`udp port 53`: a comparison right after a protocol or IP version narrows it."""
        following = self.peek()
        if following.kind is not Kind.WORD or following.lower in _AND | _OR | _NOT or following.text[0] == "@":
            return node
        return tree.all_of((node, self._primary(depth)))

    def _group(self, depth: int) -> tree.Node:
        opening = self.take()
        if depth >= self._around.limits.filter_depth:
            raise FilterError(
                f"more than {self._around.limits.filter_depth} nested parentheses", opening.source, opening.position
            )
        node = self.expression(depth + 1)
        closing = self.peek()
        if closing.text != ")" or closing.kind is not Kind.SIGN:
            if closing.kind is Kind.END:
                raise FilterError(
                    "parenthesis is not closed", opening.source, opening.position, expected=("a closing )",)
                )
            raise self.unexpected_after(closing)
        self.take()
        return node

    def _reference(self) -> tree.Node:
        token = self.take()
        if token.lower == "@include":
            return self._include(token)
        name = token.text[1:]
        text = self._around.saved.get(name)
        if text is None:
            near = nearest(name, self._around.saved)
            raise FilterError(
                f"no saved filter is called {name!r}", token.source, token.position, token.length,
                suggestion=f"@{near}" if near else None,
            )  # fmt: skip
        return self._nested(token, token.text, text)

    def _include(self, token: Token) -> tree.Node:
        name = self.take()
        if name.kind not in {Kind.WORD, Kind.STRING}:
            raise FilterError("@include needs a file name", name.source, name.position, expected=("a file name",))
        if self._around.include is None:
            raise FilterError("files are not read here", token.source, token.position, token.length)
        try:
            text = self._around.include(name.text)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not readable as text"
            raise FilterError(f"cannot read {name.text}: {reason}", name.source, name.position, name.length) from None
        return self._nested(name, name.text, text)

    def _nested(self, token: Token, name: str, text: str) -> tree.Node:
        if name in self._files or len(self._files) >= _INCLUDE_DEPTH:
            raise FilterError(
                f"{name} includes itself" if name in self._files else f"more than {_INCLUDE_DEPTH} nested includes",
                token.source, token.position, token.length,
            )  # fmt: skip
        if len(text) > self._around.limits.filter_bytes:
            raise FilterError(f"{name} is too long for a filter", token.source, token.position, token.length)
        return _parse(text, self._around, (*self._files, name))

    def _phrase(self) -> tuple[tuple[str, ...], Word | None]:
        """The longest known phrase that begins here."""
        words = []
        for ahead in range(LONGEST):
            token = self.peek(ahead)
            if token.kind is not Kind.WORD:
                break
            words.append("%" if token.text[0] == "%" else token.lower)
        for size in range(len(words), 0, -1):
            phrase = tuple(words[:size])
            if phrase in PHRASES:
                return phrase, PHRASES[phrase]
            reason = ABSENT.get(phrase)
            if reason is not None:
                first = self.peek()
                raise FilterError(f"{' '.join(phrase)}: {reason}", first.source, first.position, first.length)
        return (), None

    def _expected_comparison(self, token: Token) -> FilterError:
        what = "the filter ends here" if token.kind is Kind.END else f"{token.text!r} cannot stand here"
        return FilterError(
            what, token.source, token.position, token.length,
            expected=("a comparison such as `src port 443`", "not", "("),
        )  # fmt: skip

    def _unknown_word(self, token: Token) -> FilterError:
        """The word may be right as the beginning of a phrase: then name what may follow it."""
        tails = sorted({phrase[1] for phrase in PHRASES if phrase[0] == token.lower and len(phrase) > 1})
        if tails:
            following = self.peek(1)
            return FilterError(
                f"{token.text!r} needs a word after it", following.source, following.position, following.length,
                expected=tuple(tails), suggestion=nearest(following.lower, tails),
            )  # fmt: skip
        words = sorted(FIRST_WORDS | PROTOCOL_NUMBERS.keys())
        near = nearest(token.lower, ["and", "or"], 0.7) or nearest(token.lower, words)
        return FilterError(
            f"unknown word {token.text!r}", token.source, token.position, token.length,
            expected=("a comparison such as `src port 443`",), suggestion=near,
        )  # fmt: skip

    def unexpected_after(self, token: Token) -> FilterError:
        """Error for something that stands where only `and`, `or` or the end may follow."""
        if token.text.startswith("%"):
            reason = ABSENT[("%",)]
            return FilterError(f"{token.text}: {reason}", token.source, token.position, token.length)
        if token.kind is Kind.SIGN and token.text == ")":
            return FilterError(") without (", token.source, token.position, expected=("the end",))
        return FilterError(
            f"{token.text!r} cannot follow here", token.source, token.position, token.length,
            expected=("and", "or", "the end"), suggestion=nearest(token.lower, ["and", "or"]),
        )  # fmt: skip
