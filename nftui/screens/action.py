"""One thing that a user can do, and its keys as people and as Textual write them."""

from __future__ import annotations

from dataclasses import dataclass

from textual.actions import parse
from textual.keys import Keys, _character_to_key

from nftui.errors import ConfigError
from nftui.text import clean


@dataclass(frozen=True, slots=True)
class Action:
    """One line of the action table.

    Attributes:
        name: stable name in lower case with dashes: for `[keys]` in the configuration, the `:` line and the docs.
        command: Textual action, `name` or `name(arguments)`; what the widget or screen of `scope` answers.
        keys: keys as Textual names them; never two actions of scopes that are active together with one key.
        label: one or two words for the footer and the palette.
        doc: one sentence for help and palette.
        group: heading in the help overlay.
        hint: place in the footer, the lowest first and the last to leave; 0 for none.
        shown: keys as people write them, where it differs from `keys`.
        states: states of the screen in which the footer shows it; empty for all.
        scope: where the keys hold: a screen, a widget, or `everywhere`; see `nftui.screens.action_table.SCREENS`.
        changes: it changes something that outlives the screen; `--read-only` refuses it.
        argument: what may be typed after the name on the `:` line, such as `EXPR`; empty when nothing may.
            `command` is then the bare name of an action that takes one text, empty for none.
    """

    name: str
    command: str
    keys: tuple[str, ...]
    label: str
    doc: str
    group: str
    hint: int = 0
    shown: str = ""
    states: frozenset[str] = frozenset()
    scope: str = "live"
    changes: bool = False
    argument: str = ""

    @property
    def key_text(self) -> str:
        """Keys as people write them."""
        return self.shown or " ".join(map(written, self.keys))

    @property
    def method(self) -> str:
        """Name of the Textual action without namespace and arguments."""
        return self.command.partition("(")[0].rpartition(".")[2]

    @property
    def values(self) -> tuple[object, ...]:
        """Arguments that the command carries."""
        return parse(self.command)[2]


_WRITTEN = {
    "slash": "/", "question_mark": "?", "space": "Space", "enter": "Enter", "escape": "Esc", "tab": "Tab",
    "less_than_sign": "<", "greater_than_sign": ">", "colon": ":", "home": "Home", "end": "End",
    "backspace": "Backspace", "delete": "Del", "insert": "Ins", "pagedown": "PgDn", "pageup": "PgUp", "up": "↑",
    "down": "↓", "left": "←", "right": "→", "left_curly_bracket": "{", "right_curly_bracket": "}",
    "left_square_bracket": "[", "right_square_bracket": "]", "at": "@", "full_stop": ".", "apostrophe": "'",
    "minus": "-", "vertical_line": "|", "grave_accent": "`", "plus": "+", "comma": ",", "equals_sign": "=",
    "semicolon": ";", "backslash": "\\", "exclamation_mark": "!", "number_sign": "#", "dollar_sign": "$",
    "percent_sign": "%", "ampersand": "&", "asterisk": "*", "left_parenthesis": "(", "right_parenthesis": ")",
    "circumflex_accent": "^", "underscore": "_", "tilde": "~", "quotation_mark": '"',
}  # fmt: skip
_READ = {text.lower(): key for key, text in _WRITTEN.items()} | {"return": "enter", "esc": "escape", "bs": "backspace"}
_MODIFIERS = ("ctrl", "alt", "shift", "super")
_NAMED = frozenset(key.value for key in Keys if "+" not in key.value and not key.value.startswith("<"))


def written(key: str) -> str:
    """A key as people write it: `Ctrl+P` for `ctrl+p`, `/` for `slash`."""
    *modifiers, base = key.split("+")
    base = _WRITTEN.get(base, base.upper() if modifiers or base in _NAMED else base)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), base])


def read_key(text: str) -> str:
    """Textual's name of a key as people or Textual write it: `Ctrl+P`, `/`, `PgDn`, `f5`.

    Raises:
        ConfigError: no keyboard has it.
    """
    if text.lower() in _READ:
        key = _READ[text.lower()]
    elif len(text) == 1:
        key = _character_to_key(text) if text.isprintable() else ""
    else:
        *modifiers, base = text.strip().split("+") if not text.endswith("++") else [*text[:-2].split("+"), "+"]
        base = _READ.get(base.lower(), base if len(base) == 1 else base.lower())
        modifiers = [modifier.lower() for modifier in modifiers]
        known = base in _NAMED or base in _WRITTEN or (len(base) == 1 and base.isprintable())
        if not known or any(modifier not in _MODIFIERS for modifier in modifiers):
            key = ""
        else:
            if modifiers and len(base) == 1:
                base = base.lower()
            key = "+".join([*sorted(modifiers, key=_MODIFIERS.index), base])
    if not key:
        raise ConfigError(f"no key {clean(text, 30)!r}; keys are written as x, X, /, F5, Ctrl+X, Alt+X, PgDn, Esc")
    return key
