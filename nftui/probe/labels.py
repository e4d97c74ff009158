"""MPLS label stacks as small numbers, so that a stack fits the flow key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nftui.engine.frames.headers import MAX_LABELS

MAX_STACKS = 65_535
"""Distinct stacks that can be told apart; further ones share the last number, their flows may merge."""


class LabelStacks:
    """Numbers label stacks in the order of their first appearance; 0 is the empty stack.

    Attributes:
        overflow: packets whose stack could not be told apart because too many were seen.
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {bytes(4 * MAX_LABELS): 0}
        self._entries = np.zeros((64, MAX_LABELS), np.uint32)
        self.overflow = 0

    def number(self, stacks: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """Numbers of uint32[n, MAX_LABELS] stacks, top first, zeros behind the bottom."""
        distinct, inverse, counts = np.unique(stacks, axis=0, return_inverse=True, return_counts=True)
        codes = np.empty(len(distinct), np.uint64)
        for row, (entry, count) in enumerate(zip(distinct, counts, strict=True)):
            name = entry.tobytes()
            code = self._numbers.get(name)
            if code is None:
                code = min(len(self._numbers), MAX_STACKS)
                if code < MAX_STACKS:
                    self._numbers[name] = code
                    if code >= len(self._entries):
                        self._entries = np.concatenate([self._entries, np.zeros_like(self._entries)])
                    self._entries[code] = entry
            self.overflow += int(count) if code == MAX_STACKS else 0
            codes[row] = code
        return codes[inverse.reshape(-1)]

    def entries(self, numbers: NDArray[np.int64]) -> NDArray[np.uint32]:
        """uint32[n, MAX_LABELS] stacks of numbers; zeros for the shared number of too many."""
        known = np.where(numbers < len(self._entries), numbers, 0)
        return self._entries[known]
