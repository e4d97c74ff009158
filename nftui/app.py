"""The application: one source, its screens, colours, and a terminal that is left as it was found."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import rich
import textual
from rich.color import ColorSystem
from rich.segment import Segments
from textual import events, on
from textual.binding import BindingType
from textual.css.query import NoMatches

from nftui.errors import NftuiError
from nftui.screens.action_table import ActionTable, bindings
from nftui.screens.asking import AskingBoard
from nftui.screens.board import BoardOptions
from nftui.screens.commanding import Commanding
from nftui.screens.filter_reader import FilterReader
from nftui.screens.lifeline import Lifeline
from nftui.screens.live import LiveScreen
from nftui.screens.resuming import remember, resume
from nftui.screens.session import Session
from nftui.screens.source import Source
from nftui.themes import DEFAULT_THEME, PALETTE, THEMES
from nftui.widgets.closed_widgets import INTERVAL_SECONDS, forget_closed_widgets
from nftui.widgets.line_filters import Ascii, Colourless, Harmless


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What the command line says about the screen.

    Attributes:
        theme: name of the theme, empty for the default.
        filter: filter to start with, valid.
        keys: names of actions to their keys, separated by blanks, in place of those that they have.
        frame_diff: send only what changed.
        mouse: take the mouse from the terminal.
        ascii_only: charts and bars without characters beyond ASCII.
        low_bandwidth: fewer refreshes, no trends and bars, fewer colours.
        read_only: refuse every action that changes something beyond the screen.
        session: how the screen was left the last time, and where it is kept for the next.
        typed: of `theme` and `filter` those that were typed for this start; they win over the session.
        bell: ring the terminal's bell for new findings of the watch.
        geo: databases of countries and of autonomous systems, empty for the usual places.
    """

    theme: str = ""
    filter: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    frame_diff: bool = True
    mouse: bool = True
    ascii_only: bool = False
    low_bandwidth: bool = False
    read_only: bool = False
    session: Session = field(default_factory=Session)
    typed: frozenset[str] = frozenset()
    bell: bool = False
    geo: tuple[str, str] = ("", "")


class NftuiApp(Commanding, inherit_bindings=False):
    """nftui on the screen.

    Attributes:
        failure: the error that ended the application, None when the user did.
        lifeline: is told when the event loop runs.
    """

    TITLE = "nftui"
    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere")

    def __init__(
        self,
        source: Source,
        options: AppOptions = AppOptions(),
        read_filter: FilterReader = FilterReader(),  # noqa: B008
    ) -> None:
        super().__init__(ActionTable(options.keys), options.read_only)
        self._read_filter = read_filter
        self.source = source
        self.options = options
        self.frame_diff = options.frame_diff
        self.failure: NftuiError | None = None
        self.lifeline: Lifeline | None = None
        self._mouse_on = options.mouse
        self._live: LiveScreen | None = None
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._first_theme()
        self._filters.append(Harmless())
        if options.ascii_only:
            self._filters.append(Ascii())
        if self.no_color:
            self._filters.append(Colourless())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of charts, for themes that do not have their own."""
        return PALETTE

    def on_mount(self) -> None:
        """Open the live screen."""
        if self.lifeline is not None:
            self.lifeline.attach(asyncio.get_running_loop())
        live = LiveScreen(self.source, BoardOptions(self.options.filter, self.options.ascii_only, self._read_filter))
        live.bell_wanted = self.options.bell
        resume(live, self.options.session, self.options.filter, "filter" in self.options.typed)
        if self.options.low_bandwidth:
            self.console._color_system = min(self.console._color_system or ColorSystem.STANDARD, ColorSystem.EIGHT_BIT)  # noqa: SLF001
            live.save_bandwidth()
        self._live = live
        self.set_interval(INTERVAL_SECONDS, forget_closed_widgets)
        self.push_screen(live)

    def _first_theme(self) -> str:
        """The theme that was typed, else the session's unless the configured one was changed since."""
        chosen = self.options.theme if self.options.theme in self.available_themes else DEFAULT_THEME
        session = self.options.session
        kept = session.text("theme")
        same = session.text("configured_theme") == self.options.theme and "theme" not in self.options.typed
        return kept if same and kept in self.available_themes else chosen

    def remember(self) -> None:
        """Keep how the screen is left for the next start. From any thread, also when the screen has ended."""
        if self.read_only or self._live is None:
            return
        session = self.options.session
        session.keep("theme", self.theme)
        session.keep("configured_theme", self.options.theme)
        remember(self._live, session, self.options.filter)
        session.save()

    async def on_event(self, event: events.Event) -> None:
        """Handle an event; keys typed faster than a box opens go to that box.

        Textual gives a key at once to the widget that has the focus. Of `/port 53`, arriving together, all go to the
        table, and only when they come back here does the first one open the filter line.
        """
        if isinstance(event, events.Key):
            given = getattr(event, "given_to", self.screen)
            if not event.is_forwarded:
                event.given_to = self.focused or self.screen  # type: ignore[attr-defined]
            elif given is not (self.focused or self.screen) and self.focused is not None:
                key = events.Key(event.key, event.character)
                key.given_to = self.focused  # type: ignore[attr-defined]
                self.focused._forward_event(key)  # noqa: SLF001  as Textual's own handler does
                return
        await super().on_event(event)

    def leave(self, code: int = 0) -> None:
        """End with an exit code."""
        self.exit(return_code=code)

    @on(AskingBoard.Failed)
    def _source_failed(self, event: AskingBoard.Failed) -> None:
        self.failure = event.error
        self.leave(event.error.exit_code)

    def _handle_exception(self, error: Exception) -> None:
        """End because of what nobody caught; but parts that are missing while the application ends are no error.

        Textual stops to make the parts of a screen that is still being opened, and tells it that it is there.
        """
        if isinstance(error, NoMatches) and (self._exit or not self._running):
            return
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """An exception that nobody caught: the screen ends, and the traceback shows no flows and no addresses."""
        from rich.traceback import Traceback

        error = sys.exc_info()[1]
        self.failure = NftuiError(f"the screen failed: {type(error).__name__}: {error}. Please report it.")
        traceback = Traceback(show_locals=False, suppress=[rich, textual])
        self._exit_renderables.append(Segments(self.console.render(traceback, self.console.options)))
        self._close_messages_no_wait()

    def action_repaint(self) -> None:
        """Send the whole screen anew."""
        self.repaint()

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, or take it."""
        driver = self._driver
        if driver is None:
            return
        self._mouse_on = not self._mouse_on
        (driver._enable_mouse_support if self._mouse_on else driver._disable_mouse_support)()  # type: ignore[attr-defined]  # noqa: SLF001
        self.notify("The mouse works here." if self._mouse_on else "The mouse is the terminal's: select text with it.")
