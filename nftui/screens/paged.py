"""A screen of several sections of text, one at a time, asked for anew every second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from nftui.screens.action_table import action_table, bindings
from nftui.screens.feed import Feed
from nftui.screens.status import footer
from nftui.screens.working import WorkingScreen
from nftui.widgets.pager import Line, Pager
from nftui.widgets.ribbon import Item, Ribbon

_REFRESH_SECONDS = 1.0
_NARROW = 110


class PagedScreen(WorkingScreen[None]):
    """Sections under a line of tabs, switched by Tab and by their numbers.

    Subclasses say what the sections are, ask the source in a worker thread, and turn what they hold into lines.

    Args:
        feed: runs questions beside the event loop.
        ascii_only: no characters beyond ASCII in bars.
    """

    DEFAULT_CSS = """
    PagedScreen { background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("sections")
    AUTO_FOCUS = "Pager"
    SCOPE = "sections"
    TABS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Names of the sections, for wide and for narrow terminals."""
    REFRESH_SECONDS: ClassVar[float] = _REFRESH_SECONDS

    def __init__(self, feed: Feed, ascii_only: bool = False) -> None:
        super().__init__()
        self.feed = feed
        self.ascii_only = ascii_only
        self.chosen = 0

    # What subclasses say

    def question(self) -> object:
        """What is asked, in the worker thread; the answer goes to `take`."""
        raise NotImplementedError

    def take(self, answer: object) -> None:
        """Hold an answer."""
        raise NotImplementedError

    def lines(self, section: int, width: int) -> Sequence[Line]:
        """The text of a section."""
        raise NotImplementedError

    def heading(self) -> tuple[Sequence[Item], Sequence[Item]]:
        """What stands left and right above the sections."""
        raise NotImplementedError

    # The rest

    def compose(self) -> ComposeResult:
        """Title, tabs, text, keys."""
        yield Ribbon(id="title")
        yield Ribbon(id="sections", gap=0)
        yield Pager()
        yield Ribbon(id="keys")

    @property
    def pager(self) -> Pager:
        """The text."""
        return self.query_one(Pager)

    def on_mount(self) -> None:
        """Ask now and again."""
        if self.ascii_only:
            self.pager.thumb = "#"
        self.show_keys()
        self.ask_again()
        self.feed.every(self.REFRESH_SECONDS, self, self.ask_again)

    def ask_again(self) -> None:
        """Ask for what is shown, unless an answer is awaited."""
        self.run_worker(self._refresh(), group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        answer = await self.feed.run(self.question)
        if self.is_attached:
            self.take(answer)
            self.draw()

    def draw(self, from_top: bool = False) -> None:
        """Show what is held."""
        left, right = self.heading()
        self.query_one("#title", Ribbon).show(left, right)
        self.query_one("#sections", Ribbon).show(self._tabs())
        self.pager.show(self.lines(self.chosen, max(20, self.size.width - 3)), from_top)

    def on_resize(self) -> None:
        """Lines that fit the width are made anew."""
        self.call_after_refresh(self.draw)

    def show_keys(self) -> None:
        """The footer, from the action table."""
        self.query_one("#keys", Ribbon).show(*footer(action_table(self.app).hints(self.SCOPE)))

    def _tabs(self) -> list[Item]:
        narrow = self.size.width < _NARROW
        items = []
        for place, (name, short) in enumerate(self.TABS):
            chosen = place == self.chosen
            text = f" {place + 1} {short if narrow else name} "
            items.append(Item(text, "active" if chosen else "dim", 0 if chosen else 1 + place, f"section({place})"))
        return items

    def action_section(self, place: int) -> None:
        """Show a section."""
        if place < len(self.TABS):
            self.chosen = place
            self.draw(from_top=True)

    def action_next_section(self, step: int) -> None:
        """Show the next section, or the one before."""
        self.action_section((self.chosen + step) % len(self.TABS))

    @on(Ribbon.Pressed)
    async def _pressed(self, event: Ribbon.Pressed) -> None:
        await self.run_action(event.action)
