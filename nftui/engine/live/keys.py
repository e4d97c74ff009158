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
        ends: keys of the rows of a batch: one entry, or two: the end that sends the flow's forward octets first.
        columns: key columns in display order.
        two_ends: whether `ends` gives two.
        titles: headers of the rates sent and received, for views with two ends.
    """

    name: str
    words: int
    ends: Callable[[FlowBatch], list[End]]
    columns: tuple[KeyColumn, ...]
    two_ends: bool = False
    titles: tuple[str, str] = ("Tx", "Rx")


def _word(batch: FlowBatch, column: str) -> Word:
    """A column as unsigned words, zeros when the batch lacks it."""
    values = batch.columns.get(column)
    if values is None:
        return np.zeros(len(batch), np.uint64)
    if values.dtype == np.int64:
        return values.view(np.uint64)
    return values.astype(np.uint64)


def _present(batch: FlowBatch, name: str) -> NDArray[np.bool_] | None:
    """Where a field is not null; None for everywhere."""
    if not batch.has(name):
        return np.zeros(len(batch), np.bool_)
    return batch.valid.get(name)


def _void(batch: FlowBatch, name: str, bit: int, words: list[Word]) -> Word:
    """Zero the words of a field where it is null, and say so in a bit of the answer."""
    present = _present(batch, name)
    if present is None or present.all():
        return np.zeros(len(batch), np.uint64)
    for i, word in enumerate(words):
        words[i] = np.where(present, word, np.uint64(0))
    return (~present).astype(np.uint64) << np.uint64(bit)


def _both(one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _address_words(batch: FlowBatch, name: str) -> list[Word]:
    return [_word(batch, name + "_hi"), _word(batch, name + "_lo")]


def _hosts(batch: FlowBatch) -> list[End]:
    return [(_address_words(batch, name), _present(batch, name)) for name in ("src_addr", "dst_addr")]


def _addresses_and_nulls(batch: FlowBatch, rest: Word) -> list[Word]:
    words: list[Word] = []
    for bit, name in ((62, "src_addr"), (63, "dst_addr")):
        pair = _address_words(batch, name)
        rest = rest | _void(batch, name, bit, pair)
        words += pair
    return [*words, rest]


def _pairs(batch: FlowBatch) -> list[End]:
    return [(_addresses_and_nulls(batch, np.zeros(len(batch), np.uint64)), None)]


_FLOW_PARTS = (("src_port", 24, 59), ("dst_port", 8, 60), ("proto", 0, 61))
"""Field, place of its value, and place of its null bit in the last word of a flow's key."""


def _flows(batch: FlowBatch) -> list[End]:
    rest = np.zeros(len(batch), np.uint64)
    for name, shift, bit in _FLOW_PARTS:
        value = [_word(batch, name)]
        rest |= _void(batch, name, bit, value)
        rest |= value[0] << np.uint64(shift)
    return [(_addresses_and_nulls(batch, rest), None)]


def _ports(batch: FlowBatch) -> list[End]:
    proto = [_word(batch, "proto")]
    null = _void(batch, "proto", 61, proto)
    return [
        ([_word(batch, name) << np.uint64(8) | proto[0] | null], _present(batch, name))
        for name in ("src_port", "dst_port")
    ]


def _protocols(batch: FlowBatch) -> list[End]:
    proto = [_word(batch, "proto")]
    null = _void(batch, "proto", 61, proto)
    return [([proto[0] | null], None)]


def _systems(batch: FlowBatch) -> list[End]:
    return [([_word(batch, name)], _present(batch, name)) for name in ("src_as", "dst_as")]


def _interfaces(batch: FlowBatch) -> list[End]:
    exporter = _present(batch, "sampler_address")
    return [
        ([*_address_words(batch, "sampler_address"), _word(batch, name)], _both(_present(batch, name), exporter))
        for name in ("out_if", "in_if")
    ]


def _exporters(batch: FlowBatch) -> list[End]:
    words = _address_words(batch, "sampler_address")
    null = _void(batch, "sampler_address", 0, words)
    return [([*words, null], None)]


def _address_column(name: str, title: str, first: int, null_bit: int | None = None, last: int = -1) -> KeyColumn:
    def write(words: Words) -> list[str]:
        null = _bit(words[last], null_bit)
        return [
            NULL if missing else text.address(high << 64 | low)
            for high, low, missing in zip(words[first].tolist(), words[first + 1].tolist(), null, strict=True)
        ]

    spec = ColumnSpec(name, title, Show.ADDRESS, align="left")
    return KeyColumn(spec, lambda words: [words[first], words[first + 1]], write)


def _number_column(
    name: str, title: str, show: Show, index: int, shift: int = 0, mask: int = 0xFFFFFFFF, null_bit: int | None = None
) -> KeyColumn:
    def order(words: Words) -> list[Word]:
        return [words[index] >> np.uint64(shift) & np.uint64(mask)]

    def write(words: Words) -> list[str]:
        name_of = text.protocol if show is Show.PROTOCOL else str
        null = _bit(words[index], null_bit)
        return [
            NULL if missing else name_of(value) for value, missing in zip(order(words)[0].tolist(), null, strict=True)
        ]

    align = "left" if show is Show.PROTOCOL else "right"
    return KeyColumn(ColumnSpec(name, title, show, align=align), order, write)


def _bit(word: Word, bit: int | None) -> Sequence[int]:
    if bit is None:
        return [0] * len(word)
    flags: list[int] = (word >> np.uint64(bit) & np.uint64(1)).tolist()
    return flags


_PROTOCOL = _number_column("proto", "Proto", Show.PROTOCOL, -1, 0, 0xFF, 61)
_SRC = _address_column("src_addr", "Source", 0, 62)
_DST = _address_column("dst_addr", "Destination", 2, 63)

TALKERS: dict[str, TalkerView] = {
    view.name: view
    for view in (
        TalkerView("host", 2, _hosts, (_address_column("addr", "Host", 0),), True),
        TalkerView("pair", 5, _pairs, (_SRC, _DST)),
        TalkerView(
            "flow",
            5,
            _flows,
            (
                _PROTOCOL,
                _SRC,
                _number_column("src_port", "Port", Show.PORT, -1, 24, 0xFFFF, 59),
                _DST,
                _number_column("dst_port", "Port", Show.PORT, -1, 8, 0xFFFF, 60),
            ),
        ),
        TalkerView(
            "port",
            1,
            _ports,
            (_number_column("port", "Port", Show.PORT, 0, 8, 0xFFFF), _PROTOCOL),
            True,
            ("From", "To"),
        ),
        TalkerView("proto", 1, _protocols, (_PROTOCOL,)),
        TalkerView("as", 1, _systems, (_number_column("as", "AS", Show.NUMBER, 0),), True),
        TalkerView(
            "interface",
            3,
            _interfaces,
            (_address_column("sampler_address", "Exporter", 0), _number_column("if", "Interface", Show.NUMBER, 2)),
            True,
            ("Out", "In"),
        ),
        TalkerView("exporter", 3, _exporters, (_address_column("sampler_address", "Exporter", 0, 0),)),
    )
}
"""All talker views by name."""
