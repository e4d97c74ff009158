"""What screens that write files share: the dialog, how far a file is, what is told of it, the picture of the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from textual.screen import Screen

from nftui.errors import NftuiError
from nftui.screens import status
from nftui.text import compact, counted
from nftui.widgets.export_dialog import ExportAnswer, ExportDialog
from nftui.widgets.ribbon import Item

_PICTURE = "svg"


@dataclass(slots=True, eq=False)
class Writing:
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

    def items(self, progress: float | None, ascii_only: bool) -> list[Item]:
        """How much of it is written, for the title; `progress` is that of the question, in percent."""
        percent = 100 * self.rows / max(self.rows, self.total) if self.rows else progress
        wheel = status.working(percent, ascii_only)[0]
        words = f"writing, {compact(self.rows)} of {counted(self.total, 'row', short=True)}"
        return [wheel, Item(words, "accent", 6), Item("Esc stops it", "dim", 7)]


def file_stem(words: str) -> str:
    """A name for a file, without the suffix."""
    return f"nftui-{'-'.join(words.replace(':', '-').split())}-{datetime.now():%Y%m%d-%H%M%S}"


def ask_for_file(screen: Screen[Any], rows: str, stem: str, write: Callable[[ExportAnswer], None]) -> None:
    """Ask for a format and a name, then write.

    Args:
        screen: what is shown; its picture is written here.
        rows: what the rows are, in words.
        stem: proposed name, without the suffix.
        write: begins to write the rows.
    """
    from nftui.screens.export_file import FORMATS

    def chosen(answer: ExportAnswer | None) -> None:
        if answer is None:
            return
        if answer.format == _PICTURE:
            # The dialog is still on the screen: the picture is taken when it has gone.
            screen.call_after_refresh(lambda: screen.run_worker(_write_picture(screen, answer.path), group="export"))
        else:
            write(answer)

    title = f"Write {rows}; svg: a picture of the screen"
    screen.app.push_screen(ExportDialog(title, FORMATS, lambda form: f"{stem}.{form}"), chosen)


def tell_written(screen: Screen[Any], path: str, rows: int) -> None:
    """A file is complete."""
    screen.notify(f"{path}: {counted(rows, 'row')} written.", markup=False)


def tell_not_written(screen: Screen[Any], path: str, reason: str) -> None:
    """A file was not written: why, or empty because the user stopped it."""
    if reason:
        screen.notify(reason, severity="error", markup=False)
    elif path:
        screen.notify(f"Stopped: {path} was not written.", markup=False)


def tell_still_writing(screen: Screen[Any], writing: Writing) -> None:
    """One file at a time."""
    screen.notify(f"{writing.path} is still being written; Esc stops that.", markup=False)


async def _write_picture(screen: Screen[Any], path: str) -> None:
    from nftui.screens.export_file import new_file

    picture = screen.app.export_screenshot(title="nftui")

    def write() -> None:
        with new_file(path) as file:
            file.write(picture.encode())

    try:
        await asyncio.to_thread(write)
    except NftuiError as error:
        screen.notify(str(error), severity="error", markup=False)
    else:
        screen.notify(f"{path} written.", markup=False)
