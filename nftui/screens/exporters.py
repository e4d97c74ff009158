"""The exporters screen: who sends, with which templates and sampling, what was lost, and who was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from nftui.engine.counters import total
from nftui.errors import NftuiError
from nftui.screens.action_table import action_table, bindings
from nftui.screens.curtain import Curtain
from nftui.screens.exporter import ExporterScreen, examine
from nftui.screens.exporter_sections import advice_lines, overview
from nftui.screens.exporter_words import ago, version
from nftui.screens.feed import Feed
from nftui.screens.source import Source
from nftui.screens.status import footer
from nftui.screens.working import WorkingScreen
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.pager import Line, Pager, plain
from nftui.widgets.question import Question
from nftui.widgets.ribbon import Item, Ribbon
from nftui.widgets.table_layout import Column, TableData, count_cell, plain_cell

if TYPE_CHECKING:
    from nftui.engine.advice import Case
    from nftui.engine.decode.status import ExporterStatus
    from nftui.engine.ingest.allow import Refused

_REFRESH_SECONDS = 1.0


COLUMNS: tuple[Column, ...] = (
    Column("address", "Exporter", 15, plain_cell, grow=24, role="key", sortable=False),
    Column("state", "State", 8, plain_cell, sortable=False),
    Column("versions", "Version", 8, plain_cell, role="dim", rank=1, sortable=False),
    Column("templates", "Tmpl", 5, count_cell, "right", rank=4, sortable=False),
    Column("waiting", "Wait", 5, count_cell, "right", rank=6, sortable=False),
    Column("sampling", "Sampling", 9, plain_cell, "right", grow=12, rank=5, sortable=False),
    Column("datagrams", "Datagrams", 9, count_cell, "right", rank=3, sortable=False),
    Column("flows", "Flows", 6, count_cell, "right", sortable=False),
    Column("lost", "Lost", 6, count_cell, "right", sortable=False),
    Column("rejected", "Rejected", 8, count_cell, "right", rank=7, sortable=False),
    Column("skew", "Clock", 8, plain_cell, "right", rank=8, sortable=False),
    Column("seen", "Seen", 8, plain_cell, "right", rank=2, sortable=False),
)


class ExportersScreen(WorkingScreen[None]):
    """One line per exporter and per refused sender, and below what should be known of the one under the cursor.

    Args:
        source: who is asked.
        feed: runs questions beside the event loop.
        curtain: replaces addresses while it is drawn.
        ascii_only: no characters beyond ASCII in charts.
    """

    DEFAULT_CSS = """
    ExportersScreen { background: $background; }
    ExportersScreen FlowTable { height: 1fr; }
    ExportersScreen Pager { height: 50%; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("exporters")
    SCOPE = "exporters"
    AUTO_FOCUS = "FlowTable"

    def __init__(self, source: Source, feed: Feed, curtain: Curtain | None = None, ascii_only: bool = False) -> None:
        super().__init__()
        self._curtain = curtain or Curtain()
        self._source = source
        self._feed = feed
        self._ascii_only = ascii_only
        self._exporters: Sequence[ExporterStatus] = ()
        self._refused: Sequence[Refused] = ()
        self._case: Case | None = None

    def compose(self) -> ComposeResult:
        """Title, table, what to know, keys."""
        yield Ribbon(id="title")
        yield FlowTable(COLUMNS)
        pager = Pager()
        pager.can_focus = False
        yield pager
        yield Ribbon(id="keys")

    def on_mount(self) -> None:
        """Ask now and then every second."""
        self.query_one("#keys", Ribbon).show(*footer(action_table(self.app).hints("exporters")))
        self._ask_again()
        self._feed.every(_REFRESH_SECONDS, self, self._ask_again)

    def _ask_again(self) -> None:
        self.run_worker(self._refresh(), group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        chosen = self._chosen()

        def ask() -> tuple[int, Sequence[ExporterStatus], Sequence[Refused], Case | None]:
            exporters = self._source.exporters()
            wanted = chosen or next(((one.address, one.port) for one in exporters), None)
            case = examine(self._source, *wanted) if wanted is not None else None
            return self._source.health().now_ms, exporters, self._source.refused(), case

        found = await self._feed.run(ask)
        if not isinstance(found, tuple) or not self.is_attached:
            return
        now_ms, self._exporters, self._refused, self._case = found
        self._show(now_ms)

    def _chosen(self) -> tuple[str, int] | None:
        row = self.query_one(FlowTable).cursor_row
        return (self._exporters[row].address, self._exporters[row].port) if row < len(self._exporters) else None

    def _refused_one(self) -> Refused | None:
        row = self.query_one(FlowTable).cursor_row - len(self._exporters)
        return self._refused[row] if 0 <= row < len(self._refused) else None

    def _show(self, now_ms: int) -> None:
        rows = [_row(exporter, now_ms) for exporter in self._exporters]
        rows += [_refused_row(sender, now_ms) for sender in self._refused]
        keys = [hash(("refused", row["address"]) if row["state"] == "refused" else row["key"]) for row in rows]
        values = {column.name: [row[column.name] for row in rows] for column in COLUMNS}
        values["address"] = [self._curtain.text(str(address)) for address in values["address"]]
        self.query_one(FlowTable).set_data(TableData(keys, values))
        silent = sum(row["state"] == "silent" for row in rows)
        title = [Item("Exporters", "strong"), Item(f"{len(self._exporters) - silent} sending", "plain")]
        if silent:
            title.append(Item(f"{silent} silent", "warn"))
        if self._refused:
            title.append(Item(f"{len(self._refused)} refused", "warn"))
        self.query_one("#title", Ribbon).show(title, [Item("Enter: all about one", "dim", 1)])
        self._explain()

    def _explain(self) -> None:
        lines: list[Line] = [plain("Nobody has sent anything yet.", "dim")]
        sender, chosen = self._refused_one(), self._chosen()
        if sender is not None:
            from nftui.engine.advice import advise_refused

            lines = [*advice_lines([advise_refused(sender)]), plain("   Press a to accept it from now on.")]
        elif chosen is not None and self._case is not None:
            exporter = self._case.exporter
            lines = overview(self._case) if (exporter.address, exporter.port) == chosen else []
        if self._curtain.drawn:
            lines = [
                replace(line, spans=tuple((self._curtain.text(text), role) for text, role in line.spans))
                for line in lines
            ]
        self.query_one(Pager).show(lines)

    @on(FlowTable.Moved)
    def _moved(self) -> None:
        self.query_one(Pager).show((), from_top=True)
        self._explain()
        self._ask_again()

    @on(FlowTable.Opened)
    def _opened(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.app.push_screen(ExporterScreen(self._source, self._feed, self._curtain, *chosen, self._ascii_only))

    def action_allow(self) -> None:
        """Accept the refused sender under the cursor."""
        sender = self._refused_one()
        if sender is not None:
            self.run_worker(self._decide(sender.address, allow=True))

    def action_refuse(self) -> None:
        """Refuse the exporter under the cursor from now on, after a question."""
        chosen = self._chosen()
        if chosen is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._decide(chosen[0], allow=False))

        self.app.push_screen(Question(f"Refuse {self._curtain.text(chosen[0])} from now on?"), answered)

    async def _decide(self, address: str, allow: bool) -> None:
        collector = self._source.collector
        if collector is None:
            self.notify("Nobody sends to a recording.", markup=False)
            return
        try:
            await self._feed.run(lambda: (collector.allow if allow else collector.refuse)(address))
        except NftuiError as error:
            self.notify(str(error), severity="warning", markup=False)
        else:
            may = "may send from now on" if allow else "may not send any more"
            self.notify(f"{self._curtain.text(address)} {may}.", markup=False)
        await self._refresh()

    @on(Ribbon.Pressed)
    async def _pressed(self, event: Ribbon.Pressed) -> None:
        await self.run_action(event.action)


def _row(exporter: ExporterStatus, now_ms: int) -> dict[str, object]:
    counts = exporter.counts
    rates = sorted({rate.rate for rate in exporter.sampling})
    silent = now_ms - exporter.last_seen_ms > 60_000
    return {
        "key": (exporter.address, exporter.port),
        "address": f"{exporter.address} {exporter.ident}".rstrip(),
        "state": "waiting" if exporter.waiting_sets else "silent" if silent else "ok",
        "versions": " ".join(map(version, exporter.versions)),
        "templates": len(exporter.templates),
        "waiting": exporter.waiting_sets,
        "sampling": " ".join(f"1:{rate}" for rate in rates) or "-",
        "datagrams": counts.get("datagrams.received", 0),
        "flows": counts.get("flows.in", 0),
        "lost": counts.get("sequence.lost", 0),
        "rejected": total(counts, "datagrams.rejected") + total(counts, "records.skipped"),
        "skew": f"{exporter.clock_skew_ms / 1000:+.1f}s",
        "seen": ago(now_ms - exporter.last_seen_ms),
    }


def _refused_row(sender: Refused, now_ms: int) -> dict[str, object]:
    row: dict[str, object] = {column.name: 0 for column in COLUMNS}
    return row | {
        "address": sender.address, "state": "refused", "versions": "-", "sampling": "-", "skew": "-",
        "datagrams": sender.datagrams, "seen": ago(now_ms - sender.last_seen_ms),
    }  # fmt: skip
