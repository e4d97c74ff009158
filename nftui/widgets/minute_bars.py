"""Amounts over time as one line of bars: from nothing to the largest amount in eight steps."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = " ▁▂▃▄▅▆▇█"
_LETTERS = " .:-=+*%#"


def squeeze(amounts: Sequence[int], cells: int) -> list[int]:
    """The amounts in at most so many groups of equal size, counted from the end, each group summed."""
    cells = max(1, cells)
    size = -(-len(amounts) // cells) if amounts else 1
    rest = len(amounts) % size
    groups = [sum(amounts[:rest])] if rest else []
    return groups + [sum(amounts[at : at + size]) for at in range(rest, len(amounts), size)]


def bars(amounts: Sequence[int], cells: int, ascii_only: bool = False) -> str:
    """One character for each group of `squeeze`; anything above nothing is seen."""
    groups = squeeze(amounts, cells)
    most = max(groups, default=0)
    steps = _LETTERS if ascii_only else _BLOCKS
    return "".join(steps[-(-8 * amount // most) if amount > 0 else 0] for amount in groups)
