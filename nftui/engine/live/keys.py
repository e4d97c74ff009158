"""What the rows of a talker view are: which fields make its key, and how a key is written and ordered.

Views with two ends (host, port, AS, interface) count a flow for both of its ends, and once where both are the same.
A flow without the field (no AS in its template, no port) has no row there but is in the totals. In views with one
key per flow, null is a value of its own, written "-": their rows add up to the totals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.live.identity import Words
from nftui.engine.live.snapshot import ColumnSpec
from nftui.engine.schema import Show

Word = NDArray[np.uint64]
End = tuple[list[Word], NDArray[np.bool_] | None]
"""Words of each row and which rows have the fields (None: all)."""

NULL = "-"


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """A column that is part of the key.

    Attributes:
        spec: name and look.
        order: from the words of the rows, arrays to order them by, the most significant first.
        write: from the words of few rows, their text.
    """

    spec: ColumnSpec
    order: Callable[[Words], list[Word]]
    write: Callable[[Words], list[str]]


@dataclass(frozen=True, slots=True)
class TalkerView:
    """A way to group flows.

    Attributes:
        name: as in `LiveRequest.view`.
        words: number of 64-bit words in a key.
        ends: keys of the rows of a batch: one entry or several; with `two_ends` two, and the end that sends the flow's
            forward octets first. A flow counts once for ends that are equal.
        columns: key columns in display order.
        two_ends: whether `ends` gives two whose rates sent and received are told apart.
        titles: headers of the rates sent and received, for views with two ends.
    """

    name: str
    words: int
    ends: Callable[[FlowBatch], list[End]]
    columns: tuple[KeyColumn, ...]
    two_ends: bool = False
    titles: tuple[str, str] = ("Tx", "Rx")


def word_of(batch: FlowBatch, column: str) -> Word:
    """A column as unsigned words, zeros when the batch lacks it."""
    values = batch.columns.get(column)
    if values is None:
        return np.zeros(len(batch), np.uint64)
    if values.dtype == np.int64:
        return values.view(np.uint64)
    return values.astype(np.uint64)


def present_in(batch: FlowBatch, name: str) -> NDArray[np.bool_] | None:
    """Where a field is not null; None for everywhere."""
    if not batch.has(name):
        return np.zeros(len(batch), np.bool_)
    return batch.valid.get(name)


def void(batch: FlowBatch, name: str, bit: int, words: list[Word]) -> Word:
    """Zero the words of a field where it is null, and say so in a bit of the answer."""
    present = present_in(batch, name)
    if present is None or present.all():
        return np.zeros(len(batch), np.uint64)
    for i, word in enumerate(words):
        words[i] = np.where(present, word, np.uint64(0))
    return (~present).astype(np.uint64) << np.uint64(bit)


def _both(one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def address_words(batch: FlowBatch, name: str) -> list[Word]:
    """The halves of an address."""
    return [word_of(batch, name + "_hi"), word_of(batch, name + "_lo")]


def _hosts(batch: FlowBatch) -> list[End]:
    return [(address_words(batch, name), present_in(batch, name)) for name in ("src_addr", "dst_addr")]


def _addresses_and_nulls(batch: FlowBatch, rest: Word) -> list[Word]:
    words: list[Word] = []
    for bit, name in ((62, "src_addr"), (63, "dst_addr")):
        pair = address_words(batch, name)
        rest = rest | void(batch, name, bit, pair)
        words += pair
    return [*words, rest]


def _pairs(batch: FlowBatch) -> list[End]:
    return [(_addresses_and_nulls(batch, np.zeros(len(batch), np.uint64)), None)]


_FLOW_PARTS = (("src_port", 24, 59), ("dst_port", 8, 60), ("proto", 0, 61))
"""Field, place of its value, and place of its null bit in the last word of a flow's key."""


def flow_words(batch: FlowBatch) -> list[Word]:
    """Key of a flow: the halves of the two addresses, and a word with ports, protocol and what of it all is null."""
    rest = np.zeros(len(batch), np.uint64)
    for name, shift, bit in _FLOW_PARTS:
        value = [word_of(batch, name)]
        rest |= void(batch, name, bit, value)
        rest |= value[0] << np.uint64(shift)
    return _addresses_and_nulls(batch, rest)


def turned_round(words: Words, rows: NDArray[np.bool_]) -> list[Word]:
    """Keys of flows with source and destination exchanged in the given rows."""
    rest = words[4]
    kept = rest & ~np.uint64(0xFFFFFFFF00 | 0b11011 << 59)
    swapped = kept
    for low, high, bits in ((8, 24, 0xFFFF), (59, 60, 1), (62, 63, 1)):
        mask = np.uint64(bits)
        swapped = swapped | (rest >> np.uint64(low) & mask) << np.uint64(high)
        swapped = swapped | (rest >> np.uint64(high) & mask) << np.uint64(low)
    pairs = ((words[0], words[2]), (words[1], words[3]), (words[2], words[0]), (words[3], words[1]), (rest, swapped))
    return [np.where(rows, other, own) for own, other in pairs]


def _flows(batch: FlowBatch) -> list[End]:
    return [(flow_words(batch), None)]


def _ports(batch: FlowBatch) -> list[End]:
    proto = [word_of(batch, "proto")]
    null = void(batch, "proto", 61, proto)
    return [
        ([word_of(batch, name) << np.uint64(8) | proto[0] | null], present_in(batch, name))
        for name in ("src_port", "dst_port")
    ]


def _protocols(batch: FlowBatch) -> list[End]:
    proto = [word_of(batch, "proto")]
    null = void(batch, "proto", 61, proto)
    return [([proto[0] | null], None)]


def _systems(batch: FlowBatch) -> list[End]:
    return [([word_of(batch, name)], present_in(batch, name)) for name in ("src_as", "dst_as")]


def _interfaces(batch: FlowBatch) -> list[End]:
    exporter = present_in(batch, "sampler_address")
    return [
        ([*address_words(batch, "sampler_address"), word_of(batch, name)], _both(present_in(batch, name), exporter))
        for name in ("out_if", "in_if")
    ]


def _exporters(batch: FlowBatch) -> list[End]:
    words = address_words(batch, "sampler_address")
    null = void(batch, "sampler_address", 0, words)
    return [([*words, null], None)]


def address_column(name: str, title: str, first: int, null_bit: int | None = None, last: int = -1) -> KeyColumn:
    """Column of an address in words `first` and the next; `null_bit` of the word `last` says that it is null."""

    def write(words: Words) -> list[str]:
        null = bits_of(words[last], null_bit)
        return [
            NULL if missing else text.address(high << 64 | low)
            for high, low, missing in zip(words[first].tolist(), words[first + 1].tolist(), null, strict=True)
        ]

    spec = ColumnSpec(name, title, Show.ADDRESS, align="left")
    return KeyColumn(spec, lambda words: [words[first], words[first + 1]], write)


def number_column(
    name: str, title: str, show: Show, index: int, shift: int = 0, mask: int = 0xFFFFFFFF, null_bit: int | None = None
) -> KeyColumn:
    """Column of a number in some bits of the word `index`."""

    def order(words: Words) -> list[Word]:
        return [words[index] >> np.uint64(shift) & np.uint64(mask)]

    def write(words: Words) -> list[str]:
        name_of = text.protocol if show is Show.PROTOCOL else str
        null = bits_of(words[index], null_bit)
        return [
            NULL if missing else name_of(value) for value, missing in zip(order(words)[0].tolist(), null, strict=True)
        ]

    align = "left" if show is Show.PROTOCOL else "right"
    return KeyColumn(ColumnSpec(name, title, show, align=align), order, write)


def bits_of(word: Word, bit: int | None) -> Sequence[int]:
    """One bit of each word; zeros for no bit."""
    if bit is None:
        return [0] * len(word)
    flags: list[int] = (word >> np.uint64(bit) & np.uint64(1)).tolist()
    return flags


PROTOCOL_COLUMN = number_column("proto", "Proto", Show.PROTOCOL, -1, 0, 0xFF, 61)
_SRC = address_column("src_addr", "Source", 0, 62)
_DST = address_column("dst_addr", "Destination", 2, 63)

FLOW_COLUMNS: tuple[KeyColumn, ...] = (
    PROTOCOL_COLUMN,
    _SRC,
    number_column("src_port", "Port", Show.PORT, -1, 24, 0xFFFF, 59),
    _DST,
    number_column("dst_port", "Port", Show.PORT, -1, 8, 0xFFFF, 60),
)
"""Columns of a key of `flow_words`."""

TALKERS: dict[str, TalkerView] = {
    view.name: view
    for view in (
        TalkerView("host", 2, _hosts, (address_column("addr", "Host", 0),), True),
        TalkerView("pair", 5, _pairs, (_SRC, _DST)),
        TalkerView("flow", 5, _flows, FLOW_COLUMNS),
        TalkerView(
            "port",
            1,
            _ports,
            (number_column("port", "Port", Show.PORT, 0, 8, 0xFFFF), PROTOCOL_COLUMN),
            True,
            ("From", "To"),
        ),
        TalkerView("proto", 1, _protocols, (PROTOCOL_COLUMN,)),
        TalkerView("as", 1, _systems, (number_column("as", "AS", Show.NUMBER, 0),), True),
        TalkerView(
            "interface",
            3,
            _interfaces,
            (address_column("sampler_address", "Exporter", 0), number_column("if", "Interface", Show.NUMBER, 2)),
            True,
            ("Out", "In"),
        ),
        TalkerView("exporter", 3, _exporters, (address_column("sampler_address", "Exporter", 0, 0),)),
    )
}
"""The talker views that have a tab, by name."""
