"""Actions of the live screen: the other screens."""

from __future__ import annotations

from nftui.screens.asking import AskingBoard
from nftui.screens.exporters import ExportersScreen


class Visiting(AskingBoard):
    """Screens beside this one."""

    def action_exporters(self) -> None:
        """Who sends, and what was lost on the way."""
        self.app.push_screen(ExportersScreen(self.source, self.feed, self.curtain, self.display_options.ascii_only))

    def action_probe(self) -> None:
        """What the probe in this process counts."""
        if self.source.probe is None:
            self.notify("No probe runs here: `nftui --probe IFACE` starts one.", markup=False)
            return
        from nftui.screens.probe import ProbeScreen  # loads NumPy with the probe's parts

        self.app.push_screen(ProbeScreen(self.source.probe, self.feed, self.display_options.ascii_only))
