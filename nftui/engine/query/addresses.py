"""Addresses as the store's columns hold them: two signed 64-bit halves."""

from __future__ import annotations


def address_value(high: object, low: object) -> int | None:
    """128-bit integer of two signed halves, or None."""
    if high is None or low is None:
        return None
    assert isinstance(high, int)
    assert isinstance(low, int)
    return (high & 0xFFFFFFFFFFFFFFFF) << 64 | low & 0xFFFFFFFFFFFFFFFF
