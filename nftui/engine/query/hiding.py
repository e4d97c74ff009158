"""Addresses in answers replaced by others, after filters and sums have seen the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nftui.engine.anonymise import REMOVED, Anonymiser
from nftui.engine.query.query import Group, Ranking
from nftui.engine.schema import FIELDS, PHYSICAL, Kind

_REMEMBERED = 200_000
"""Addresses remembered; more and it starts afresh."""

_Pair = tuple[int, int]


class Hiding:
    """Replaces addresses in rows and rankings; fields that name people and machines become absent.

    Args:
        anonymiser: says by what.
    """

    def __init__(self, anonymiser: Anonymiser) -> None:
        self._anonymiser = anonymiser
        self._known: dict[_Pair, _Pair] = {}

    def rows(self, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
        """Rows of selected columns, of which some may be expressions; those follow that only sums have."""
        kinds = [PHYSICAL.get(column) for column in columns]
        pairs = [i for i, item in enumerate(kinds) if item is not None and columns[i] == f"{item.name}_hi"]
        removed = [i for i, item in enumerate(kinds) if item is not None and item.name in REMOVED]
        if not rows or not (pairs or removed):
            return rows
        cells: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for place in pairs:
            found = list(zip(cells[place], cells[place + 1], strict=True))
            self._learn(found)
            hidden = [self._known.get(pair, (None, None)) for pair in found]
            cells[place], cells[place + 1] = zip(*hidden, strict=True)
        for place in removed:
            cells[place] = (None,) * len(rows)
        return list(zip(*cells, strict=True))

    def ranking(self, ranking: Ranking) -> Ranking:
        """A ranking with other addresses in its keys."""
        items = [FIELDS.get(name) for name in ranking.fields]
        groups = []
        for group in ranking.groups:
            key = [
                self.value(item.name, value) if item is not None else value
                for item, value in zip(items, group.key, strict=False)
            ]
            groups.append(Group((*key, *group.key[len(key) :]), group.totals))
        return replace(ranking, groups=groups)

    def value(self, field: str, value: Any) -> Any:
        """One value of a field; addresses are 128-bit integers."""
        if value is None or field in REMOVED:
            return None
        return self._anonymiser.address(value) if FIELDS[field].kind is Kind.ADDRESS else value

    def _learn(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        new = [pair for pair in {*pairs} - self._known.keys() if pair[0] is not None and pair[1] is not None]
        if not new:
            return
        if len(self._known) + len(new) > _REMEMBERED:
            self._known.clear()
            new = [pair for pair in {*pairs} if pair[0] is not None and pair[1] is not None]
        high, low = (np.array(side, np.int64) for side in zip(*new, strict=True))
        replaced = self._anonymiser.halves(high, low)
        self._known |= zip(new, zip(*(side.tolist() for side in replaced), strict=True), strict=True)
