"""Actions of the live screen: units, names, sampling, chart, hidden addresses."""

from __future__ import annotations

from dataclasses import replace

from nftui.screens.asking import AskingBoard
from nftui.screens.navigation import Place

_THRIFTY_RATE = 0.5
"""Refreshes per second where the line is bad."""


class Displaying(AskingBoard):
    """How the same flows are shown."""

    def save_bandwidth(self) -> None:
        """Show what changes less, and less often. To be called before the screen is shown."""
        self.display_options = replace(self.display_options, thrifty=True)
        self.feed.slow_down(_THRIFTY_RATE)

    def action_reset(self) -> None:
        """The view as it is at the start: no filter, its own order, the latest flows, moving."""
        self.close_detail()
        place = Place(self.trail.place.view)
        if self.trail.place != place:
            self.trail.enter(place)
        self.paused = None
        self.go_on(reset=True)

    def action_refresh(self) -> None:
        """Ask anew, without waiting for the next turn."""
        self.go_on()

    def action_units(self) -> None:
        """Bits or bytes."""
        self._display_changed(bits=not self.display_options.bits)

    def action_names(self) -> None:
        """Names: of addresses where a flow is read, of ports elsewhere."""
        if self.detail.has_class("-open"):
            self.action_resolve()
        else:
            self.action_port_names()

    def action_port_names(self) -> None:
        """Port numbers or service names."""
        self._display_changed(names=not self.display_options.names)

    def _display_changed(self, **values: bool) -> None:
        self.display_options = replace(self.display_options, **values)  # type: ignore[arg-type]  # none is the curtain
        self.show_columns()
        self.draw()

    def action_scaled(self) -> None:
        """Raw counters or scaled ones; the line of totals says when they are raw."""
        self.unscaled = not self.unscaled
        self.go_on()

    def action_hide(self) -> None:
        """Other addresses than the real ones, or the real ones again."""
        self.curtain.drawn = not self.curtain.drawn
        self.close_detail()
        self._display_changed()
        self.show_lines()

    def action_chart(self) -> None:
        """Give the chart's lines to the table, or take them back."""
        self.chart_wanted = not self.chart_wanted
        self.show_lines()
