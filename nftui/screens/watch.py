"""The watch screen: what was found in the flows, what shows it, and where the user's rules stand."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from nftui.screens.action_table import action_table, bindings
from nftui.screens.curtain import Curtain
from nftui.screens.feed import Feed
from nftui.screens.source import Source
from nftui.screens.status import footer
from nftui.screens.working import WorkingScreen
from nftui.text import clean, counted, measured
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.ribbon import Item, Ribbon
from nftui.widgets.table_layout import Column, TableData, count_cell, plain_cell

if TYPE_CHECKING:
    from nftui.engine.watch.finding import Finding, RuleState, WatchState

_REFRESH_SECONDS = 1.0


COLUMNS: tuple[Column, ...] = (
    Column("seen", "Seen", 8, plain_cell, role="dim", sortable=False),
    Column("kind", "Kind", 9, plain_cell, role="key", sortable=False),
    Column("summary", "What", 30, plain_cell, grow=100, sortable=False),
    Column("since", "Since", 8, plain_cell, role="dim", rank=3, sortable=False),
    Column("flows", "Flows", 6, count_cell, "right", rank=1, sortable=False),
    Column("packets", "Packets", 7, count_cell, "right", rank=4, sortable=False),
    Column("bytes", "Bytes", 6, count_cell, "right", rank=2, sortable=False),
)


class WatchScreen(WorkingScreen["Finding | None"]):
    """One line per finding, below it what shows the one under the cursor. Ends with the finding to look into."""

    DEFAULT_CSS = """
    WatchScreen { background: $background; }
    WatchScreen FlowTable { height: 1fr; }
    WatchScreen VerticalScroll { height: 45%; background: $surface; padding: 0 1; scrollbar-size-vertical: 1; }
    WatchScreen Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("watch")
    SCOPE = "watch"
    AUTO_FOCUS = "FlowTable"

    def __init__(self, source: Source, feed: Feed, curtain: Curtain) -> None:
        super().__init__()
        self._source = source
        self._feed = feed
        self._curtain = curtain
        self._state: WatchState | None = None

    def compose(self) -> ComposeResult:
        """Title, table, details, keys."""
        yield Ribbon(id="title")
        yield FlowTable(COLUMNS)
        with VerticalScroll(can_focus=False):
            yield Static(markup=False)
        yield Ribbon(id="keys")

    def on_mount(self) -> None:
        """Ask now and then every second."""
        self.query_one("#keys", Ribbon).show(*footer(action_table(self.app).hints("watch")))
        self.run_worker(self._refresh())
        self._feed.every(_REFRESH_SECONDS, self, lambda: self.run_worker(self._refresh(), exclusive=True))

    async def _refresh(self) -> None:
        found = await self._feed.run(self._source.watch)
        if self.is_attached:
            self._state = found  # type: ignore[assignment]  # what `watch` returns
            self._show()

    def _show(self) -> None:
        state = self._state
        assert state is not None
        rows = [_row(finding) for finding in state.findings]
        values = {column.name: [row[column.name] for row in rows] for column in COLUMNS}
        values["summary"] = [self._curtain.text(str(text)) for text in values["summary"]]
        keys = [hash(finding.identity) for finding in state.findings]
        self.query_one(FlowTable).set_data(TableData(keys, values))
        broken = sum(rule.broken for rule in state.rules)
        title = [Item("Watch", "strong"), Item(counted(len(rows), "finding"), "warn" if rows else "plain")]
        if state.rules:
            title.append(Item(f"{broken} of {len(state.rules)} rules broken", "bad" if broken else "dim", 2))
        if state.listed:
            title.append(Item(f"{state.listed:,} addresses looked for", "dim", 3))
        self.query_one("#title", Ribbon).show(title, [Item("Esc back", "dim", 1)])
        self._explain()

    @on(FlowTable.Moved)
    def _explain(self) -> None:
        finding = self.finding
        lines = details(finding) if finding is not None else ["Nothing was found yet."]
        if self._state is not None:
            lines += ["", *standing(self._state)]
        self.query_one(Static).update(Text(self._curtain.text("\n".join(clean(line, 2000) for line in lines))))

    @property
    def finding(self) -> Finding | None:
        """The finding under the cursor."""
        found = self._state.findings if self._state is not None else ()
        row = self.query_one(FlowTable).cursor_row
        return found[row] if row < len(found) else None

    @on(Ribbon.Pressed)
    async def _pressed(self, event: Ribbon.Pressed) -> None:
        await self.run_action(event.action)

    @on(FlowTable.Opened)
    def _opened(self) -> None:
        if self.finding is not None:
            self.dismiss(self.finding)

    def action_mute(self) -> None:
        """Tell of this one no more."""
        finding = self.finding
        if finding is not None:
            self.run_worker(self._mute(finding))

    async def _mute(self, finding: Finding) -> None:
        kept = await self._feed.run(lambda: self._source.mute(finding.identity))
        until = "for 90 days, over restarts too" if kept else "until the program ends"
        self.notify(f"Quiet {until}; for good: quiet = [{finding.filter!r}] in [watch].", markup=False)
        await self._refresh()

    def action_tell_all(self) -> None:
        """Tell again of all that was made quiet here."""
        self.run_worker(self._tell_all())

    async def _tell_all(self) -> None:
        count = await self._feed.run(self._source.tell_all)
        assert isinstance(count, int)
        again = f"{counted(count, 'finding')} will be told again."
        self.notify(again if count else "No finding was made quiet here.", markup=False)
        await self._refresh()

    def action_close(self) -> None:
        """Back to the tables."""
        self.dismiss(None)


def _row(finding: Finding) -> dict[str, object]:
    return {
        "seen": _time(finding.last_ms), "kind": finding.kind, "summary": finding.summary,
        "since": _time(finding.first_ms), "flows": finding.flows, "packets": finding.packets, "bytes": finding.bytes,
    }  # fmt: skip


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000):%H:%M:%S}"


def details(finding: Finding) -> list[str]:
    """A finding in lines of text."""
    width = max([len(name) for name, _ in finding.evidence] + [6])
    span = f"{datetime.fromtimestamp(finding.first_ms // 1000):%Y-%m-%d %H:%M:%S} to {_time(finding.last_ms)}"
    rows = [("time", span), *finding.evidence, ("filter", finding.filter or "any")]
    return [
        f"{finding.summary} ({finding.kind}, {finding.rule})",
        *(f"  {name:<{width}}  {value}" for name, value in rows),
    ]


def standing(state: WatchState) -> list[str]:
    """Where rules and lists stand, in lines of text."""
    lines = [_rule(rule) for rule in state.rules]
    if state.learning_ms:
        lines.append(f"New services are learnt until {_time(state.learning_ms)}, and told from then on.")
    if not state.rules and not state.listed:
        lines.append(
            'Rules ([rules] NAME = "FILTER over 50 Mbit/s") and address lists ([watch] lists) are told here too.'
        )
    return lines + list(state.problems)


def _rule(rule: RuleState) -> str:
    limit = "learning what is usual" if rule.limit is None else f"limit {measured(rule.limit, rule.unit)}"
    mark = "BROKEN" if rule.broken else "ok"
    return f"{mark:<6}  {rule.name}: {measured(rule.now, rule.unit)}, {limit}   {rule.text}"
