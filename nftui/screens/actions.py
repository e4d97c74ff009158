"""The action table: all that can be done on any screen, with keys, words and places.

Bindings, footer, help overlay, command line and the keys that a configuration changes are made from it, so that they
cannot disagree. `nftui.screens.action_table` makes them.
"""

from __future__ import annotations

from nftui.screens.action import Action

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

_ALL = frozenset({"talkers", "flows", "detail"})
_TABLES = frozenset({"talkers", "flows"})

ACTIONS: tuple[Action, ...] = (
    *(
        Action(f"view-{title.lower()}", f"view('{view}')", (str(number),), title, _VIEW_DOCS[view], "Views")
        for number, (view, title) in enumerate(VIEW_TITLES.items(), 1)
    ),
    Action("next-view", "next_view(1)", ("tab",), "next view", "The next view.", "Views"),
    Action("previous-view", "next_view(-1)", ("shift+tab",), "previous view", "The previous view.", "Views"),
    Action("exporters", "exporters", ("e",), "exporters",
           "Templates, sampling, losses and refused senders per exporter.", "Views", hint=9,
           states=_TABLES | {"waiting"}),
    Action("probe", "probe", ("P",), "probe", "Statistics, flow cache and commands of the probe (--probe).", "Views"),
    Action("filter", "filter", ("slash",), "filter", "Type a filter; it is applied as soon as it is valid.", "Filter",
           hint=1, states=_TABLES | {"detail"}, argument="EXPR"),
    Action("filter-cell", "filter_cell(False)", ("f",), "only this", "Only flows with the value under the cursor.",
           "Filter", hint=6, states=_ALL),
    Action("exclude-cell", "filter_cell(True)", ("F",), "exclude", "Only flows without the value under the cursor.",
           "Filter", hint=12, states=_ALL),
    Action("negate", "negate", ("exclamation_mark",), "turn round", "The flows that the filter holds back, and again.",
           "Filter"),
    Action("back", "back", ("escape", "backspace"), "back", "Back to where you came from; the filter goes as it came.",
           "Filter", hint=7, shown="Esc", states=_ALL),
    Action("reset", "reset", ("r",), "reset", "No filter, the view's own order, the latest flows; back returns.",
           "Filter"),
    Action("sort-right", "sort_next(1)", ("s", "greater_than_sign"), "sort",
           "Sort by the next column, as a click on it.", "Order", hint=4, states=_TABLES),
    Action("sort-left", "sort_next(-1)", ("less_than_sign",), "sort left", "Sort by the previous column.", "Order"),
    Action("sort-reverse", "sort_reverse", ("S",), "reverse", "Reverse the order.", "Order"),
    Action("pause", "pause", ("space", "p"), "pause",
           "Hold the table still, collecting goes on; a recording stands still.", "Order", hint=5, states=_ALL),
    Action("slower", "playback(0.5)", ("left_curly_bracket",), "slower", "A recording (--replay) at half the speed.",
           "Order"),
    Action("faster", "playback(2)", ("right_curly_bracket",), "faster", "A recording at twice the speed.", "Order"),
    Action("units", "units", ("t",), "bits/bytes", "Show traffic in bits or in bytes.", "Display", hint=10,
           states=_TABLES),
    Action("names", "names", ("n",), "names", "Show ports by number or by service name.", "Display", hint=11,
           states=_TABLES),
    Action("scaled", "scaled", ("u",), "unscaled", "Counters as sent, or times sampling rate.", "Display"),
    Action("chart", "chart", ("c",), "chart", "Show or hide the throughput chart.", "Display", hint=13,
           states=_TABLES),
    Action("hide-addresses", "hide", ("a",), "hide addresses",
           "Show other addresses than the real ones, for screenshots.", "Display"),
    Action("leave", "leave", ("q",), "quit", "Leave a pane; at the top, quit and store what is in memory.", "Program",
           hint=8, states=_ALL | {"waiting"}),

    Action("filter-keep", "submit", ("enter",), "keep", "Leave the box; the filter stays.", "Typing a filter", hint=1,
           states=frozenset({"typing"}), scope="filter"),
    Action("filter-clear", "bar('leave')", ("escape",), "clear", "Leave the list; without one, the box, and no filter.",
           "Typing a filter", hint=2, states=frozenset({"typing"}), scope="filter"),
    Action("filter-take", "bar('take')", ("tab",), "take", "Take what the list offers first, or what is chosen in it.",
           "Typing a filter", hint=3, states=frozenset({"typing"}), scope="filter"),
    Action("filter-earlier", "bar('up')", ("up", "ctrl+p"), "earlier", "The filter before this one; up in the list.",
           "Typing a filter", hint=4, states=frozenset({"typing"}), scope="filter"),
    Action("filter-later", "bar('down')", ("down", "ctrl+n"), "choose", "Down in the list; the filter after this one.",
           "Typing a filter", hint=5, states=frozenset({"typing"}), scope="filter"),
    Action("filter-search", "bar('search')", ("ctrl+r",), "search earlier", "Search the earlier filters by words in them.",
           "Typing a filter", hint=6, states=frozenset({"typing"}), scope="filter"),
    Action("filter-save", "bar('name')", ("ctrl+s",), "save", "Save the filter under a name, for @NAME.",
           "Typing a filter", hint=7, states=frozenset({"typing"}), scope="filter"),

    Action("allow", "allow", ("a",), "allow a refused sender", "Accept the refused sender under the cursor.",
           "Exporters", hint=2, scope="exporters", changes=True),
    Action("exporters-close", "dismiss", ("escape", "q", "e", "backspace"), "back", "Back to the tables.", "Exporters",
           hint=1, scope="exporters"),

    Action("probe-statistics", "show(False)", ("1",), "statistics", "The page of statistics.", "Probe", scope="probe"),
    Action("probe-cache", "show(True)", ("2",), "flow cache", "The page of flows in progress.", "Probe",
           scope="probe"),
    Action("probe-page", "page", ("tab", "shift+tab"), "page", "The other page.", "Probe", hint=2, scope="probe"),
    Action("probe-expire", "expire_all", ("x",), "expire", "End all flows in the cache now and hand them on.", "Probe",
           hint=3, scope="probe", changes=True),
    Action("probe-delete", "delete_all", ("D",), "delete", "Forget all flows in the cache.", "Probe", hint=4,
           scope="probe", changes=True),
    Action("probe-gather", "gather", ("space",), "gather", "Stop metering packets, or go on.", "Probe", hint=5,
           scope="probe", changes=True),
    Action("probe-timeouts", "timeouts", ("t",), "timeouts", "Type a timeout, as udp=1m30s.", "Probe", hint=6,
           scope="probe", changes=True),
    Action("probe-sort", "sort", ("s",), "sort", "Sort the cache by the next column.", "Probe", hint=7, scope="probe"),
    Action("statistics-down", "scroll(1)", ("j",), "down", "A line further.", "Moving", scope="statistics"),
    Action("statistics-up", "scroll(-1)", ("k",), "up", "A line back.", "Moving", scope="statistics"),
    Action("probe-close", "back", ("escape", "q", "P", "backspace"), "back", "Back to the tables.", "Probe", hint=1,
           scope="probe"),

    Action("open", "open", ("enter",), "open", "A row's flows; every field of a flow.", "Moving", hint=2,
           states=_TABLES, scope="table"),
    Action("row-down", "move(1)", ("j", "down"), "row down", "The next row.", "Moving", scope="table"),
    Action("row-up", "move(-1)", ("k", "up"), "row up", "The previous row.", "Moving", scope="table"),
    Action("column-left", "column(-1)", ("h", "left"), "column left", "The previous column.", "Moving", scope="table"),
    Action("column-right", "column(1)", ("l", "right"), "column right", "The next column; hidden ones come into view.",
           "Moving", scope="table"),
    Action("half-page-down", "page(0.5)", ("ctrl+d",), "half a page down", "Half a page down.", "Moving",
           scope="table"),
    Action("half-page-up", "page(-0.5)", ("ctrl+u",), "half a page up", "Half a page up.", "Moving", scope="table"),
    Action("page-down", "page(1)", ("pagedown", "ctrl+f"), "page down", "A page down.", "Moving", scope="table"),
    Action("page-up", "page(-1)", ("pageup", "ctrl+b"), "page up", "A page up.", "Moving", scope="table"),
    Action("top", "first", ("g", "home"), "top", "The first row; the cursor stays at the top while rows change.",
           "Moving", scope="table"),
    Action("end", "last", ("G", "end"), "end", "The last row.", "Moving", scope="table"),

    Action("help", "help", ("question_mark", "f1"), "help", "The keys of this screen.", "Program", hint=3,
           shown="?", scope="everywhere"),
    Action("commands", "command_line", ("colon", "ctrl+p"), "commands", "Find a command by its name, and run it.",
           "Program", scope="everywhere"),
    Action("mouse", "mouse", ("f2",), "mouse", "Let go of the mouse, so that the terminal can select text.", "Program",
           scope="everywhere"),
    Action("redraw", "repaint", ("ctrl+l",), "redraw", "Draw the whole screen anew.", "Program", scope="everywhere"),
    Action("suspend", "suspend_process", ("ctrl+z",), "suspend", "Back to the shell; fg returns.", "Program",
           scope="everywhere"),
    Action("quit", "quit", ("ctrl+c", "ctrl+q"), "quit now", "Quit from anywhere, and store what is in memory.",
           "Program", scope="everywhere"),

    Action("help-close", "dismiss", ("escape", "question_mark", "f1", "q", "enter"), "close", "Close the list.",
           "Help", scope="help"),
    Action("help-down", "scroll(1)", ("j", "down"), "down", "A line further.", "Help", scope="help"),
    Action("help-up", "scroll(-1)", ("k", "up"), "up", "A line back.", "Help", scope="help"),
    Action("help-page-down", "scroll(10)", ("pagedown", "ctrl+d", "space"), "page down", "Ten lines further.", "Help",
           scope="help"),
    Action("help-page-up", "scroll(-10)", ("pageup", "ctrl+u"), "page up", "Ten lines back.", "Help", scope="help"),
    Action("answer-yes", "answer(True)", ("y", "Y"), "yes", "Do it.", "Questions", scope="question"),
    Action("answer-no", "answer(False)", ("n", "N", "escape", "q"), "no", "Leave it.", "Questions", scope="question"),
)  # fmt: skip
"""Everything, in the order of help and documentation."""
