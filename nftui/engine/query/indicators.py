"""Lists of indicators: addresses, networks, ports and address:port pairs that are to be looked for in flows.

    203.0.113.7   2001:db8::7                     an address
    198.51.100.0/24   2001:db8::/32               a network; host bits are ignored
    198.51.100.9-198.51.100.20                    a range of addresses
    port 4444   tcp/4444   4444/udp   udp port 53 a port, of any protocol with ports or of one
    203.0.113.7:443   [2001:db8::7]:443           an address with a port at the same end
    203.0.113[.]7   hxxp://203[.]0[.]113[.]7/x  the spellings that keep mail programs from making links

A list has one indicator per line, with text after it, or is csv, with commas, semicolons, tabs or bars: then the
column with the most indicators counts. Lines that begin with `#`, `;` or `//` are comments.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from nftui.engine.limits import DEFAULT
from nftui.engine.query.numbers import block, block_text
from nftui.engine.query.tree import Block
from nftui.text import clean


class IndicatorKind(Enum):
    """What an indicator names."""

    ADDRESS = "address"
    NETWORK = "network"
    RANGE = "range"
    PORT = "port"
    ENDPOINT = "endpoint"
    """An address and a port at the same end of a flow."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """Something to look for.

    Attributes:
        text: canonical spelling; two indicators with the same text are the same.
        kind: what it names.
        block: first and last address, or None for ports.
        port: port number, or None.
        proto: IP protocol number of the port, or None for any that has ports.
    """

    text: str
    kind: IndicatorKind
    block: Block | None = None
    port: int | None = None
    proto: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An indicator of a list.

    Attributes:
        indicator: what to look for.
        label: what the list says about it, free of control characters; may be empty.
        file: the list.
        line: line in it, from 1.
    """

    indicator: Indicator
    label: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be used.

    Attributes:
        file: the list.
        line: line in it, from 1.
        reason: what is wrong, in words.
    """

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class IndicatorList:
    """The indicators of one or more lists, each once.

    Attributes:
        entries: in the order of the lists.
        bad: lines that cannot be used.
        repeated: lines whose indicator was there before; the first one's label counts.
    """

    entries: list[Entry] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    repeated: int = 0
    _known: set[str] = field(default_factory=set)
    _room: int = DEFAULT.indicators

    def add(self, file: str, lines: Iterable[str]) -> None:
        """Read a list.

        Args:
            file: its name, for messages.
            lines: its text by lines.
        """
        numbered = list(self._usable(file, lines))
        delimiter = _delimiter([line for _, line in numbered[:_SAMPLE]])
        if delimiter is None:
            self._add_plain(file, numbered)
        else:
            self._add_csv(file, numbered, delimiter)

    def _usable(self, file: str, lines: Iterable[str]) -> Iterator[tuple[int, str]]:
        """Lines that are neither empty nor a comment, with their numbers."""
        for number, line in enumerate(lines, 1):
            text = line.lstrip("\ufeff").strip("\x00 \t\r\n").strip()
            if not text or text.startswith(_COMMENTS):
                continue
            self._room -= 1
            if self._room < 0:
                reason = f"more than {DEFAULT.indicators} lines with indicators: the rest is left out"
                self.bad.append(BadLine(file, number, reason))
                return
            if len(text) > DEFAULT.indicator_line_characters:
                self.bad.append(BadLine(file, number, f"longer than {DEFAULT.indicator_line_characters} characters"))
            else:
                yield number, text

    def _add_plain(self, file: str, lines: Sequence[tuple[int, str]]) -> None:
        for place, (number, line) in enumerate(lines):
            match = _PLAIN.match(line)
            assert match is not None
            what, label = match[1], match[2]
            if place == 0 and _HEADER.fullmatch(line) and parse_indicator(what) is None:
                continue
            self._take(file, number, what, label.strip().lstrip("#;").strip())

    def _add_csv(self, file: str, lines: Sequence[tuple[int, str]], delimiter: str) -> None:
        rows: list[tuple[int, list[str]]] = []
        for number, line in lines:
            try:
                # Line by line, so that one quote without its partner does not swallow the rest of the list.
                rows.append((number, next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))))
            except (csv.Error, StopIteration):
                self.bad.append(BadLine(file, number, "not csv"))
        at = _indicator_column([row for _, row in rows[:_SAMPLE]])
        header: list[str] = []
        if rows and at < len(rows[0][1]) and _HEADER.fullmatch(rows[0][1][at]) and not _any_indicator(rows[0][1]):
            header = rows.pop(0)[1]
        label_at = _label_column(header, [row for _, row in rows[:_SAMPLE]], at)
        for number, row in rows:
            if at >= len(row):
                self.bad.append(BadLine(file, number, f"has no column {at + 1}"))
                continue
            label = row[label_at] if label_at is not None and label_at < len(row) else ""
            self._take(file, number, row[at], label.strip())

    def _take(self, file: str, number: int, what: str, label: str) -> None:
        indicator = parse_indicator(what)
        if indicator is None:
            self.bad.append(BadLine(file, number, _reason(what)))
        elif indicator.text in self._known:
            self.repeated += 1
        else:
            self._known.add(indicator.text)
            self.entries.append(Entry(indicator, clean(label), file, number))


_SAMPLE = 1000
_COMMENTS = ("#", ";", "//")
_PORT_WORDS = r"(?:tcp|udp|sctp|dccp|udplite)"
_PLAIN = re.compile(rf"((?:(?:{_PORT_WORDS}\s+)?port\s+\d+)|[^\s#;]+)(.*)", re.IGNORECASE | re.DOTALL)
_HEADER = re.compile(r"[A-Za-z_][A-Za-z_ ()/-]*")
_LABELS = (
    "label", "comment", "comments", "description", "name", "malware", "malware_family", "threat", "threat_type",
    "family", "note", "notes", "tag", "tags", "category", "reason", "type",
)  # fmt: skip

_PROTOCOLS = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132, "udplite": 136}
_NAMES = {number: name for name, number in _PROTOCOLS.items()}
_PORT = re.compile(
    rf"(?:(?P<proto>{_PORT_WORDS})[\s/:]*)?(?:port[\s/:=]*)?(?P<port>\d{{1,5}})(?:/(?P<after>{_PORT_WORDS}))?",
    re.IGNORECASE,
)
_ENDPOINT = re.compile(
    rf"(?P<host>\d[\d.]+|\[[0-9a-f:.]+\]):(?P<port>\d{{1,5}})(?:/(?P<proto>{_PORT_WORDS}))?", re.IGNORECASE
)
_URL = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?(?P<host>\[[^\]]*\](?::\d+)?|[^/?#\s]+)(?:[/?#].*)?", re.IGNORECASE
)
_DOT = re.compile(r"\s*(?:\[\s*(?:\.|dot)\s*\]|\(\s*(?:\.|dot)\s*\)|\{\s*(?:\.|dot)\s*\}|\\\.)\s*", re.IGNORECASE)
_COLON = re.compile(r"\[:\]|\(:\)|\{:\}")
_SCHEME = re.compile(r"\[://\]|\[?:\]?//")
_HXXP = re.compile(r"h(?:xx|\*\*|tt)p(s?)://", re.IGNORECASE)
_WHOLE_V4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def refang(text: str) -> str:
    """The text with the marks removed that keep an address from being clickable."""
    text = _SCHEME.sub("://", text.strip().strip("\"'<>").strip(), count=1)
    text = _HXXP.sub(r"http\1://", text)
    return _COLON.sub(":", _DOT.sub(".", text))


def parse_indicator(text: str) -> Indicator | None:
    """The indicator that a text spells, or None."""
    text = refang(text).rstrip(",;.")
    url = _URL.fullmatch(text)
    if url:
        text = url["host"]
    endpoint = _ENDPOINT.fullmatch(text)
    if endpoint:
        return _endpoint(endpoint["host"].strip("[]"), endpoint["port"], endpoint["proto"])
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    return _addresses(text) or _port(text)


def _addresses(text: str) -> Indicator | None:
    # `10/8` is a network in a filter, but in a list more likely a date or a count: all four parts must be there.
    if ":" not in text and not _WHOLE_V4.match(text):
        return None
    found = block(text)
    if found is None:
        return None
    name = block_text(found)
    if found[0] == found[1]:
        return Indicator(name, IndicatorKind.ADDRESS, found)
    return Indicator(name, IndicatorKind.NETWORK if "/" in name else IndicatorKind.RANGE, found)


def _endpoint(host: str, port: str, proto: str | None) -> Indicator | None:
    found, number = block(host), int(port)
    if found is None or found[0] != found[1] or not 0 < number < 65536:
        return None
    address = block_text(found)
    code = _PROTOCOLS[proto.lower()] if proto else None
    name = f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
    return Indicator(name + (f"/{_NAMES[code]}" if code else ""), IndicatorKind.ENDPOINT, found, number, code)


def _port(text: str) -> Indicator | None:
    match = _PORT.fullmatch(text)
    # A number alone is not taken for a port: lists have counts and AS numbers, too.
    if match is None or text.isdecimal() or (match["proto"] and match["after"]):
        return None
    number = int(match["port"])
    if not 0 < number < 65536:
        return None
    proto = match["proto"] or match["after"]
    code = _PROTOCOLS[proto.lower()] if proto else None
    return Indicator(f"{_NAMES[code]}/{number}" if code else f"port {number}", IndicatorKind.PORT, None, number, code)


def _reason(what: str) -> str:
    shown = clean(what, 60)
    text = refang(what)
    if text.isdecimal():
        return f"{shown!r} is a number alone: write port {shown} for a port"
    if re.fullmatch(r"(?:[\w-]+\.)+[A-Za-z][\w-]*(?::\d+)?|.*://.*", text):
        return f"{shown!r} is a name: flows have addresses only"
    return f"{shown!r} is no address, network or port"


def _delimiter(lines: Sequence[str]) -> str | None:
    """What separates the columns of a csv list, or None for a plain one."""
    # What follows a # is a label, whatever is in it.
    counts = Counter(mark for line in lines for mark in ",;\t|" if mark in line.partition("#")[0])
    for mark, count in counts.most_common(1):
        if 2 * count > len(lines):
            return mark
    return None


def _any_indicator(row: Sequence[str]) -> bool:
    return any(parse_indicator(cell) is not None for cell in row)


def _indicator_column(rows: Sequence[Sequence[str]]) -> int:
    """The column with the most indicators, the leftmost of several."""
    counts = Counter(place for row in rows for place, cell in enumerate(row) if parse_indicator(cell) is not None)
    return min(counts, key=lambda place: (-counts[place], place)) if counts else 0


def _label_column(header: Sequence[str], rows: Sequence[Sequence[str]], at: int) -> int | None:
    """The column that says something about the indicators: by its name, or the first with words in it."""
    names = [name.strip().lower().replace(" ", "_") for name in header]
    for wanted in _LABELS:
        if wanted in names and names.index(wanted) != at:
            return names.index(wanted)
    counts = Counter(
        place for row in rows for place, cell in enumerate(row) if place != at and re.match(r"\s*[^\W\d]", cell)
    )
    usual = [place for place in sorted(counts) if 2 * counts[place] >= len(rows)]
    after = [place for place in usual if place > at]
    return next(iter(after or usual), None)
