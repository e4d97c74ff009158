"""The rows of the screen of changes as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from nftui.screens.file_writing import (
    Writing,
    ask_for_file,
    file_stem,
    tell_not_written,
    tell_still_writing,
    tell_written,
)
from nftui.screens.inquiry import Inquiry
from nftui.screens.views import view_title
from nftui.text import counted

if TYPE_CHECKING:
    from nftui.engine.history.changes import Changes
    from nftui.screens.export_file import Hide
    from nftui.screens.source import Past
    from nftui.widgets.export_dialog import ExportAnswer


class ChangeFile:
    """Writes all groups of a comparison, by a reader of its own: the screen goes on answering meanwhile.

    Args:
        screen: what is shown.
        past: what the screen asks.
        hide: what is done to texts.
        changed: called when there is more, or nothing more, to be seen of a file.

    Attributes:
        writing: the file that is written now.
    """

    def __init__(self, screen: Screen[Any], past: Inquiry, hide: Hide, changed: Callable[[], None]) -> None:
        self.writing: Writing | None = None
        self._screen = screen
        self._reader = past.beside(screen, changed)
        self._hide = hide
        self._changed = changed

    @property
    def progress(self) -> float | None:
        """Percent of the question whose answer is written; None while nothing is known."""
        return self._reader.progress

    def ask(self, found: Changes) -> None:
        """Ask for a format and a name, then write."""
        if self.writing is not None:
            tell_still_writing(self._screen, self.writing)
            return
        from nftui.engine.history.changes import MEASURES

        groups = "the change" if found.rows_total == 1 else f"all {counted(found.rows_total, 'change')}"
        title = view_title(found.request.view)
        words = f"{groups} of {title} in {MEASURES[found.measure]}"
        ask_for_file(self._screen, words, file_stem(f"changes {title}"), lambda answer: self._begin(answer, found))

    def _begin(self, answer: ExportAnswer, found: Changes) -> None:
        from nftui.screens.export_file import write_rows

        writing = self.writing = Writing(answer.path, found.rows_total)
        self._reader.ask(
            "export",
            lambda past: write_rows(answer.path, answer.format, _whole(past, found), self._hide, writing.told),
            self._written,
            self._not_written,
        )
        self._changed()

    def _written(self, rows: int) -> None:
        tell_written(self._screen, self._ended(), rows)

    def _not_written(self, reason: str) -> None:
        tell_not_written(self._screen, self._ended(), reason)

    def _ended(self) -> str:
        path = self.writing.path if self.writing is not None else ""
        self.writing = None
        self._changed()
        return path

    def give_up(self) -> bool:
        """Write no further; False when nothing was written."""
        if self.writing is None or self.writing.stopped:
            return False
        self.writing.stopped = True
        self._reader.give_up()
        return True

    def close(self) -> None:
        """Write no further: nothing is left of a file that is not complete."""
        if self.writing is not None:
            self.writing.stopped = True
        self._reader.stop()


def _whole(past: Past, found: Changes) -> Iterator[Changes]:
    """What is shown when that is all of it, else the same question without a limit that matters."""
    while len(found) < found.rows_total:
        found = past.changes(replace(found.request, limit=2 * found.rows_total), found.before)
    yield found
