"""Actions of the live screen: what is shown, as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from nftui.errors import NftuiError
from nftui.screens import status
from nftui.screens.inquiry import Inquiry
from nftui.screens.timeline_board import TimelineBoard
from nftui.screens.views import view_title
from nftui.text import compact, counted
from nftui.widgets.export_dialog import ExportAnswer, ExportDialog
from nftui.widgets.ribbon import Item

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.screens.source import Past

_PICTURE = "svg"


@dataclass(slots=True, eq=False)
class _Writing:
    """A file that is written now.

    Attributes:
        path: its name.
        total: rows that it will have, as far as known.
        rows: rows that it has.
        stopped: it shall not be written any further.
    """

    path: str
    total: int
    rows: int = 0
    stopped: bool = False

    def told(self, rows: int) -> None:
        """Note how far it is. Raises Interrupted when it shall not be written any further."""
        from nftui.engine.query.flow_session import Interrupted

        self.rows = rows
        if self.stopped:
            raise Interrupted("stopped")


class Exporting(TimelineBoard):
    """Files are written in a worker thread; the screen says how far that is, when they are done, or why not.

    The past is asked by a reader of its own: the table goes on answering meanwhile.
    """

    _writing: _Writing | None = None
    _reader: Inquiry | None = None

    def action_export(self) -> None:
        """Ask for a format and a name, then write."""
        if self.snapshot is None:
            return
        if self._writing is not None:
            self.notify(f"{self._writing.path} is still being written; Esc stops that.", markup=False)
            return
        from nftui.screens.export_file import FORMATS

        stamp = self.proposal()
        total = self.snapshot.rows_total
        rows = f"{'the row' if total == 1 else f'all {total} rows'} of {view_title(self.trail.place.view)}"
        dialog = ExportDialog(f"Write {rows}; svg: a picture of the screen", FORMATS, lambda form: f"{stamp}.{form}")
        self.app.push_screen(dialog, self._chosen)

    def proposal(self) -> str:
        """A name for a file of the view, without the suffix."""
        name = "-".join(view_title(self.trail.place.view).replace(":", "-").split())
        return f"nftui-{name}-{datetime.now():%Y%m%d-%H%M%S}"

    def _chosen(self, answer: ExportAnswer | None) -> None:
        if answer is None:
            return
        if answer.format == _PICTURE:
            # The dialog is still on the screen: the picture is taken when it has gone.
            self.call_after_refresh(lambda: self.run_worker(self._write_picture(answer.path), group="export"))
        else:
            self._write_rows(answer)

    async def _write_picture(self, path: str) -> None:
        from nftui.screens.export_file import new_file

        picture = self.app.export_screenshot(title="nftui")

        def write() -> None:
            with new_file(path) as file:
                file.write(picture.encode())

        try:
            await asyncio.to_thread(write)
        except NftuiError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.notify(f"{path} written.", markup=False)

    # Rows

    def _write_rows(self, answer: ExportAnswer) -> None:
        from nftui.screens.export_file import write_rows

        request = replace(self.request(), anchor=None, offset=0)
        writing = self._writing = _Writing(answer.path, self.snapshot.rows_total if self.snapshot is not None else 0)
        hide = self.curtain.text
        self.show_totals()
        if request.within is None:
            self.run_worker(self._write_live(answer, request, writing), group="export")
            return
        if self._reader is None:
            self._reader = Inquiry(self, self.source.past, self.show_state)
        self._reader.ask(
            "export",
            lambda past: write_rows(answer.path, answer.format, portions(past, request), hide, writing.told),
            self._written,
            self._not_written,
        )

    async def _write_live(self, answer: ExportAnswer, request: LiveRequest, writing: _Writing) -> None:
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
        path = self._ended()
        self.notify(f"{path}: {counted(rows, 'row')} written.", markup=False)

    def _not_written(self, reason: str) -> None:
        path = self._ended()
        if reason:
            self.notify(reason, severity="error", markup=False)
        elif path:
            self.notify(f"Stopped: {path} was not written.", markup=False)

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
        percent = 100 * writing.rows / max(writing.rows, writing.total) if writing.rows else None
        if percent is None and self._reader is not None:
            percent = self._reader.progress
        wheel = status.working(percent, self.display_options.ascii_only)[0]
        words = f"writing, {compact(writing.rows)} of {compact(writing.total)} rows"
        return [wheel, Item(words, "accent", 6), Item("Esc stops it", "dim", 7), *items]

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
