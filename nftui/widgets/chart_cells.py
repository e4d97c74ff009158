"""Stacked series as character cells: eighth blocks with a foreground and a background colour per cell.

Two series can share a cell (the boundary between them is exact to an eighth), which no other glyph set offers.
All cells are made at once in NumPy. Without colours or without Unicode each series has its own letter instead.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

EMPTY = -1
"""Series number of a cell or half cell in which nothing is drawn."""

_BLOCKS = np.array(list(" ▁▂▃▄▅▆▇█"))
_LETTERS = "#=+-.:*o%&"

Floats = NDArray[np.float64]
Cells = list[list[tuple[str, int, int]]]
"""Per line, top first: runs of (text, series in front, series behind)."""


def nice_top(peak: float) -> float:
    """The smallest of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten that is not below `peak`."""
    if peak <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(peak))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= peak * 0.9999)


def block_cells(values: Floats, height: int, top: float) -> Cells:
    """Draw `values[series, columns]` stacked, first series lowest, `top` being the full height."""
    series, columns = values.shape
    edges = np.zeros((series + 1, columns))
    np.cumsum(np.nan_to_num(values), axis=0, out=edges[1:])
    steps = np.rint(edges * (height * 8 / top)).astype(np.int32)
    # Anything that is there shows: less than an eighth at the foot still gets one.
    steps[-1] = np.where((edges[-1] > 0) & (steps[-1] == 0), 1, steps[-1])
    floor = (np.arange(height)[::-1] * 8)[:, None, None]
    own = np.diff(np.clip(steps[None], floor, floor + 8), axis=1)  # eighths per line, series, column
    filled = own.sum(axis=1)
    first = own.argmax(axis=1)
    rest = own.copy()
    np.put_along_axis(rest, first[:, None], -1, axis=1)
    second = rest.argmax(axis=1)
    shared = (filled == 8) & (rest.max(axis=1) > 0)
    front = np.where(shared, np.minimum(first, second), first)
    behind = np.where(shared, np.maximum(first, second), EMPTY)
    front_part = np.take_along_axis(own, front[:, None], axis=1)[:, 0]
    both = front_part + np.where(shared, np.take_along_axis(own, np.maximum(behind, 0)[:, None], axis=1)[:, 0], 0)
    eighths = np.where(shared, np.clip(np.rint(8 * front_part / np.maximum(both, 1)), 1, 7), filled).astype(np.intp)
    front = np.where(eighths == 0, EMPTY, front)
    return _runs(_BLOCKS[eighths], front, behind)


def letter_cells(values: Floats, height: int, top: float) -> Cells:
    """The same in ASCII: each cell shows the letter of the series that fills most of it."""
    series, columns = values.shape
    edges = np.zeros((series + 1, columns))
    np.cumsum(np.nan_to_num(values), axis=0, out=edges[1:])
    steps = np.rint(edges * (height / top)).astype(np.int32)
    floor = np.arange(height)[::-1][:, None, None]
    own = np.diff(np.clip(steps[None], floor, floor + 1), axis=1)
    letters = np.array(list(_LETTERS))[np.arange(series) % len(_LETTERS)]
    front = np.where(own.sum(axis=1) > 0, own.argmax(axis=1), EMPTY)
    glyphs = np.where(front >= 0, letters[np.maximum(front, 0)], " ")
    return _runs(glyphs, front, np.full_like(front, EMPTY))


def letter(series: int) -> str:
    """The letter that `letter_cells` draws a series with."""
    return _LETTERS[series % len(_LETTERS)]


def _runs(glyphs: NDArray[np.str_], front: NDArray[np.int64], behind: NDArray[np.int64]) -> Cells:
    lines: Cells = []
    for glyph, fore, back in zip(glyphs, front, behind, strict=True):
        cuts = np.flatnonzero((np.diff(fore) != 0) | (np.diff(back) != 0)) + 1
        bounds = [0, *cuts.tolist(), len(glyph)]
        text = "".join(glyph.tolist())
        lines.append([(text[a:b], int(fore[a]), int(back[a])) for a, b in pairwise(bounds) if b > a])
    return lines
