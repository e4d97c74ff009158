"""Actions of the live screen: the busiest values of other dimensions, beside the table."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import events, on
from textual.timer import Timer

from nftui.errors import NftuiError
from nftui.screens import status
from nftui.screens.action_table import action_table
from nftui.screens.drill import row_filter
from nftui.screens.drilling import Drilling
from nftui.screens.ordering import Ordering
from nftui.text import compact
from nftui.widgets.facets import Facet, FacetPane, FacetRow
from nftui.widgets.ribbon import Ribbon

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot

DIMENSIONS: dict[str, str] = {
    "by:srcip": "Source", "by:dstip": "Destination", "by:dstport:p": "Destination port", "by:srcport:p": "Source port",
    "by:proto": "Protocol", "by:srcas": "Source AS", "by:dstas": "Destination AS", "by:router": "Exporter",
    "by:inif": "Input interface", "by:outif": "Output interface", "by:flags": "TCP flags", "by:tos": "Type of service",
    "by:vlan": "VLAN", "by:app": "Application",
}  # fmt: skip
"""Views that are asked, with the titles of their groups; those that no flow has a value of are left out."""

_BESIDE = 110
"""From this width on, the pane stands beside the table; on narrower screens it takes its place."""

_VALUES = 6
_SECONDS = 2.0
_PATIENCE = 10
"""A round of questions that took so long is asked again after that many times as long."""


class Faceting(Ordering, Drilling):
    """Each dimension is one more request through the same source, one at a time, behind the table's own."""

    _facets: dict[str, Facet]
    _facet_place: object = None
    _facet_timer: Timer | None = None
    _facet_busy = False
    _facet_after = 0.0

    def action_facets(self) -> None:
        """Show the pane, or close it."""
        if self.has_class("-facets"):
            self._close_facets()
            return
        if self.state_name == "waiting":
            self.notify("No flows yet, so there are no values.", markup=False)
            return
        if not self.query(FacetPane):
            self.query_one("#body").mount(FacetPane(id="facets"))
        self._facets = {}
        self._facet_place = None
        self.call_after_refresh(self._open_facets)

    @on(events.Resize)
    def _make_room(self) -> None:
        self.set_class(self.size.width >= _BESIDE, "-beside")

    def _open_facets(self) -> None:
        pane = self.query_one(FacetPane)
        self._make_room()
        pane.ascii_only = self.display_options.ascii_only
        self.close_detail()
        self.set_class(True, "-facets")
        pane.add_class("-open")
        pane.focus()
        if self._facet_timer is None:
            self._facet_timer = self.set_interval(0.25, self._facet_tick)
        self._facet_timer.resume()
        self._facet_tick()
        self.show_hints()

    def _close_facets(self) -> None:
        self.set_class(False, "-facets")
        self.query_one(FacetPane).remove_class("-open")
        if self._facet_timer is not None:
            self._facet_timer.pause()
        self.table.focus()
        self.show_hints()

    def show_hints(self) -> None:
        """Keys of the pane while it has them."""
        pane = self.query(FacetPane)
        if pane and pane.first().has_focus and self.has_class("-facets"):
            self.query_one("#hints", Ribbon).show(*status.footer(action_table(self.app).hints("facets")))
        else:
            super().show_hints()

    # Questions

    def _facet_tick(self) -> None:
        """Ask when the place is another one, and of what is live again and again."""
        request = replace(
            self.request(), sort="bytes", descending=True, limit=_VALUES, offset=0, anchor=None, fields=()
        )
        place = (request.filter, request.within, request.scaled)
        if place != self._facet_place:
            self._facet_place = place
            self._facets = {view: Facet(title, view, note="...") for view, title in self._dimensions().items()}
            self._show_facets()
        elif self._facet_busy or request.within is not None or self.paused or time.monotonic() < self._facet_after:
            return
        if not self._facet_busy:
            self.run_worker(self._ask_facets(request, place), group="facets")

    def _dimensions(self) -> dict[str, str]:
        return {view: title for view, title in DIMENSIONS.items() if view != self.trail.place.view}

    async def _ask_facets(self, request: LiveRequest, place: object) -> None:
        self._facet_busy = True
        began = time.monotonic()
        try:
            for view in self._dimensions():
                asked = replace(request, view=view)
                snapshot = await self.answer(asked)
                if place != self._facet_place or not self.has_class("-facets"):
                    return
                self._facets[view] = self._facet(snapshot)
                self._show_facets()
        except NftuiError as error:
            self._facets = {view: replace(facet, rows=(), note=str(error)) for view, facet in self._facets.items()}
            self._show_facets()
        except RuntimeError:
            return  # the pool is shut down: the screen is closing
        finally:
            self._facet_busy = False
            self._facet_after = time.monotonic() + max(_SECONDS, _PATIENCE * (time.monotonic() - began))

    def _facet(self, snapshot: LiveSnapshot) -> Facet:
        view = snapshot.request.view
        whole = max(1, snapshot.total.matched.bytes)
        name = snapshot.columns[0].name
        rows = []
        for row in range(len(snapshot)):

            def value_of(column: str, row: int = row) -> object:
                return snapshot.values[column][row]

            text = str(value_of(name))
            if len(snapshot.columns) > 1 and snapshot.columns[1].name == "proto":
                text = f"{text} {value_of('proto')}"
            octets = int(snapshot.values["bytes"][row])
            term = row_filter(view, value_of) or ""
            rows.append(FacetRow(self.curtain.text(text), compact(octets), octets / whole, term))
        nothing = snapshot.rows_total == 1 and str(snapshot.values[name][0]) == "-"
        return Facet(DIMENSIONS[view], view, [] if nothing else rows, 0 if nothing else snapshot.rows_total)

    def _show_facets(self) -> None:
        """Those that have values or are awaited."""
        self.query_one(FacetPane).show([facet for facet in self._facets.values() if facet.rows or facet.note])

    # Keys in the pane

    @on(FacetPane.Chosen)
    def _facet_chosen(self, event: FacetPane.Chosen) -> None:
        if event.row.term:
            self.narrow(self.trail.place.view, event.row.term, event.exclude, event.row.text)
            self._facet_tick()

    @on(FacetPane.Opened)
    def _facet_opened(self, event: FacetPane.Opened) -> None:
        self._close_facets()
        self.action_view(event.view)

    @on(FacetPane.Left)
    def _facets_left(self) -> None:
        self._close_facets()
