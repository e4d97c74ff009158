"""Actions of the live screen: the pane about one flow, and all that is known around it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on

from nftui.errors import ConfigError, NftuiError
from nftui.screens.asking import AskingBoard
from nftui.screens.inquiry import Inquiry
from nftui.widgets.flow_detail import DetailSection, FlowDetail

if TYPE_CHECKING:
    from nftui.engine.batch import FlowBatch
    from nftui.engine.geography import Geography, Whereabouts
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.engine.reverse_dns import Resolver, ReverseNames
    from nftui.screens.flow_facts import Flow, Surroundings


class Detailing(AskingBoard):
    """One flow: what is asked when it is opened, and what comes later."""

    _flow: Flow | None = None
    _around: Surroundings | None = None
    _resolving = False
    _names: ReverseNames | None = None
    _geography: Geography | None = None
    _relatives: Inquiry | None = None

    async def open_flow(self, key: int) -> None:
        """Show the flow of a row, then ask for what lies around it."""
        found = await self.flow_of(key)
        if found is None:
            self.notify("This flow has left the live window.", markup=False)
            return
        self._show_flow(*found)

    def _show_flow(self, batch: FlowBatch, row: int) -> None:
        from nftui.screens.field_text import flow_title
        from nftui.screens.flow_facts import Flow, Surroundings

        flow = self._flow = Flow(batch, row)
        self._around = Surroundings(
            name=self._host_name, place=self._whereabouts, resolving=self._resolving,
            now_ms=self.health.now_ms if self.health is not None else 0,
        )  # fmt: skip
        self.set_class(True, "-detail")
        self.detail.show(self.curtain.text(flow_title(batch, row)), self._flow_sections())
        self.show_lines()
        self.run_worker(self._look_around(flow), group="around", exclusive=True)

    def _flow_sections(self) -> list[DetailSection]:
        from nftui.screens.field_text import detail_lines
        from nftui.screens.flow_facts import sections

        assert self._flow is not None
        assert self._around is not None
        found = sections(self._flow, detail_lines(self._flow.batch, self._flow.row), self._around)
        return [replace(section, lines=tuple(self.curtain.details(section.lines))) for section in found]

    def _update_flow(self) -> None:
        if self._flow is not None and self.detail.has_class("-open"):
            self.detail.update(self._flow_sections())

    # Around the flow

    async def _look_around(self, flow: Flow) -> None:
        from nftui.engine.limits import DEFAULT
        from nftui.screens.flow_relatives import Relatives, relatives_of, requests

        address, domain = flow.address("sampler_address"), flow.number("observation_domain_id")
        exporters = await self.feed.run(self.source.exporters)
        if self._flow is not flow or self._around is None:
            return
        same = [one for one in exporters if one.address == address]  # type: ignore[attr-defined]
        fitting = [one for one in same if any(number == domain for _, number in one.domains)]
        self._around.exporter = next(iter(fitting or same), None)
        self._update_flow()
        try:
            asked = requests(flow, self.request(), DEFAULT.related_flows, self.read_filter)
            talk, near = [await self._ask_flows(request) if request is not None else None for request in asked]
            found = relatives_of(flow, talk, near)
        except NftuiError as error:
            found = Relatives(about=str(error))
        if self._flow is flow and self._around is not None and self.is_attached:
            self._around.relatives = found
            self._update_flow()

    async def _ask_flows(self, request: LiveRequest) -> LiveSnapshot:
        """Flows of the live window, or of the past: by a reader of its own, for the table's keeps the table's rows."""
        if request.within is None:
            return await self.feed.run(lambda: self.source.snapshot(request))  # type: ignore[return-value]
        if self._relatives is None:
            self._relatives = Inquiry(self, self.source.past, self.show_state)
        return await self._relatives.run(lambda past: past.snapshot(request))

    @on(FlowDetail.Opened)
    def _relative_opened(self, event: FlowDetail.Opened) -> None:
        self.run_worker(self._open_relative(event.key), exclusive=True, group="detail")

    async def _open_relative(self, key: int) -> None:
        if self.trail.place.within is None or self._relatives is None:
            await self.open_flow(key)
            return
        found = await self._relatives.run(lambda past: past.flow(key))
        if found is None:
            self.notify("This flow is not there any more.", markup=False)
        else:
            self._show_flow(*found)

    # Names

    def _host_name(self, address: str) -> str | None:
        return self._names.name(address) if self._names is not None else ""

    def _whereabouts(self, address: str) -> Whereabouts:
        from nftui.engine.geography import Geography, Whereabouts

        if self._geography is None:
            self._geography = Geography(*getattr(self.app.options, "geo", ("", "")))  # type: ignore[attr-defined]
        try:
            return self._geography.of(address)
        except ConfigError as error:
            self.notify(str(error), severity="warning", markup=False)
            self._geography = Geography(folders=())
            return Whereabouts()

    def action_resolve(self) -> None:
        """Ask the resolver for the names of a flow's addresses, or no longer."""
        from nftui.engine.reverse_dns import ReverseNames

        self._resolving = not self._resolving
        if self._resolving and self._names is None:
            self._names = ReverseNames(self._name_found, resolver=self.resolver())
        self.notify(
            "The system's resolver is asked for the addresses of a flow that you read; name servers see which."
            if self._resolving else "The resolver is not asked any more.", markup=False,
        )  # fmt: skip
        if self._around is not None:
            self._around.resolving = self._resolving
            self._update_flow()

    def resolver(self) -> Resolver:
        """What is asked for names."""
        from nftui.engine.reverse_dns import system_name

        return system_name

    def _name_found(self, address: str) -> None:
        del address
        with suppress(RuntimeError):  # the application has ended
            self.app.call_from_thread(self._update_flow)

    def action_detail_section(self, place: int) -> None:
        """Read a section of the pane."""
        self.detail.choose(place)

    def on_unmount(self) -> None:
        """Ask nobody any more."""
        if self._names is not None:
            self._names.stop()
        if self._relatives is not None:
            self._relatives.stop()
