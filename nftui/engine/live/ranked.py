"""The rows of a snapshot, as states of the live window hand them over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HISTORY_PARTS = 10
"""Parts of the window in the small history of a row."""

Level = tuple[NDArray[Any], bool]
"""A column to order rows by, and True for descending."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in order; see the attributes of the same names of `LiveSnapshot`."""

    keys: NDArray[np.uint64]
    ranks: NDArray[np.int64]
    total: int
    values: dict[str, NDArray[Any] | list[str]]
    history: NDArray[np.float64]
