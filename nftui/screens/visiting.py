"""Actions of the live screen: the other screens, and the part of this one that has the keys."""

from __future__ import annotations

from textual import on
from textual.widget import Widget

from nftui.screens.asking import AskingBoard
from nftui.screens.health_view import indicators, worst_door
from nftui.widgets.facets import FacetPane
from nftui.widgets.health_strip import HealthStrip
from nftui.widgets.timeline import Timeline


class Visiting(AskingBoard):
    """Screens beside this one, and its panes."""

    def action_next_pane(self) -> None:
        """Give the keys to the next pane that is shown: table or flow, facets, timeline, health line."""
        panes: list[Widget] = [self.table, self.detail.table, *self.query(FacetPane), self.query_one(Timeline),
                               self.query_one(HealthStrip)]  # fmt: skip
        shown = [pane for pane in panes if pane.focusable and all(part.display for part in pane.ancestors_with_self)]
        if shown:
            at = shown.index(self.focused) if self.focused in shown else -1
            shown[(at + 1) % len(shown)].focus()
            self.call_after_refresh(self.show_hints)

    def action_health(self) -> None:
        """Give the keys to the health line."""
        self.query_one(HealthStrip).focus()
        self.call_after_refresh(self.show_hints)

    @on(HealthStrip.Left)
    def _health_left(self) -> None:
        (self.detail.table if self.state_name == "detail" else self.table).focus()
        self.call_after_refresh(self.show_hints)

    def action_exporters(self) -> None:
        """Who sends, and what was lost on the way."""
        from nftui.screens.exporters import ExportersScreen  # loads NumPy with the engine's parts

        self.app.push_screen(ExportersScreen(self.source, self.feed, self.curtain, self.display_options.ascii_only))

    async def action_trouble(self) -> None:
        """The screen that says more about what the line at the bottom warns of."""
        await self.run_action(worst_door(indicators(self.health)) if self.health is not None else "exporters")

    def action_store(self) -> None:
        """What is kept, and what becomes of it."""
        from nftui.screens.store import StoreScreen

        self.app.push_screen(StoreScreen(self.source, self.feed, self.display_options.ascii_only))

    def action_probe(self) -> None:
        """What the probe in this process counts."""
        if self.source.probe is None:
            self.notify("No probe runs here: `nftui --probe IFACE` starts one.", markup=False)
            return
        from nftui.screens.probe import ProbeScreen  # loads NumPy with the probe's parts

        self.app.push_screen(ProbeScreen(self.source.probe, self.feed, self.display_options.ascii_only))
