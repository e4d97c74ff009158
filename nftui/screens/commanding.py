"""Help, command line and themes: what every screen of the application has, and the guard of `--read-only`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.actions import ActionParseResult
from textual.dom import DOMNode

from nftui.screens.action import Action
from nftui.screens.action_table import DIALOGS, DOORS, SCREENS, TITLES, ActionTable
from nftui.screens.command_line import CommandLine
from nftui.screens.commands import Offer, argument
from nftui.screens.live import LiveScreen
from nftui.themes import THEMES
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.frame_diff import FrameDiffApp
from nftui.widgets.help_overlay import HelpGroup, HelpOverlay


class Commanding(FrameDiffApp, inherit_bindings=False):
    """An application whose actions are those of a table.

    Args:
        actions: the table, with the user's keys.
        read_only: refuse every action that changes something beyond the screen.
    """

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, actions: ActionTable, read_only: bool) -> None:
        super().__init__()
        self.actions = actions
        self.read_only = read_only
        self.set_keymap(actions.keymap)

    @property
    def scope(self) -> str:
        """Scope of the screen on top, see `nftui.screens.action_table.SCREENS`."""
        return str(getattr(self.screen, "SCOPE", "live"))

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do something, unless `read_only` forbids it: every key, click and command comes through here."""
        if self.read_only:
            target, method, values = self._parse_action(action, default_namespace or self, namespaces)
            refused = self.actions.changing(getattr(target, "SCOPE", ""), method, values)
            if refused is not None:
                self.notify(f"{refused.label}: refused, nftui runs with --read-only.", severity="warning", markup=False)
                return True
        return await super().run_action(action, default_namespace, namespaces)

    def action_help(self) -> None:
        """The keys of the screen on top."""
        if isinstance(self.screen, HelpOverlay):
            self.screen.dismiss()
            return
        scope = str(getattr(self.screen, "help_scope", self.scope))
        groups = self.actions.groups(scope)
        if isinstance(self.screen, LiveScreen):  # keys of a part of it, then those that hold beside them
            groups |= {title: actions for title, actions in self.actions.groups("live").items() if title not in groups}
        listed = [
            HelpGroup(title, [(action.key_text, action.doc) for action in actions if action.keys])
            for title, actions in groups.items()
            if any(action.keys for action in actions)
        ]
        self.push_screen(HelpOverlay(listed, TITLES[scope]))

    def action_command_line(self) -> None:
        """Find an action by its name, and do it."""
        if self.scope in DIALOGS:
            return

        async def chosen(offer: Offer | None) -> None:
            if offer is not None:
                await self._perform(offer)

        self.push_screen(CommandLine(self.actions, self.scope, self._choices), chosen)

    async def _perform(self, offer: Offer) -> None:
        """Do what was chosen, on the screen that it belongs to."""
        action = offer.action
        given = argument(offer)
        command = f"{action.method}({given!r})" if given and action.argument else action.command
        if action.scope == "everywhere":
            await self.run_action(command, self)
        elif action.scope in SCREENS[self.scope]:
            table = self.screen.query(FlowTable)
            await self.run_action(command, table.first() if action.scope == "table" and table else self.screen)
        else:
            await self._visit(action, command)

    async def _visit(self, action: Action, command: str) -> None:
        """Go to the screen that an action belongs to; what it does to a row there is for the user to press."""
        while len(self.screen_stack) > 1 and not isinstance(self.screen, LiveScreen):
            await self.pop_screen()
        if action.scope in SCREENS["live"]:
            await self.run_action(command, self.screen)
            return
        await self.run_action(DOORS[action.scope], self.screen)
        if action.scope in SCREENS[self.scope] and action.keys:
            self.notify(f"{action.key_text}: {action.doc}", markup=False)

    def _choices(self, action: Action) -> Sequence[str]:
        """Known arguments of an action."""
        if action.name != "theme":
            return ()
        return sorted(self.available_themes, key=lambda name: (not name.startswith("nftui"), name))

    def action_theme(self, name: str = "") -> None:
        """Other colours: those of a name, or the next of our own."""
        own = [theme.name for theme in THEMES]
        if not name:
            name = own[(own.index(self.theme) + 1) % len(own)] if self.theme in own else own[0]
        if name not in self.available_themes:
            self.notify(f"No theme {name}: `:theme ` and Tab list them.", severity="warning", markup=False)
            return
        self.theme = name
        self.notify(f"Theme {name}", timeout=2, markup=False)
