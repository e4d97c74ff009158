"""Views of the statistics of `nftui dump -s`: any field of the registry as a key, absent values as a row of their own.

As there, a statistic of several fields (`ip`, `port`, `mac`, …) counts a flow under each of their values, and once
where they are equal.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.limits import DEFAULT
from nftui.engine.live.field_columns import cell_text, field_spec
from nftui.engine.live.identity import Words
from nftui.engine.live.keys import (
    NULL,
    PROTOCOL_COLUMN,
    TALKERS,
    End,
    KeyColumn,
    TalkerView,
    Word,
    address_column,
    bits_of,
    void,
    word_of,
)
from nftui.engine.live.snapshot import CONVERSATION_VIEW, STATISTIC_PREFIX, ColumnSpec
from nftui.engine.query.statistics import Statistic, parse_statistic
from nftui.engine.schema import FIELDS, Field, Kind, Show
from nftui.errors import UsageError

_NULL_BIT = 60
"""Of the last word of a key, whose low bits have the protocol where the statistic is split by it."""


def statistic_of(view: str) -> tuple[Statistic, bool] | None:
    """The statistic of a view, and whether it is split by protocol; None for a view of another kind.

    Raises:
        KeyError: `nftui dump -s` knows no such statistic.
    """
    if not view.startswith(STATISTIC_PREFIX):
        return None
    try:
        request = parse_statistic(view.removeprefix(STATISTIC_PREFIX))
    except UsageError as error:
        raise KeyError(str(error)) from error
    if request.statistic is None:
        raise KeyError(view)
    return request.statistic, request.per_protocol


def talker_view(name: str) -> TalkerView:
    """How a view groups flows. Raises KeyError."""
    found = statistic_of(name)
    if found is None:
        return TALKERS["flow" if name == CONVERSATION_VIEW else name]
    statistic, split = found
    key = _TextKey(statistic) if FIELDS[statistic.fields[0]].kind is Kind.TEXT else _NumberKey(statistic)
    more = (PROTOCOL_COLUMN,) if split else ()

    def ends(batch: FlowBatch) -> list[End]:
        rest = np.zeros(len(batch), np.uint64)
        if split:
            proto = [word_of(batch, "proto")]
            rest = void(batch, "proto", 61, proto) | proto[0]
        return [(key.words(batch, field, rest), None) for field in statistic.fields]

    return TalkerView(name, 3 if key.field.kind is Kind.ADDRESS else 2, ends, (key.column(), *more))


def key_spec(statistic: Statistic) -> ColumnSpec:
    """The key column of a statistic's view."""
    spec = field_spec(statistic.fields[0])
    align = "left" if spec.align == "left" or spec.show is Show.PORT else "right"
    return ColumnSpec(statistic.key, statistic.title, spec.show, "", align)


class _NumberKey:
    """Addresses and integers."""

    def __init__(self, statistic: Statistic) -> None:
        self.field = FIELDS[statistic.fields[0]]
        self._spec = key_spec(statistic)

    def words(self, batch: FlowBatch, name: str, rest: Word) -> list[Word]:
        """Key columns of each row."""
        words = [word_of(batch, column) for column in FIELDS[name].physical]
        null = void(batch, name, _NULL_BIT, words)
        return [*words, rest | null]

    def column(self) -> KeyColumn:
        """The first column of the view."""
        if self.field.kind is Kind.ADDRESS:
            found = address_column(self._spec.name, self._spec.title, 0, _NULL_BIT)
            return KeyColumn(self._spec, found.order, found.write)
        return KeyColumn(self._spec, lambda words: [words[0]], self._write)

    def _write(self, words: Words) -> list[str]:
        null = bits_of(words[-1], _NULL_BIT)
        values = words[0].view(np.int64).tolist()
        return [NULL if gone else cell_text(self.field, value) for value, gone in zip(values, null, strict=True)]


class _TextKey:
    """Text: its word is a number that is given when the text is first seen, by whichever thread."""

    _REST = DEFAULT.live_texts

    def __init__(self, statistic: Statistic) -> None:
        self.field: Field = FIELDS[statistic.fields[0]]
        self._spec = key_spec(statistic)
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._lock = threading.Lock()

    def words(self, batch: FlowBatch, name: str, rest: Word) -> list[Word]:
        """Key columns of each row."""
        column = batch.text.get(name)
        if column is None:
            return [np.zeros(len(batch), np.uint64), rest | np.uint64(1 << _NULL_BIT)]
        used = np.unique(column.codes[column.codes >= 0])
        numbers = np.zeros(len(column.values) + 1, np.uint64)  # the last for -1
        for code in used.tolist():
            numbers[code] = self._number(column.values[code])
        null = (column.codes < 0).astype(np.uint64) << np.uint64(_NULL_BIT)
        return [numbers[column.codes], rest | null]

    def _number(self, text: str) -> int:
        with self._lock:
            number = self._numbers.get(text)
            if number is None:
                if len(self._texts) >= self._REST:
                    return self._REST
                number = self._numbers[text] = len(self._texts)
                self._texts.append(text)
            return number

    def column(self) -> KeyColumn:
        """The first column of the view."""
        return KeyColumn(self._spec, self._order, self._write)

    def _order(self, words: Words) -> list[Word]:
        places: NDArray[np.uint64] = np.zeros(self._REST + 1, np.uint64)
        texts = list(self._texts)
        places[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
        places[self._REST] = self._REST
        return [places[np.minimum(words[0], np.uint64(self._REST))]]

    def _write(self, words: Words) -> list[str]:
        null = bits_of(words[-1], _NULL_BIT)
        return [
            NULL if gone else self._texts[number] if number < len(self._texts) else f"beyond {self._REST} texts"
            for number, gone in zip(words[0].tolist(), null, strict=True)
        ]
