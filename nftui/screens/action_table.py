"""What is made from the action table: bindings, footer, help, and the keys as the user wants them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from textual.app import App
from textual.binding import Binding, BindingType

from nftui.errors import ConfigError
from nftui.screens.action import Action, read_key, written
from nftui.screens.actions import ACTIONS
from nftui.text import clean, nearest

SCREENS: dict[str, tuple[str, ...]] = {
    "live": ("live", "table", "everywhere"),
    "exporters": ("exporters", "table", "everywhere"),
    "exporter": ("exporter", "sections", "pager", "everywhere"),
    "store": ("store", "sections", "pager", "everywhere"),
    "detail": ("detail", "table", "everywhere"),
    "watch": ("watch", "table", "everywhere"),
    "changes": ("changes", "table", "everywhere"),
    "probe": ("probe", "table", "everywhere"),
    "statistics": ("probe", "statistics", "everywhere"),
    "timeline": ("timeline", "everywhere"),
    "health": ("health", "everywhere"),
    "filter": ("filter",),
    "help": ("help",),
    "question": ("question",),
    "command": ("command",),
    "time": ("time",),
    "facets": ("facets", "everywhere"),
    "find": ("find",),
    "columns": ("columns", "table"),
    "dialog": ("dialog",),
    "text": ("text",),
}
"""Scopes whose keys hold together: a key means one thing in each line.

Boxes and dialogs stand alone: their keys go before those of `everywhere`.
"""

DOORS: dict[str, str] = {
    "exporters": "exporters", "exporter": "exporters", "probe": "probe", "statistics": "probe", "watch": "watch",
    "changes": "changes", "timeline": "timeline", "facets": "facets", "health": "health", "store": "store",
    "detail": "view-latest", "sections": "exporters", "pager": "exporters",
}  # fmt: skip
"""Action of the live screen that opens the screen, or the part of one, where a scope's actions are."""

DIALOGS = frozenset({"filter", "time", "help", "question", "command", "find", "columns", "dialog", "text"})
"""Scopes of boxes and dialogs, whose actions mean nothing anywhere else."""

TITLES: dict[str, str] = {
    "live": "Keys of the tables", "filter": "Keys of the filter line", "exporters": "Keys of the exporters screen",
    "exporter": "Keys of the page of an exporter", "store": "Keys of the store screen",
    "detail": "Keys of the pane about a flow",
    "watch": "Keys of the watch", "changes": "Keys of the screen of changes",
    "probe": "Keys of the probe's flow cache", "statistics": "Keys of the probe's statistics",
    "timeline": "Keys of the timeline", "health": "Keys of the health line",
    "help": "Keys of the list of keys", "question": "Keys of a question", "command": "Keys of the command line",
    "time": "Keys of the box for a time", "facets": "Keys of the facets", "find": "Keys of the search line",
    "columns": "Keys of the list of columns", "dialog": "Keys of a dialog", "text": "Keys of a text to copy",
}  # fmt: skip
"""Heading of each screen's keys, in help and documentation."""

_PRIORITY = frozenset({"quit"})
"""Actions whose keys a text box cannot take."""


def bindings(scope: str) -> list[BindingType]:
    """Textual bindings of a scope, with the actions' names as ids: what `App.set_keymap` goes by."""
    return [
        Binding(_joined(action.name, action.keys), action.command, action.label, show=False, id=action.name,
                priority=action.name in _PRIORITY)
        for action in ACTIONS
        if action.scope == scope
    ]  # fmt: skip


class ActionTable:
    """All actions with the keys that they have in this process.

    Args:
        changes: action name to its keys, separated by blanks, in place of those that it has; empty for none.
        origin: where the changes were written, for errors.

    Raises:
        ConfigError: no such action, no such key, or a key with two meanings.
    """

    def __init__(self, changes: Mapping[str, str] | None = None, origin: str = "configuration") -> None:
        changed = {name: self._keys(name, keys.split(), origin) for name, keys in (changes or {}).items()}
        self.actions: tuple[Action, ...] = tuple(
            replace(action, keys=changed[action.name], shown="") if action.name in changed else action
            for action in ACTIONS
        )
        self.keymap: dict[str, str] = {name: _joined(name, keys) for name, keys in changed.items()}
        """For `App.set_keymap`; an action without keys gets one that no terminal sends."""
        for screen in SCREENS:
            self._check(screen, origin)

    @staticmethod
    def _keys(name: str, keys: Sequence[str], origin: str) -> tuple[str, ...]:
        names = [action.name for action in ACTIONS]
        if name not in names:
            match = nearest(name, names, 0.5)
            hint = f", did you mean {match}?" if match else "; the names are in the list of keys (docs/keys.md)"
            raise ConfigError(f"{origin}: keys.{clean(name, 40)}: no such action{hint}")
        try:
            return tuple(dict.fromkeys(read_key(key) for key in keys))
        except ConfigError as error:
            raise ConfigError(f"{origin}: keys.{name}: {error}") from None

    def _check(self, screen: str, origin: str) -> None:
        meaning: dict[str, Action] = {}
        for action in self.on(screen):
            for key in action.keys:
                other = meaning.setdefault(key, action)
                if other.name != action.name:
                    raise ConfigError(
                        f"{origin}: keys.{action.name}: {written(key)} is also the key of {other.name} "
                        f'({other.scope}); give that one another key, or none: {other.name} = ""'
                    )

    def on(self, screen: str) -> Iterator[Action]:
        """Actions whose keys hold on a screen, its own first."""
        for scope in SCREENS[screen]:
            yield from (action for action in self.actions if action.scope == scope)

    def named(self, name: str) -> Action:
        """The action of this name. Raises KeyError."""
        return next((action for action in self.actions if action.name == name), None) or _missing(name)

    def hints(self, screen: str, state: str = "") -> list[Action]:
        """Actions for the footer of a screen in a state, the most useful first."""
        chosen = [
            action
            for action in self.on(screen)
            if action.hint and action.keys and (not action.states or not state or state in action.states)
        ]
        own = {action.name for action in chosen if action.scope == screen}
        return sorted(chosen, key=lambda action: (action.hint, action.name not in own))

    def changing(self, scope: str, method: str, values: tuple[object, ...] = ()) -> Action | None:
        """The action of this Textual method that changes something beyond the screen; None when it does not.

        A widget without a scope is asked for by the method alone: better one refused too many.
        """
        found = (
            action
            for action in self.actions
            if action.changes and action.method == method and ("(" not in action.command or values == action.values)
        )
        return next((action for action in found if not scope or action.scope == scope), None)

    def groups(self, screen: str) -> dict[str, list[Action]]:
        """Actions of a screen under their headings."""
        found: dict[str, list[Action]] = {}
        for action in self.on(screen):
            found.setdefault(action.group, []).append(action)
        return found


def action_table(app: App[object]) -> ActionTable:
    """The table of an application, with its user's keys."""
    table = getattr(app, "actions", None)
    return table if isinstance(table, ActionTable) else ActionTable()


def _joined(name: str, keys: Sequence[str]) -> str:
    """Keys as Textual wants them; an action without one gets what no terminal sends."""
    return ",".join(keys) or f"no-key-{name}"


def _missing(name: str) -> Action:
    raise KeyError(name)
