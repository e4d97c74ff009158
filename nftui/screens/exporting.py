"""Actions of the live screen: what is shown, as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from nftui.errors import NftuiError
from nftui.screens.asking import AskingBoard
from nftui.screens.views import view_title
from nftui.widgets.export_dialog import ExportAnswer, ExportDialog

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.screens.source import Past

_PORTION = 50_000
"""Rows of the past that are asked for at a time: what is written is never in memory as a whole."""

_PICTURE = "svg"


class Exporting(AskingBoard):
    """Files are written in a worker thread; the screen says when they are done, or why not."""

    def action_export(self) -> None:
        """Ask for a format and a name, then write."""
        if self.snapshot is None:
            return
        from nftui.screens.export_file import FORMATS

        stamp = self.proposal()
        rows = f"{self.snapshot.rows_total} rows of {view_title(self.trail.place.view)}"
        dialog = ExportDialog(
            f"Write all {rows}; svg: a picture of the screen", FORMATS, lambda form: f"{stamp}.{form}"
        )
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
            self.run_worker(self._write_rows(answer), group="export")

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

    async def _write_rows(self, answer: ExportAnswer) -> None:
        from nftui.screens.export_file import write_rows

        request = replace(self.request(), anchor=None, offset=0)
        total = self.snapshot.rows_total if self.snapshot is not None else 0
        hide = self.curtain.text
        self.notify(f"Writing {answer.path} ...", markup=False, timeout=2)
        try:
            if request.within is not None:
                rows = await self.past.run(
                    lambda past: write_rows(answer.path, answer.format, portions(past, request), hide)
                )
            else:
                whole = await self.feed.run(lambda: self.source.snapshot(replace(request, limit=max(1, total * 2))))
                rows = await asyncio.to_thread(write_rows, answer.path, answer.format, [whole], hide)  # type: ignore[list-item]
        except NftuiError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.notify(f"{answer.path}: {rows} rows written.", markup=False)


def portions(past: Past, request: LiveRequest) -> Iterator[LiveSnapshot]:
    """All rows of a view of the past, a portion at a time."""
    offset = 0
    while True:
        part = past.snapshot(replace(request, offset=offset, limit=_PORTION))
        if len(part) or not offset:
            yield part
        offset += len(part)
        if not len(part) or offset >= part.rows_total:
            return
