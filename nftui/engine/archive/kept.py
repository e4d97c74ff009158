"""Elements without a column, taken out of a batch's `extra` together: one pass a place in the runs, not one a flow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import ExtraColumn

Kept = dict[tuple[int, int, int], tuple[NDArray[np.int64], NDArray[np.uint8]]]
"""Rows and values uint8[n, length] by enterprise number, element id and length; of equal ones in a row the first."""

_ENTRY_HEADER = 8


def kept_elements(extra: ExtraColumn) -> Kept:
    """All elements in the runs of a batch; what does not fit its run is left out."""
    data = np.concatenate([extra.data, np.zeros(_ENTRY_HEADER, np.uint8)])
    words: NDArray[np.uint32] = np.ndarray((len(data) - 3,), ">u4", data, strides=(1,))
    shorts: NDArray[np.uint16] = np.ndarray((len(data) - 1,), ">u2", data, strides=(1,))
    place, end = extra.offsets[:-1].astype(np.int64), extra.offsets[1:]
    rows = np.flatnonzero(place + _ENTRY_HEADER <= end)
    place = place.copy()
    found: dict[tuple[int, int, int], list[tuple[NDArray[np.int64], NDArray[np.uint8]]]] = {}
    while len(rows):
        at = place[rows]
        enterprise, element = words[at].astype(np.int64), shorts[at + 4].astype(np.int64)
        length = shorts[at + 6].astype(np.int64)
        fits = at + _ENTRY_HEADER + length <= end[rows]
        rows, at, length = rows[fits], at[fits], length[fits]
        keys = np.stack([enterprise[fits], element[fits], length], axis=1)
        distinct, codes = np.unique(keys, axis=0, return_inverse=True)
        for number, key in enumerate(distinct.tolist()):
            of_key = codes.reshape(-1) == number
            values = data[at[of_key, None] + _ENTRY_HEADER + np.arange(key[2])]
            found.setdefault((key[0], key[1], key[2]), []).append((rows[of_key], values))
        place[rows] = at + _ENTRY_HEADER + length
        rows = rows[place[rows] + _ENTRY_HEADER <= end[rows]]
    return {key: _joined(parts) for key, parts in found.items()}


def _joined(
    parts: list[tuple[NDArray[np.int64], NDArray[np.uint8]]],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([part[0] for part in parts])
    values = np.concatenate([part[1] for part in parts])
    distinct, first = np.unique(rows, return_index=True)
    return distinct, values[first]
