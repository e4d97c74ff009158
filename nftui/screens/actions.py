"""The action table: what the live screen can do, with keys, words and places.

Bindings, footer, help overlay and command palette are made from it, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    Attributes:
        command: Textual action, `name` or `name(arguments)`; empty for keys that a widget binds itself.
        keys: keys as Textual names them.
        label: one or two words for the footer and the palette.
        doc: one sentence for the help overlay.
        group: heading in the help overlay.
        hint: place in the footer, the lowest first and the last to leave; 0 for none.
        shown: keys as people write them, where it differs from `keys`.
        states: states of the screen in which the footer shows it.
    """

    command: str
    keys: tuple[str, ...]
    label: str
    doc: str
    group: str
    hint: int = 0
    shown: str = ""
    states: frozenset[str] = frozenset({"talkers", "flows"})

    @property
    def key_text(self) -> str:
        """Keys as people write them."""
        return self.shown or " ".join(_NAMES.get(key, key) for key in self.keys)


_NAMES = {
    "slash": "/", "question_mark": "?", "space": "Space", "enter": "Enter", "escape": "Esc", "tab": "Tab",
    "shift+tab": "Shift+Tab", "less_than_sign": "<", "greater_than_sign": ">", "colon": ":", "f1": "F1", "f2": "F2",
    "ctrl+p": "Ctrl+P", "ctrl+l": "Ctrl+L", "ctrl+c": "Ctrl+C", "ctrl+z": "Ctrl+Z", "home": "Home", "end": "End",
    "backspace": "Backspace", "left_curly_bracket": "{", "right_curly_bracket": "}",
}  # fmt: skip

VIEW_TITLES: dict[str, str] = {
    "host": "hosts", "pair": "pairs", "flow": "flows", "port": "ports", "proto": "protocols", "as": "AS",
    "interface": "interfaces", "exporter": "exporters", "flows": "latest",
}  # fmt: skip
"""Tabs in order; the number key of a view is its place."""

_VIEW_DOCS = {
    "host": "Hosts, either end of a flow.", "pair": "Pairs of hosts, both directions together.",
    "flow": "Flows grouped by protocol, addresses and ports.", "port": "Ports, either end of a flow.",
    "proto": "IP protocols.", "as": "Autonomous systems, either end of a flow.",
    "interface": "Interfaces of the exporters.", "exporter": "Exporters.",
    "flows": "The flow records themselves, the latest first.",
}  # fmt: skip

_TYPING = frozenset({"typing"})
_ALL = frozenset({"talkers", "flows", "detail"})
_EVER = _ALL | {"waiting"}
_TABLES = frozenset({"talkers", "flows"})

ACTIONS: tuple[Action, ...] = (
    *(
        Action(f"view('{view}')", (str(number),), title, _VIEW_DOCS[view], "Views")
        for number, (view, title) in enumerate(VIEW_TITLES.items(), 1)
    ),
    Action("next_view(1)", ("tab",), "next view", "The next view.", "Views"),
    Action("next_view(-1)", ("shift+tab",), "previous view", "The previous view.", "Views"),
    Action("exporters", ("e",), "exporters", "Templates, sampling, losses and refused senders per exporter.", "Views",
           hint=9, states=_TABLES | {"waiting"}),
    Action("probe", ("P",), "probe", "Statistics, flow cache and commands of the probe (--probe).", "Views"),
    Action("filter", ("slash",), "filter", "Type a filter; it is applied as soon as it is valid.", "Filter", hint=1),
    Action("filter_cell(False)", ("f",), "only this", "Only flows with the value under the cursor.", "Filter", hint=6,
           states=_ALL),
    Action("filter_cell(True)", ("F",), "exclude", "Only flows without the value under the cursor.", "Filter",
           hint=12, states=_ALL),
    Action("open", ("enter",), "open", "A row's flows; every field of a flow.", "Filter", hint=2, states=_TABLES),
    Action("back", ("escape", "backspace"), "back", "Back to where you came from; the filter goes as it came.",
           "Filter", hint=7, shown="Esc", states=_ALL),
    Action("sort_next(1)", ("s", "greater_than_sign"), "sort", "Sort by the next column, as a click on it.", "Order",
           hint=4, shown="s >"),
    Action("sort_next(-1)", ("less_than_sign",), "sort left", "Sort by the previous column.", "Order"),
    Action("sort_reverse", ("S",), "reverse", "Reverse the order.", "Order"),
    Action("pause", ("space", "p"), "pause", "Hold the table still, collecting goes on; a recording stands still.",
           "Order", hint=5, shown="Space p", states=_ALL),
    Action("playback(0.5)", ("left_curly_bracket",), "slower", "A recording (--replay) at half the speed.", "Order"),
    Action("playback(2)", ("right_curly_bracket",), "faster", "A recording at twice the speed.", "Order"),
    Action("units", ("t",), "bits/bytes", "Show traffic in bits or in bytes.", "Display", hint=10),
    Action("names", ("n",), "names", "Show ports by number or by service name.", "Display", hint=11),
    Action("scaled", ("u",), "unscaled", "Counters as sent, or times sampling rate.", "Display"),
    Action("chart", ("c",), "chart", "Show or hide the throughput chart.", "Display", hint=13),
    Action("hide", ("a",), "hide addresses", "Show other addresses than the real ones, for screenshots.", "Display"),
    Action("app.mouse", ("f2",), "mouse", "Let go of the mouse, so that the terminal can select text.", "Display"),
    Action("app.repaint", ("ctrl+l",), "redraw", "Draw the whole screen anew.", "Display"),
    Action("help", ("question_mark", "f1"), "help", "This list.", "Program", hint=3, shown="?", states=_EVER),
    Action("app.command_palette", ("ctrl+p", "colon"), "commands", "Find a command by its name.", "Program"),
    Action("app.suspend_process", ("ctrl+z",), "suspend", "Back to the shell; fg returns.", "Program"),
    Action("leave", ("q",), "quit", "Leave a pane; at the top, quit and store what is in memory.", "Program", hint=8,
           states=_EVER),
    Action("app.quit", ("ctrl+c",), "quit now", "Quit from anywhere.", "Program"),
    Action("", ("enter",), "keep", "Leave the box; the filter stays.", "Typing a filter", hint=1, states=_TYPING),
    Action("", ("escape",), "clear", "Leave the box without a filter.", "Typing a filter", hint=2, states=_TYPING),
    Action("", ("up", "down"), "history", "Earlier and later filters.", "Typing a filter", hint=3, shown="↑↓",
           states=_TYPING),
    Action("", ("j", "k"), "rows", "Next and previous row.", "Moving", shown="j k ↓ ↑"),
    Action("", ("h", "l"), "columns", "Next and previous column; hidden ones come into view.", "Moving",
           shown="h l ← →"),
    Action("", ("ctrl+d", "ctrl+u"), "half a page", "Half a page down and up.", "Moving", shown="Ctrl+D Ctrl+U"),
    Action("", ("pagedown", "pageup"), "page", "A page down and up.", "Moving", shown="PgDn PgUp"),
    Action("", ("home", "g"), "top", "First row; the cursor stays at the top while rows change.", "Moving",
           shown="g Home"),
    Action("", ("end", "G"), "end", "Last row.", "Moving", shown="G End"),
)  # fmt: skip
"""Everything, in the order of the help overlay."""


def bindings() -> list[BindingType]:
    """Textual bindings of all actions that the screen answers."""
    return [
        Binding(",".join(action.keys), action.command, action.label, show=False) for action in ACTIONS if action.command
    ]


def hints(state: str) -> list[Action]:
    """Actions for the footer in a state of the screen, the most useful first."""
    chosen = [action for action in ACTIONS if action.hint and state in action.states]
    return sorted(chosen, key=lambda action: action.hint)


def groups() -> Iterable[tuple[str, list[Action]]]:
    """Actions under their headings."""
    found: dict[str, list[Action]] = {}
    for action in ACTIONS:
        found.setdefault(action.group, []).append(action)
    return found.items()
