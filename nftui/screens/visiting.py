"""Actions of the live screen: the other screens."""

from __future__ import annotations

from nftui.screens.asking import AskingBoard
from nftui.screens.health_view import indicators, worst_door


class Visiting(AskingBoard):
    """Screens beside this one."""

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
