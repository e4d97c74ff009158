"""The flow under the cursor, found again when the table turns from the live window to the past or back.

Live flows are numbered as they come, stored ones by their content: the flow is looked for by what its row says of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nftui.errors import NftuiError
from nftui.screens.drill import cell_term, combine
from nftui.screens.timeline_board import TimelineBoard

if TYPE_CHECKING:
    from nftui.engine.history.values import TimeRange
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.screens.source import Past

_COLUMNS = ("proto", "src_addr", "src_port", "dst_addr", "dst_port", "in_if", "out_if", "sampler_address")


class Carrying(TimelineBoard):
    """A table whose cursor stays on its flow in another time."""

    _sought = ""

    def turn_to(self, within: TimeRange | None) -> None:
        """Show another time, None for the live window, with the cursor on the flow that it is on, if it is there."""
        shown, table = self.snapshot, self.table
        self._sought = ""
        if shown is not None and shown.request.view == "flows" and table.held:
            known = shown.request.within is not None
            if known != (within is not None):
                self._sought = flow_term(table.value)
        self.trail.change(within=within)
        if within is None and self._sought:
            self.past.drop("table")
            self.run_worker(self._find_live(), group="carry", exclusive=True)
        else:
            self.go_on()

    async def _find_live(self) -> None:
        try:
            narrow = self._narrowed(self.request())
            found = await self.answer(narrow) if narrow is not None else None
        except (NftuiError, RuntimeError):  # the source failed, which the next pull says, or the screen is closing
            found = None
        if self.trail.place.within is None and self.is_attached:
            if found is not None and len(found):
                self.table.hold(int(found.keys[0]))
            self.go_on()

    def table_question(self, request: LiveRequest) -> Callable[[Past], LiveSnapshot]:
        """What is asked of the past for the table: first for the flow that is looked for, if one is."""
        narrow = self._narrowed(request)

        def ask(past: Past) -> LiveSnapshot:
            found = past.snapshot(narrow) if narrow is not None else ()
            anchor = int(found.keys[0]) if found else request.anchor
            return past.snapshot(replace(request, anchor=anchor))

        return ask

    def _show_past(self, snapshot: LiveSnapshot) -> None:
        place = self.trail.place
        if self._sought and (snapshot.request.view, snapshot.request.within) == (place.view, place.within):
            self._sought = ""
            if snapshot.request.anchor is not None:
                self.table.hold(snapshot.request.anchor)
        super()._show_past(snapshot)

    def _narrowed(self, request: LiveRequest) -> LiveRequest | None:
        """The question for the flow that is looked for; None without one, or when it is not in the range."""
        if not self._sought or request.view != "flows":
            return None
        text = combine(self.trail.place.filter, self._sought)
        try:
            return replace(request, filter=self.read_filter(text), limit=1, offset=0, anchor=None, fields=())
        except NftuiError:  # longer than a filter may be
            return None


def flow_term(value_of: Callable[[str], object]) -> str:
    """Filter for the flow of a row of the flow list; empty where the row does not say when it came.

    Args:
        value_of: value of a column of the row.
    """
    received = value_of("time_received_ms")
    if received is None or not int(str(received)):
        return ""
    moment = datetime.fromtimestamp(int(str(received)) / 1000, UTC)
    terms = [f"received {moment:%Y-%m-%dT%H:%M:%S}.{int(str(received)) % 1000:03d}Z"]
    terms += [term for column in _COLUMNS if (term := cell_term(column, value_of(column)))]
    return " and ".join(terms)
