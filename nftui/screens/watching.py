"""Actions of the live screen: what the watch has found, and the flows behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nftui.engine.history.values import TimeRange
from nftui.screens.browsing import Browsing
from nftui.screens.navigation import Place
from nftui.screens.watch import WatchScreen

if TYPE_CHECKING:
    from nftui.engine.watch.finding import Finding

_MARGIN_MS = 1000
"""Shown before and after a finding: flows are stored some moments after they ended."""


class Watching(Browsing):
    """The watch screen, the way from a finding to its flows, and the bell."""

    bell_wanted = False
    """Ring the terminal's bell for new findings."""

    _rung_at = 0

    def action_watch(self) -> None:
        """What was found in the flows."""
        self.app.push_screen(WatchScreen(self.source, self.feed, self.curtain), self._look_into)

    def show_lines(self) -> None:
        """Everything but table and chart; rings for findings that were not there before."""
        super().show_lines()
        found = self.health.counts.get("watch.findings", 0) if self.health is not None else 0
        if found > self._rung_at and self.bell_wanted:
            self.app.bell()
        self._rung_at = found

    def _look_into(self, finding: Finding | None) -> None:
        """Its flows at its time; live where nothing is stored."""
        if finding is None:
            return
        self.trail.enter(Place("flows", finding.filter, crumb=finding.kind))
        if finding.filter:
            self.filter_bar.remember(finding.filter)
        around = self.around()
        within = TimeRange(finding.first_ms - _MARGIN_MS, finding.last_ms + _MARGIN_MS)
        outlook = self.outlook.go_to(within, around)
        if self.extent is None or outlook == self.outlook:
            self.go_on(reset=True)
        else:
            self.table.reset_cursor()
            self.look(outlook)
