"""The store screen: what is kept, how it grows, what goes next, what is compacted, and whether all of it is sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from nftui.screens import store_sections as sections
from nftui.screens.action_table import bindings
from nftui.screens.feed import Feed
from nftui.screens.paged import PagedScreen
from nftui.screens.source import Source
from nftui.text import percent
from nftui.widgets.pager import Line, plain
from nftui.widgets.ribbon import Item

if TYPE_CHECKING:
    from nftui.engine.health import Health
    from nftui.engine.store.check import StoreCheck
    from nftui.engine.store.overview import StoreOverview

_CHECK = 4


class StoreScreen(PagedScreen):
    """Sections about the store, read-only: the same here and for a viewer of another process.

    Args:
        source: whose store.
        feed: runs questions beside the event loop.
        ascii_only: bars without characters beyond ASCII.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("store")
    SCOPE = "store"
    TABS = (
        ("store", "store"), ("days", "days"), ("expiry", "expiry"), ("compaction", "compact"), ("check", "check"),
        ("quarantine", "quarant"),
    )  # fmt: skip
    REFRESH_SECONDS = 3.0
    running: ClassVar[dict[str, StoreCheck]] = {}
    """Checks by store: one that runs goes on when the screen is left, and is seen again when it is opened."""

    def __init__(self, source: Source, feed: Feed, ascii_only: bool = False) -> None:
        super().__init__(feed, ascii_only)
        self._source = source
        self._health: Health | None = None
        self._found: StoreOverview | None = None
        self._settings: Mapping[str, str] = {}
        self._problem = ""

    def on_mount(self) -> None:
        """A running check is watched more often than a store changes."""
        self.feed.every(0.5, self, self._watch_check)

    @property
    def check(self) -> StoreCheck | None:
        """The check of this store, None when there was none."""
        return self.running.get(self._health.store_root) if self._health is not None else None

    def question(self) -> object:
        """The store as it lies on the disk."""
        return look(self._source)

    def take(self, answer: object) -> None:
        """Hold it."""
        assert isinstance(answer, tuple)
        self._health, self._settings, self._found, self._problem = answer

    def heading(self) -> tuple[Sequence[Item], Sequence[Item]]:
        """Where it is, and whether this process writes it."""
        left = [Item("Store", "strong")]
        if self._health is not None:
            left.append(Item(self._health.store_root, "plain", 1))
        checked = self.check.so_far if self.check is not None else None
        right = [Item("VIEWER", "chip", 1)] if self._source.label.startswith("VIEWER") else []
        if checked is not None and checked.state == "running":
            right.insert(0, Item(f"checking {percent(checked.share)}", "accent", 2))
        return left, right

    def lines(self, section: int, width: int) -> list[Line]:
        """One section."""
        if section == _CHECK:
            return sections.check(self.check.so_far if self.check is not None else None, width, self.ascii_only)
        if self._found is None or self._health is None:
            return [plain(self._problem or "Looking at the files.", "bad" if self._problem else "dim")]
        match section:
            case 1:
                return sections.days(self._found, width, self.ascii_only)
            case 2:
                return sections.expiry(self._found, self._settings)
            case 3:
                return sections.compaction(self._found, self._health, self._settings)
            case 5:
                return sections.quarantine(self._found)
            case _:
                return sections.summary(self._found, self._health, width, self.ascii_only)

    def action_check(self) -> None:
        """Check every byte, beside everything else."""
        from nftui.engine.store.check import StoreCheck

        if self._health is None or not self._health.store_root:
            return
        if self.check is None or self.check.so_far.state != "running":
            self.running[self._health.store_root] = check = StoreCheck(Path(self._health.store_root))
            check.start()
        self.action_section(_CHECK)

    def action_stop_check(self) -> None:
        """Stop the check after the file that is read now."""
        if self.check is not None:
            self.check.cancel()

    def _watch_check(self) -> None:
        if self.check is not None:
            self.draw()


def look(source: Source) -> tuple[Health, Mapping[str, str], StoreOverview | None, str]:
    """Health, settings, the store, and why it cannot be looked at. In the worker thread."""
    from nftui.engine.store.overview import overview, policy_of

    health = source.health()
    collector = source.collector
    settings = collector.settings() if collector is not None else {}
    if not health.store_root or collector is None:
        return health, settings, None, "There is no store here: a recording is only read."
    try:
        return health, settings, overview(Path(health.store_root), policy_of(settings), health.now_ms), ""
    except OSError as error:
        return health, settings, None, f"{health.store_root} cannot be read: {error.strerror or error}"
