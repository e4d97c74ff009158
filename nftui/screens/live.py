"""The live screen: who talks, and every way down from there to a single flow."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import BindingType

from nftui.screens.action_table import bindings
from nftui.screens.comparing import Comparing
from nftui.screens.copying import Copying
from nftui.screens.displaying import Displaying
from nftui.screens.drilling import Drilling
from nftui.screens.exporting import Exporting
from nftui.screens.faceting import Faceting
from nftui.screens.filtering import Filtering
from nftui.screens.finding import Finding
from nftui.screens.ordering import Ordering
from nftui.screens.tables import Tables
from nftui.screens.visiting import Visiting
from nftui.screens.watching import Watching
from nftui.widgets.facets import FacetPane
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.ribbon import Ribbon


class LiveScreen(
    Tables,
    Faceting,
    Ordering,
    Drilling,
    Filtering,
    Finding,
    Copying,
    Exporting,
    Displaying,
    Watching,
    Comparing,
    Visiting,
):
    """Tables of one source; each base class has one group of the actions in `nftui.screens.actions`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("live")

    @property
    def help_scope(self) -> str:
        """Scope of the part that has the keys, see `nftui.screens.action_table.SCREENS`."""
        if self.has_class("-facets") and self.query_one(FacetPane).has_focus:
            return "facets"
        state = self.state_name
        return state if state in {"timeline", "health", "detail"} else "live"

    @on(FlowTable.Moved, "#table")
    def _cursor_moved(self) -> None:
        self.show_hints()

    @on(Ribbon.Pressed)
    async def _pressed(self, event: Ribbon.Pressed) -> None:
        await self.run_action(event.action)
