"""The page of one exporter: advice, templates, sampling, losses, clocks, interfaces, bad datagrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from nftui.errors import NftuiError
from nftui.screens import exporter_sections as sections
from nftui.screens.action_table import bindings
from nftui.screens.curtain import Curtain
from nftui.screens.exporter_losses import losses, rejected
from nftui.screens.exporter_templates import templates
from nftui.screens.exporter_words import ago, version
from nftui.screens.feed import Feed
from nftui.screens.paged import PagedScreen
from nftui.screens.source import Source
from nftui.widgets.pager import Line, plain
from nftui.widgets.question import Question
from nftui.widgets.ribbon import Item

if TYPE_CHECKING:
    from nftui.engine.advice import Case


class ExporterScreen(PagedScreen):
    """Sections about one exporter.

    Args:
        source: where it is asked about.
        feed: runs questions to the source.
        curtain: replaces addresses while it is drawn.
        address, port: which exporter.
        ascii_only: bars without characters beyond ASCII.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("exporter")
    SCOPE = "exporter"
    TABS = (
        ("advice", "advice"), ("templates", "tmpl"), ("sampling", "rates"), ("losses", "losses"), ("clocks", "clock"),
        ("interfaces", "if"), ("elements", "elem"), ("rejected", "bad"), ("counters", "counts"),
    )  # fmt: skip

    def __init__(
        self, source: Source, feed: Feed, curtain: Curtain, address: str, port: int, ascii_only: bool = False
    ) -> None:
        super().__init__(feed, ascii_only)
        self._source = source
        self._curtain = curtain
        self._address = address
        self._port = port
        self._case: Case | None = None

    def question(self) -> object:
        """The exporter and what the collector knows of it."""
        return examine(self._source, self._address, self._port)

    def take(self, answer: object) -> None:
        """Hold it; an exporter that was forgotten stays as it was seen last."""
        if answer is not None:
            self._case = answer  # type: ignore[assignment]  # of `question`

    def heading(self) -> tuple[Sequence[Item], Sequence[Item]]:
        """Who it is and when it last sent."""
        left = [Item(self._curtain.text(self._address), "strong")]
        if self._case is None:
            return left, [Item("asking", "dim")]
        exporter = self._case.exporter
        left += [Item(exporter.ident, "accent", 2)] if exporter.ident else []
        left.append(Item(" ".join(map(version, exporter.versions)), "plain", 1))
        return left, [Item(f"seen {ago(self._case.now_ms - exporter.last_seen_ms)}", "dim", 3)]

    def lines(self, section: int, width: int) -> list[Line]:
        """One section; addresses in it are hidden while the curtain is drawn."""
        case = self._case
        if case is None:
            return [plain("Nothing is known of it yet.", "dim")]
        exporter = case.exporter
        made: list[Line]
        match section:
            case 1:
                made = templates(exporter, case.now_ms, width)
            case 2:
                made = sections.sampling(exporter)
            case 3:
                made = losses(case.losses, width, self.ascii_only)
            case 4:
                made = sections.clocks(exporter)
            case 5:
                made = sections.interfaces(exporter)
            case 6:
                made = sections.elements(exporter)
            case 7:
                made = rejected(case.rejected, width, self._curtain.drawn)
            case 8:
                made = sections.counters(exporter)
            case _:
                made = sections.overview(case)
        return [self._hidden(line) for line in made] if self._curtain.drawn else made

    def _hidden(self, line: Line) -> Line:
        return replace(line, spans=tuple((self._curtain.text(text), role) for text, role in line.spans))

    def action_refuse(self) -> None:
        """Accept it no longer, after a question."""

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._refuse())

        self.app.push_screen(Question(f"Refuse {self._curtain.text(self._address)} from now on?"), answered)

    async def _refuse(self) -> None:
        collector = self._source.collector
        if collector is None:
            self.notify("Nobody sends to a recording.", markup=False)
            return
        try:
            await self.feed.run(lambda: collector.refuse(self._address))
        except NftuiError as error:
            self.notify(str(error), severity="warning", markup=False)
        else:
            self.notify(f"{self._curtain.text(self._address)} may not send any more.", markup=False)


def examine(source: Source, address: str, port: int) -> Case | None:
    """All that is known of an exporter; None when it was forgotten. In the worker thread."""
    from nftui.engine.advice import Case
    from nftui.engine.losses import Losses
    from nftui.engine.minutes import Minutes

    now_ms = source.health().now_ms
    found = [item for item in source.exporters() if (item.address, item.port) == (address, port)]
    if not found:
        return None
    collector = source.collector
    if collector is None:
        return Case(found[0], Losses(Minutes(), Minutes()), (), now_ms)
    return Case(found[0], collector.losses(address), collector.rejected(address), now_ms, collector.settings())
