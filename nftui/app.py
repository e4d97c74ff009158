"""The application: one source, its screens, colours, and a terminal that is left as it was found."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import rich
import textual
from rich.segment import Segments
from textual import on
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from nftui.errors import NftuiError
from nftui.screens.action_table import SCREENS, TITLES, ActionTable, bindings
from nftui.screens.asking import AskingBoard
from nftui.screens.filter_reader import FilterReader
from nftui.screens.lifeline import Lifeline
from nftui.screens.live import LiveScreen
from nftui.screens.source import Source
from nftui.themes import DEFAULT_THEME, PALETTE, THEMES
from nftui.widgets.frame_diff import FrameDiffApp
from nftui.widgets.help_overlay import HelpGroup, HelpOverlay
from nftui.widgets.line_filters import Colourless, Harmless


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What the command line says about the screen.

    Attributes:
        theme: name of the theme, empty for the default.
        filter: filter to start with, valid.
        keys: names of actions to their keys, in place of those that they have.
        frame_diff: send only what changed.
        mouse: take the mouse from the terminal.
        ascii_only: charts and bars without characters beyond ASCII.
    """

    theme: str = ""
    filter: str = ""
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    frame_diff: bool = True
    mouse: bool = True
    ascii_only: bool = False


class NftuiApp(FrameDiffApp, inherit_bindings=False):
    """nftui on the screen.

    Attributes:
        failure: the error that ended the application, None when the user did.
        lifeline: is told when the event loop runs.
    """

    TITLE = "nftui"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere")

    def __init__(
        self,
        source: Source,
        options: AppOptions = AppOptions(),
        read_filter: FilterReader = FilterReader(),  # noqa: B008
    ) -> None:
        super().__init__()
        self.actions = ActionTable(options.keys)
        self.set_keymap(self.actions.keymap)
        self._read_filter = read_filter
        self.source = source
        self.options = options
        self.frame_diff = options.frame_diff
        self.failure: NftuiError | None = None
        self.lifeline: Lifeline | None = None
        self._mouse_on = options.mouse
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = options.theme if options.theme in self.available_themes else DEFAULT_THEME
        self._filters.append(Harmless())
        if self.no_color:
            self._filters.append(Colourless())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of charts, for themes that do not have their own."""
        return PALETTE

    def on_mount(self) -> None:
        """Open the live screen."""
        if self.lifeline is not None:
            self.lifeline.attach(asyncio.get_running_loop())
        self.push_screen(LiveScreen(self.source, self.options.filter, self.options.ascii_only, self._read_filter))

    def leave(self, code: int = 0) -> None:
        """End with an exit code."""
        self.exit(return_code=code)

    @on(AskingBoard.Failed)
    def _source_failed(self, event: AskingBoard.Failed) -> None:
        self.failure = event.error
        self.leave(event.error.exit_code)

    def _fatal_error(self) -> None:
        """An exception that nobody caught: the screen ends, and the traceback shows no flows and no addresses."""
        from rich.traceback import Traceback

        error = sys.exc_info()[1]
        self.failure = NftuiError(f"the screen failed: {type(error).__name__}: {error}. Please report it.")
        traceback = Traceback(show_locals=False, suppress=[rich, textual])
        self._exit_renderables.append(Segments(self.console.render(traceback, self.console.options)))
        self._close_messages_no_wait()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: every action of the table, and the themes."""
        yield SystemCommand("theme", "Choose colours.", self.action_change_theme)
        if isinstance(screen, LiveScreen):
            for action in self.actions.on("live"):
                if action.scope == "live":
                    label = f"{action.label}  ({action.key_text})"
                    yield SystemCommand(label, action.doc, lambda command=action.command: self._run_on(screen, command))

    def _run_on(self, screen: LiveScreen, command: str) -> None:
        self.run_worker(self.run_action(command, default_namespace=screen))

    def action_help(self) -> None:
        """The keys of the screen on top."""
        screen = self.screen
        if isinstance(screen, HelpOverlay):
            screen.dismiss()
            return
        scope = str(getattr(screen, "SCOPE", "live"))
        if scope not in SCREENS:
            return
        listed = [
            HelpGroup(title, [(action.key_text, action.doc) for action in actions if action.keys])
            for title, actions in self.actions.groups(scope).items()
        ]
        self.push_screen(HelpOverlay(listed, TITLES[scope]))

    def action_command_line(self) -> None:
        """Find a command by its name."""
        self.action_command_palette()

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
