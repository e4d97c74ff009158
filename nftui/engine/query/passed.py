"""What of a flow's counter has passed at a moment: spread evenly over its life, as `nftui.engine.query.series` says."""

from __future__ import annotations


def passed_sql(name: str, moment: str) -> str:
    """How much of a counter has passed at a moment. 128 bits: bytes times milliseconds need more than 64."""
    part = f"CAST({name} AS HUGEINT) * ({moment} - s) // (e - s)"
    return f"CASE WHEN {moment} <= s THEN 0 WHEN {moment} >= e THEN {name} ELSE {part} END"
