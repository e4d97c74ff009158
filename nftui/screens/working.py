"""A screen with questions under way, which may be taken off at any moment."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Coroutine
from functools import partial
from typing import Any

from textual.css.query import NoMatches
from textual.screen import Screen, ScreenResultType
from textual.worker import Worker


class WorkingScreen(Screen[ScreenResultType]):
    """A screen whose workers end when its parts are taken away.

    Textual takes the parts of a screen away one by one, lets go of the screen itself after that, and cancels the
    screen's workers last of all; a worker that goes on in between looks for parts that have gone. It would end the
    application, although nobody looks at that screen any more. A part that is missing for any other reason is an error.
    """

    def run_worker(self, work: Any, *args: Any, **kwargs: Any) -> Worker[Any]:
        """Begin to do something beside the event loop; as Textual's, but ends with the parts of the screen.

        A worker that is cancelled before its first step never touches what it was to do: that is closed then.
        """
        if not inspect.iscoroutine(work):
            return super().run_worker(work, *args, **kwargs)
        try:
            worker = super().run_worker(partial(self._while_here, work), *args, **kwargs)
        except BaseException:
            work.close()
            raise
        weakref.finalize(worker, work.close).atexit = False
        return worker

    async def _while_here(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await work
        except NoMatches:
            if not self.leaves:
                raise
            return None

    @property
    def leaves(self) -> bool:
        """Whether the screen is taken off, or the application ends."""
        return self._closing or not self.is_attached or not self.app.is_running
