"""One table for keys, help, command line and documentation, and the user's own keys."""

from __future__ import annotations

import pytest
from textual.binding import Binding

from nftui.errors import ConfigError
from nftui.screens.action import read_key, written
from nftui.screens.action_table import DIALOGS, DOORS, SCREENS, TITLES, ActionTable
from nftui.screens.command_line import CommandInput
from nftui.screens.commands import offers
from nftui.widgets.filter_input import FilterInput
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.help_overlay import HelpOverlay
from nftui.widgets.question import Question

TABLE = ActionTable()


def test_names_are_unique_and_stable_words():
    names = [action.name for action in TABLE.actions]
    assert len(names) == len(set(names))
    assert all(name == name.lower() and name.replace("-", "").isalnum() for name in names)
    assert all(action.doc.endswith(".") and action.label and action.group for action in TABLE.actions)


def test_every_scope_is_on_a_screen_that_has_a_heading_and_can_be_reached():
    scopes = {action.scope for action in TABLE.actions}
    assert scopes == {scope for chain in SCREENS.values() for scope in chain}
    assert set(SCREENS) == set(TITLES)
    live = {action.name for action in TABLE.actions if action.scope == "live"}
    for screen in set(SCREENS) - DIALOGS - {"live"}:
        assert DOORS[screen] in live


@pytest.mark.parametrize(
    ("widget", "scope"),
    [(FlowTable, "table"), (FilterInput, "filter"), (HelpOverlay, "help"), (Question, "question"),
     (CommandInput, "command")],
)  # fmt: skip
def test_widgets_have_the_keys_that_the_table_says(widget: type, scope: str):
    own = {b.id: (b.key, b.action) for b in widget.BINDINGS if isinstance(b, Binding)}
    listed = {a.name: (",".join(a.keys), a.command) for a in TABLE.actions if a.scope == scope}
    assert own == listed
    assert len(own) == len(widget.BINDINGS), "a binding without a name cannot be changed"


@pytest.mark.parametrize(
    ("typed", "key", "shown"),
    [
        ("x", "x", "x"), ("X", "X", "X"), ("/", "slash", "/"), ("Ctrl+P", "ctrl+p", "Ctrl+P"), ("esc", "escape", "Esc"),
        ("PgDn", "pagedown", "PgDn"), ("F5", "f5", "F5"), ("Ctrl++", "ctrl+plus", "Ctrl++"),
        ("space", "space", "Space"),
        ("shift+left", "shift+left", "Shift+←"), ("Alt+Ctrl+X", "ctrl+alt+x", "Ctrl+Alt+X"), ("→", "right", "→"),
    ],
)  # fmt: skip
def test_keys_are_read_as_people_write_them(typed: str, key: str, shown: str):
    assert read_key(typed) == key
    assert written(key) == shown


@pytest.mark.parametrize("typed", ["foo", "ctrl+foo", "F99", "", "x\x1b", "strg+x"])
def test_keys_that_no_keyboard_has_are_refused(typed: str):
    with pytest.raises(ConfigError, match="no key"):
        read_key(typed)


def test_changed_keys_replace_the_old_ones():
    table = ActionTable({"pause": "Ctrl+X F5", "units": ""})
    assert table.named("pause").keys == ("ctrl+x", "f5")
    assert table.named("pause").key_text == "Ctrl+X F5"
    assert table.named("units").keys == ()
    assert table.keymap == {"pause": "ctrl+x,f5", "units": "no-key-units"}
    assert "units" not in [action.name for action in table.hints("live", "talkers")]


def test_two_actions_may_exchange_their_keys():
    table = ActionTable({"units": "n", "names": "t"})
    assert (table.named("units").keys, table.named("names").keys) == (("n",), ("t",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pauze": "x"}, r"x\.toml: keys\.pauze: no such action, did you mean pause\?"),
        ({"\x1b[2J": "x"}, r"keys\.\[2J: no such action"),
        ({"pause": "hyper"}, r"keys\.pause: no key 'hyper'; keys are written as"),
        ({"pause": "f"}, r"keys\.pause: f is also the key of filter-cell \(live\).*filter-cell = \"\""),
        ({"filter": "j"}, r": j is also the key of filter \(live\)"),
        ({"allow": "l"}, r": l is also the key of allow \(exporters\)"),
        ({"mouse": "q"}, r"keys\.mouse: q is also the key of leave \(live\)"),
    ],
)
def test_wrong_keys_are_explained(changes: dict[str, str], words: str):
    with pytest.raises(ConfigError, match=words):
        ActionTable(changes, "x.toml")


def found(typed: str, screen: str = "live") -> list[str]:
    return [offer.text for offer in offers(TABLE, screen, typed, lambda _: ("nftui-dark", "nftui-light"))]


def test_command_line_offers_every_action_of_every_screen():
    everything = {a.name for a in TABLE.actions if a.scope not in DIALOGS} - {"commands"}
    assert set(found("")) == everything
    assert {"allow", "probe-expire", "row-down", "quit"} <= everything


def test_command_line_puts_names_first_and_the_own_screen_before_others():
    assert found("pause")[0] == "pause"
    assert found("pau")[0] == "pause"
    assert found("cell")[:2] == ["filter-cell", "exclude-cell"]
    assert found("q")[0] == "quit"
    assert found("srt")[0].startswith("sort")
    assert found("allow", "exporters")[0] == "allow"
    assert found("nosuchthing") == []


def test_command_line_completes_arguments():
    assert found("theme nftui-l") == ["theme nftui-light"]
    assert found("filter tcp and port 443") == ["filter tcp and port 443"]
    assert offers(TABLE, "live", "pause", lambda _: ())[0].keys == "Space p"
