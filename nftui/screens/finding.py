"""Actions of the live screen: look for a text in the rows of the table."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from textual import on

from nftui.errors import NftuiError
from nftui.screens.asking import AskingBoard
from nftui.screens.columns import table_data
from nftui.widgets.find_bar import FindBar
from nftui.widgets.table_layout import Column, TableData

_PORTION = 5_000
"""Rows that are looked at beyond those that are here, at a time."""

_MOST = 1_000_000
"""Rows that are looked at in one search: a filter is for more."""


class Finding(AskingBoard):
    """The rows that are here are looked at while one types; the others, in portions, when one goes on."""

    def action_find(self) -> None:
        """Type what to look for."""
        if self.state_name == "waiting":
            self.notify("No flows yet, so there is nothing to look in.", markup=False)
            return
        found = self.query(FindBar)
        if found:
            found.first().open()
            return
        bar = FindBar()
        self.mount(bar, before="#hints")
        self.call_after_refresh(bar.open)

    def action_find_next(self, step: int) -> None:
        """The next row with the text that was looked for last, or the one before."""
        bars = self.query(FindBar)
        if bars and bars.first().text:
            self._search(bars.first().text, step)
        else:
            self.action_find()

    @on(FindBar.Wanted)
    def _wanted(self, event: FindBar.Wanted) -> None:
        self._search(event.text, event.step)

    @on(FindBar.Closed)
    def _find_closed(self) -> None:
        self.query_one(FindBar).close()
        self.workers.cancel_group(self, "find")
        self.table.focus()

    def _search(self, text: str, step: int) -> None:
        bar, table = self.query_one(FindBar), self.table
        self.workers.cancel_group(self, "find")
        words = text.lower()
        if not words:
            bar.note("")
            return
        row = self._near(words, table.cursor_row + step, step or 1)
        if row is not None:
            table.go(row)
            bar.note(f"row {row + 1}")
        elif step >= 0 and self.snapshot is not None and table.data.first + len(table.data) < table.data.rows:
            if step:
                self.run_worker(self._search_on(words), group="find", exclusive=True)
            else:
                bar.note("Enter looks further down")
        else:
            bar.note("not found" if step >= 0 else "not found above")

    def _near(self, words: str, start: int, step: int) -> int | None:
        """The next row that is here and has the words."""
        table = self.table
        first, last = table.data.first, table.data.first + len(table.data)
        rows = range(max(start, first), last) if step > 0 else range(min(start, last - 1), first - 1, -1)
        return next((row for row in rows if words in table.text(row).lower()), None)

    async def _search_on(self, words: str) -> None:
        """Look at the rows further down, asking for them a portion at a time."""
        bar, table = self.query_one(FindBar), self.table
        place = self.trail.place
        offset = table.data.first + len(table.data)
        while offset < min(table.data.rows, _MOST):
            bar.note(f"looking at row {offset} of {table.data.rows}; Esc stops")
            request = replace(self.request(), anchor=None, offset=offset, limit=_PORTION)
            try:
                part = await self.answer(request)
            except NftuiError as error:
                bar.note(str(error))
                return
            if self.trail.place != place or not len(part) or int(part.ranks[-1]) < offset:
                break
            row = await asyncio.to_thread(row_with, words, table_data(part), table.columns, offset)
            if row is not None:
                table.go(row)
                bar.note(f"row {row + 1}")
                return
            offset = int(part.ranks[-1]) + 1
        bar.note("not found" if offset < _MOST else f"not among the first {_MOST} rows: use a filter")


def row_with(words: str, data: TableData, columns: Sequence[Column], first: int) -> int | None:
    """The first row of the whole table, from `first` on, in which one can read the words, given in lower case."""
    readable = [column for column in columns if column.sortable and column.name in data.values]
    for row in range(max(first, data.first), data.first + len(data)):
        index = row - data.first
        if any(words in column.format(data.values[column.name][index], 64).lower() for column in readable):
            return row
    return None
