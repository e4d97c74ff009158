"""Actions of the live screen: what changed between two ranges of time."""

from __future__ import annotations

from nftui.engine.history.values import TimeRange
from nftui.errors import NftuiError
from nftui.screens.browsing import Browsing
from nftui.screens.changes import ChangesScreen, Comparison, Narrowing
from nftui.screens.drill import combine
from nftui.screens.dump_command import stored_paths
from nftui.screens.navigation import Place

LIVE_MS = 300_000
"""Without a brush, so much of the latest is compared with the time before; less if less is stored."""

_LEAST_MS = 1000


class Comparing(Browsing):
    """The screen of changes, and the way from a row of it to its flows."""

    def action_changes(self) -> None:
        """What is new, gone, grown and shrunk in the brushed range, or of late."""
        self.run_worker(self._compare(), group="changes", exclusive=True)

    async def _compare(self) -> None:
        try:
            stored = await self.past.run(lambda past: past.extent())
        except NftuiError as error:
            self.notify(f"Nothing can be compared: {error}.", severity="warning", markup=False)
            return
        if stored is None:
            self.notify("Nothing is stored yet that could be compared.", markup=False)
            return
        place, now_ms = self.trail.place, self.around().now_ms
        end_ms = min(now_ms, stored.end_ms)
        length_ms = max(_LEAST_MS, min(LIVE_MS, (end_ms - stored.start_ms) // 2))
        within = place.within or TimeRange(end_ms - length_ms, end_ms)
        bounds = TimeRange(stored.start_ms, max(now_ms, stored.end_ms))
        paths = tuple(stored_paths(self.store))
        what = Comparison(place.view, self.read_filter(place.filter), within, bounds, now_ms, paths, not self.unscaled)
        self.app.push_screen(ChangesScreen(what, self.past, self.display_options, self.curtain), self._look_closer)

    def _look_closer(self, row: Narrowing | None) -> None:
        if row is None:
            return
        text = combine(self.trail.place.filter, row.term)
        self.trail.enter(Place("flows", text, crumb=row.name))
        self.filter_bar.remember(text)
        self.table.reset_cursor()
        outlook = self.outlook.go_to(row.within, self.around())
        if outlook == self.outlook:
            self.go_on(reset=True)
        else:
            self.look(outlook)
