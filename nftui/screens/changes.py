"""The screen of changes: two ranges of time side by side, what is new, gone, grown and shrunk, and by how much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from nftui.engine.history.values import TimeRange
from nftui.errors import UsageError
from nftui.screens.action_table import action_table, bindings
from nftui.screens.actions import VIEW_TITLES
from nftui.screens.change_file import ChangeFile
from nftui.screens.change_ranges import AGAINST, other_range
from nftui.screens.change_rows import change_columns, change_data, gaps, sums, tallies
from nftui.screens.columns import Display
from nftui.screens.copying import send
from nftui.screens.drill import row_filter, row_name
from nftui.screens.dump_command import dump_command
from nftui.screens.inquiry import Inquiry
from nftui.screens.navigation import Place
from nftui.screens.status import footer
from nftui.screens.time_words import EXAMPLES, asked, length, written
from nftui.screens.views import CONVERSATIONS, view_title
from nftui.screens.working import WorkingScreen
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.ribbon import Item, Ribbon
from nftui.widgets.time_dialogs import TimePrompt

if TYPE_CHECKING:
    from nftui.engine.history.changes import Changes
    from nftui.engine.query.filters import Filter
    from nftui.screens.curtain import Curtain

_ROWS = 1000
_SUBJECT = "changes"
_TICK_SECONDS = 0.2
_GROUPS = {"flows": "host", CONVERSATIONS: "flow"}
"""What stands for views that do not group flows by something that both ranges have."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared.

    Attributes:
        view: how flows are grouped, as in `LiveRequest.view`.
        filter: only flows that match; None for all.
        within: the range now.
        bounds: what is stored.
        now_ms: the time of the source, which typed times refer to.
        paths: what the flows are stored in.
        scaled: counters times the sampling rate.
    """

    view: str
    filter: Filter | None
    within: TimeRange
    bounds: TimeRange
    now_ms: int
    paths: tuple[str, ...] = ()
    scaled: bool = True


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A row that the user wants to see: its flows, in the range where it has some.

    Attributes:
        term: filter of the row.
        name: the row in a word.
        within: when.
    """

    term: str
    name: str
    within: TimeRange


class ChangesScreen(WorkingScreen["Narrowing | None"]):
    """Groups in order of what they contribute to the change. Ends with the row to look into."""

    DEFAULT_CSS = """
    ChangesScreen { background: $background; }
    ChangesScreen FlowTable { height: 1fr; }
    ChangesScreen #doubt { background: $surface; display: none; }
    ChangesScreen #keys { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("changes")
    SCOPE = "changes"
    AUTO_FOCUS = "FlowTable"

    def __init__(self, comparison: Comparison, past: Inquiry, display: Display, curtain: Curtain) -> None:
        super().__init__()
        self.comparison = comparison
        self.view = _GROUPS.get(comparison.view, comparison.view)
        tabs = [view for view in VIEW_TITLES if view not in _GROUPS]
        self.views = tabs if self.view in tabs else [self.view, *tabs]
        self.against = "previous"
        self.before = other_range(comparison.within, "previous")
        self.measure = "rate"
        self.changes: Changes | None = None
        self.problem = ""
        self._past = past
        self._display = display
        self._curtain = curtain
        self._file = ChangeFile(self, past, curtain.text, self._show_title)

    def compose(self) -> ComposeResult:
        """Title, both ranges, kinds, doubts, table, keys."""
        yield Ribbon(id="title")
        yield Ribbon(id="now")
        yield Ribbon(id="then")
        yield Ribbon(id="kinds")
        yield Ribbon(id="doubt")
        yield FlowTable()
        yield Ribbon(id="keys")

    def on_mount(self) -> None:
        """Ask at once."""
        self.query_one("#keys", Ribbon).show(*footer(action_table(self.app).hints("changes")))
        self.query_one(FlowTable).ascii_only = self._display.ascii_only
        self.set_interval(_TICK_SECONDS, self._show_title)
        self._ask()

    def on_unmount(self) -> None:
        """The answer is not wanted any more."""
        self._past.drop(_SUBJECT)
        self._file.close()

    @on(Ribbon.Pressed)
    async def _pressed(self, event: Ribbon.Pressed) -> None:
        await self.run_action(event.action)

    # Question and answer

    def _ask(self) -> None:
        from nftui.engine.live.snapshot import LiveRequest

        what = self.comparison
        request = LiveRequest(
            self.view, what.filter, self.measure, limit=_ROWS, scaled=what.scaled, within=what.within
        )  # fmt: skip
        before = self.before
        self.problem = ""
        self._past.ask(_SUBJECT, lambda past: past.changes(request, before), self._receive, self._failed, first=True)
        self._show_title()

    def _receive(self, changes: Changes) -> None:
        if not self.is_attached:
            return
        table = self.query_one(FlowTable)
        before, self.changes = self.changes, changes
        if before is None or (before.columns, before.measure) != (changes.columns, changes.measure):
            table.set_columns(change_columns(changes, self._display))
        table.set_data(change_data(changes))
        self._show_title()

    def _failed(self, reason: str) -> None:
        self.problem = reason or "given up"
        if self.is_attached:
            self._show_title()

    def _is_answer(self) -> bool:
        found = self.changes
        return found is not None and (found.request.view, found.request.within, found.before, found.measure) == (
            self.view, self.comparison.within, self.before, self.measure,
        )  # fmt: skip

    # What is shown

    def _show_title(self) -> None:
        what = self.comparison
        title = [Item("What changed", "strong"), Item(view_title(self.view), "accent")]
        if what.filter is not None:
            title.append(Item(self._curtain.text(what.filter.text), "plain", 3))
        state = [Item("Esc back", "dim", 4)]
        if not self._is_answer() and not self.problem:
            progress = self._past.progress
            state = [Item(f" comparing{f' {progress:.0f} %' if progress is not None else ''} ", "alert")]
        if self._file.writing is not None:
            state = self._file.writing.items(self._file.progress, self._display.ascii_only)
        self.query_one("#title", Ribbon).show(title, state)
        found = self.changes if self._is_answer() else None
        now, then = sums(found, self._display) if found else ([], [])
        for part, name, within, words, amount in (
            ("#now", "now   ", what.within, length(what.within.length_ms), now),
            ("#then", "before", self.before, AGAINST[self.against], then),
        ):
            self.query_one(part, Ribbon).show(
                [Item(name, "dim"), Item(written(within, what.now_ms), "strong"), Item(words, "dim", 2)], amount
            )
        doubts = (self._past.unread, gaps(found)) if found else ()
        doubt = self.problem or "; ".join(words for words in doubts if words)
        self.query_one("#kinds", Ribbon).show(tallies(found, self._display) if found else [])
        line = self.query_one("#doubt", Ribbon)
        line.display = bool(doubt)
        line.show([Item(self._curtain.text(doubt), "bad" if self.problem else "warn")])

    # Actions

    def action_next_view(self, step: int) -> None:
        """Group by something else."""
        self.view = self.views[(self.views.index(self.view) + step) % len(self.views)]
        self.query_one(FlowTable).reset_cursor()
        self._ask()

    def action_measure(self) -> None:
        """Compare bits, packets or flows."""
        from nftui.engine.history.changes import MEASURES

        names = list(MEASURES)
        self.measure = names[(names.index(self.measure) + 1) % len(names)]
        self._ask()

    def action_against(self, against: str) -> None:
        """Compare with another range."""
        self.against = against
        self.before = other_range(self.comparison.within, against)
        self._ask()

    def action_type(self) -> None:
        """Type the range to compare with."""

        def chosen(text: str | None) -> None:
            if text:
                self.against = "typed"
                self.before = self._typed(text)
                self._ask()

        self.app.push_screen(TimePrompt(_checked(self._typed), EXAMPLES), chosen)

    def _typed(self, text: str) -> TimeRange:
        """What was typed; a moment stands for a range as long as the one now. Raises UsageError."""
        what = self.comparison
        found = asked(text, what.now_ms, what.bounds, what.within.length_ms)
        if found is None:
            raise UsageError("now is what it is compared with: type another time")
        return found

    def action_copy_commands(self) -> None:
        """The `nftui dump` command lines for both ranges."""
        if self._curtain.drawn:
            self.notify("The commands would name real addresses: press a in the tables first.", markup=False)
            return
        what = self.comparison
        text = what.filter.text if what.filter is not None else ""
        lines = [
            dump_command(Place(self.view, text, within=within), what.paths, self.measure, 0, what.scaled, 0.0)
            for within in (what.within, self.before)
        ]
        about = "now, and before; dump counts flows whole that reach beyond a range"
        send(self.app, "\n".join(lines), f"Command lines ({about})")

    def action_export(self) -> None:
        """All groups as a file, not only those that are shown."""
        if self.changes is not None and self._is_answer():
            self._file.ask(self.changes)
        else:
            self.notify("There is nothing to write before the answer is there.", markup=False)

    def action_close(self) -> None:
        """Give up the question, stop writing, or leave."""
        if self._past.slow and not self._is_answer() and not self.problem:
            self._past.drop(_SUBJECT)
            self._failed("")
        elif not self._file.give_up():
            self.dismiss(None)

    @on(FlowTable.Opened)
    def _opened(self, event: FlowTable.Opened) -> None:
        if not self._is_answer():
            return  # the rows are those of another question
        table = self.query_one(FlowTable)
        row = table.row_of(event.key)
        term = row_filter(self.view, lambda column: table.value(column, row))
        if term is None:
            self.notify("There is nothing to filter by in this row.", markup=False)
            return
        gone = table.value("change", row) == "gone"
        name = row_name(self.view, lambda column: table.value(column, row))
        self.dismiss(Narrowing(term, name, self.before if gone else self.comparison.within))


def _checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """What is wrong with a text, as `TimePrompt` asks it."""

    def check(text: str) -> str:
        try:
            read(text)
        except UsageError as error:
            return str(error)
        return ""

    return check
