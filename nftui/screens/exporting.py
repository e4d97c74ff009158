"""Actions of the live screen: what is shown, as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from nftui.errors import NftuiError
from nftui.screens.file_writing import (
    Writing,
    ask_for_file,
    file_stem,
    tell_not_written,
    tell_still_writing,
    tell_written,
)
from nftui.screens.inquiry import Inquiry
from nftui.screens.timeline_board import TimelineBoard
from nftui.screens.views import view_title
from nftui.widgets.export_dialog import ExportAnswer
from nftui.widgets.ribbon import Item

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.screens.source import Past


class Exporting(TimelineBoard):
    """Files are written in a worker thread; the screen says how far that is, when they are done, or why not.

    The past is asked by a reader of its own: the table goes on answering meanwhile.
    """

    _writing: Writing | None = None
    _reader: Inquiry | None = None

    def action_export(self) -> None:
        """Ask for a format and a name, then write."""
        if self.snapshot is None:
            return
        if self._writing is not None:
            tell_still_writing(self, self._writing)
            return
        total = self.snapshot.rows_total
        rows = f"{'the row' if total == 1 else f'all {total:,} rows'} of {view_title(self.trail.place.view)}"
        ask_for_file(self, rows, self.proposal(), self._write_rows)

    def proposal(self) -> str:
        """A name for a file of the view, without the suffix."""
        return file_stem(view_title(self.trail.place.view))

    # Rows

    def _write_rows(self, answer: ExportAnswer) -> None:
        from nftui.screens.export_file import write_rows

        request = replace(self.request(), anchor=None, offset=0)
        writing = self._writing = Writing(answer.path, self.snapshot.rows_total if self.snapshot is not None else 0)
        hide = self.curtain.text
        self.show_totals()
        if request.within is None:
            self.run_worker(self._write_live(answer, request, writing), group="export")
            return
        if self._reader is None:
            self._reader = self.past.beside(self, self.show_state)
        self._reader.ask(
            "export",
            lambda past: write_rows(answer.path, answer.format, portions(past, request), hide, writing.told),
            self._written,
            self._not_written,
        )

    async def _write_live(self, answer: ExportAnswer, request: LiveRequest, writing: Writing) -> None:
        from nftui.screens.export_file import write_rows

        every = replace(request, limit=max(1, writing.total * 2))
        hide = self.curtain.text
        try:
            whole = await self.feed.run(lambda: self.source.snapshot(every))
            rows = await asyncio.to_thread(write_rows, answer.path, answer.format, [whole], hide, writing.told)  # type: ignore[list-item]
        except NftuiError as error:
            self._not_written("" if writing.stopped else str(error))
        except RuntimeError:
            return  # the pool is shut down: the screen is closing
        else:
            self._written(rows)

    def _written(self, rows: int) -> None:
        tell_written(self, self._ended(), rows)

    def _not_written(self, reason: str) -> None:
        tell_not_written(self, self._ended(), reason)

    def _ended(self) -> str:
        path = self._writing.path if self._writing is not None else ""
        self._writing = None
        self.show_totals()
        return path

    # Waiting

    def state_items(self) -> list[Item]:
        """How much of a file is written."""
        items = super().state_items()
        writing = self._writing
        if writing is None:
            return items
        progress = self._reader.progress if self._reader is not None else None
        return [*writing.items(progress, self.display_options.ascii_only), *items]

    def give_up(self) -> bool:
        """Wait no longer for an answer; while none is awaited, write no further."""
        if super().give_up():
            return True
        writing = self._writing
        if writing is None or writing.stopped:
            return False
        writing.stopped = True
        if self._reader is not None:
            self._reader.give_up()
        return True

    def on_unmount(self) -> None:
        """Write no further: nothing is left of a file that is not complete."""
        if self._writing is not None:
            self._writing.stopped = True
        if self._reader is not None:
            self._reader.stop()


def portions(past: Past, request: LiveRequest) -> Iterator[LiveSnapshot]:
    """All rows of a view of the past, a portion at a time."""
    from nftui.screens.export_file import PORTION

    offset = 0
    while True:
        part = past.snapshot(replace(request, offset=offset, limit=PORTION))
        if len(part) or not offset:
            yield part
        offset += len(part)
        if not len(part) or offset >= part.rows_total:
            return
