"""Actions of the live screen: the filter line, earlier and saved filters, values for its list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from textual import on

from nftui.errors import NftuiError
from nftui.screens.asking import AskingBoard
from nftui.screens.filter_history import FilterHistory
from nftui.screens.seen_values import live_values, stored_values
from nftui.widgets.filter_bar import FilterBar

_Answer = TypeVar("_Answer")


class Filtering(AskingBoard):
    """Typing a filter. Files and values are read in a thread of their own, which nothing waits for."""

    _files: ThreadPoolExecutor | None = None

    def action_filter(self, text: str = "") -> None:
        """Type a filter; one that is given is applied at once, or shown with what is wrong with it."""
        if text and self._stands_alone(text):
            self.trail.change(filter=text)
            self.filter_bar.remember(text)
            self.go_on()
            return
        self.filter_bar.open(text or self.trail.place.filter)
        self.show_lines()
        if self._files is None:
            self._files = ThreadPoolExecutor(1, "filter")
            self.run_worker(self._recall(), group="filter")

    def action_negate(self) -> None:
        """The flows that the filter holds back, instead of those that it lets through; or the other way round."""
        text = self.trail.place.filter.strip()
        if not text:
            self.notify("No filter to turn round.", markup=False)
            return
        inner = text.removeprefix("not (").removesuffix(")")
        turned = inner if text == f"not ({inner})" and self._stands_alone(inner) else f"not ({text})"
        self.trail.change(filter=turned)
        self.filter_bar.remember(turned)
        self.go_on()

    def on_unmount(self) -> None:
        """Read no more."""
        if self._files is not None:
            self._files.shutdown(wait=False, cancel_futures=True)

    @on(FilterBar.Applied)
    def _filter_applied(self, event: FilterBar.Applied) -> None:
        self.trail.change(filter=event.text)
        self.go_on()

    @on(FilterBar.Closed)
    def _filter_closed(self, event: FilterBar.Closed) -> None:
        if event.cleared and self.trail.place.filter:
            self.trail.change(filter="")
        self.filter_bar.close()
        self.table.focus()
        self.go_on()

    @on(FilterBar.Kept)
    def _filter_kept(self, event: FilterBar.Kept) -> None:
        self.run_worker(self._keep(event.text), group="filter")

    @on(FilterBar.Named)
    def _filter_named(self, event: FilterBar.Named) -> None:
        self.run_worker(self._save(event.name, event.text), group="filter")

    @on(FilterBar.Wanted)
    def _values_wanted(self, event: FilterBar.Wanted) -> None:
        for fields in event.fields:
            self.run_worker(self._find_values(fields), group="filter")

    def _stands_alone(self, text: str) -> bool:
        try:
            self.read_filter(text)
        except NftuiError:
            return False
        return True

    async def _in_thread(self, work: Callable[[], _Answer]) -> _Answer:
        if self._files is None:
            self._files = ThreadPoolExecutor(1, "filter")
        return await asyncio.get_running_loop().run_in_executor(self._files, work)

    async def _recall(self) -> None:
        history = FilterHistory(self.read_filter.history_file)
        self.filter_bar.past.put(await self._in_thread(history.read))

    async def _keep(self, text: str) -> None:
        if getattr(self.app, "read_only", False):
            return
        history = FilterHistory(self.read_filter.history_file)
        try:
            await self._in_thread(lambda: history.add(text))
        except OSError as error:
            self.notify(f"Filters are kept until the end only: {error.strerror}.", severity="warning", markup=False)

    async def _save(self, name: str, text: str) -> None:
        from nftui import saved_filters

        reader = self.read_filter
        if name in reader.fixed:
            self.filter_bar.say(f"@{name} stands in the configuration file, which is changed by hand only")
            return
        path = reader.saved_file
        try:
            if path is not None:
                await self._in_thread(lambda: saved_filters.save(path, name, text))
        except NftuiError as error:
            self.filter_bar.say(str(error))
            return
        self.language.reader = replace(reader, saved={**reader.saved, name: text})
        self.filter_bar.say(f"saved as @{name}" + ("" if path is not None else " until the end of this session"))

    async def _find_values(self, fields: tuple[str, ...]) -> None:
        """Values of the live window at once, then those of the store."""
        seen, source = self.language.seen, self.source
        try:
            found = await self.feed.run(lambda: live_values(source, fields))
            if isinstance(found, list):
                seen.put(fields, found)
                self.filter_bar.refresh_offers()
            if source.playback is None and self.health is not None:
                root, now_ms = self.health.store_root, self.health.now_ms
                stored = await self._in_thread(lambda: stored_values(root, fields, now_ms))
                seen.put(fields, [*seen.known(fields), *stored])
                self.filter_bar.refresh_offers()
        except RuntimeError:
            return  # the screen is closing
        finally:
            seen.done(fields)
