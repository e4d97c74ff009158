"""Which rows of a long table to ask for: those around what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nftui.widgets.flow_table import FlowTable

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveSnapshot

ROWS = 500
"""Rows of an answer: some pages around the one that is seen, formatted in a few milliseconds."""

_HELD_ROWS = 4 * ROWS
"""Rows of an answer while the order is held: rows may have gone down the order meanwhile."""


def rows_wanted(table: FlowTable, held_order: bool) -> tuple[int, int, int | None]:
    """Offset, limit and anchor of the next request."""
    if held_order:
        return 0, _HELD_ROWS, None
    middle = table.top + table.visible_rows // 2
    limit = max(ROWS, 4 * table.visible_rows)
    offset = max(0, middle - limit // 2)
    seen = table.top <= table.cursor_row < table.top + table.visible_rows
    return offset, limit, table.cursor_key if table.held and seen else None


def lost_row(snapshot: LiveSnapshot) -> int | None:
    """Rank of an anchor that stands apart from the other rows of the answer; None when all are neighbours."""
    if len(snapshot) < 2 or int(snapshot.ranks[-1]) == int(snapshot.ranks[-2]) + 1:
        return None
    return int(snapshot.ranks[-1])


def covers(snapshot: LiveSnapshot, table: FlowTable) -> bool:
    """Whether an answer has all rows that are seen."""
    last = min(table.top + table.visible_rows, snapshot.rows_total) - 1
    return len(snapshot) > 0 and int(snapshot.ranks[0]) <= table.top and last <= int(snapshot.ranks[-1])
