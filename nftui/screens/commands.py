"""What the command line offers for what has been typed: actions of the table, the ones of this screen first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nftui.screens.action import Action
from nftui.screens.action_table import DIALOGS, SCREENS, ActionTable

ALIASES: dict[str, str] = {"q": "quit", "q!": "quit", "wq": "quit", "x": "quit", "h": "help"}
"""What fingers type after a colon in other programs."""

Choices = Callable[[Action], Sequence[str]]
"""What may follow an action's name, empty when anything may."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the list.

    Attributes:
        action: what is done.
        text: what stands in the box when the line is taken.
        keys: its keys, empty when it has none.
        note: what it does.
    """

    action: Action
    text: str
    keys: str
    note: str


def offers(table: ActionTable, screen: str, typed: str, choices: Choices) -> list[Offer]:
    """Lines for what was typed, the best first.

    Args:
        table: all actions.
        screen: scope of the screen below, whose actions come first.
        typed: text of the box.
        choices: known arguments of an action.
    """
    word, blank, rest = typed.lstrip().partition(" ")
    word = ALIASES.get(word, word)
    named = {action.name: action for action in table.actions}
    if blank and word in named and named[word].argument:
        action = named[word]
        known = [value for value in choices(action) if value.startswith(rest.strip())]
        return [Offer(action, f"{word} {value}", "", action.doc) for value in known] or [
            Offer(action, f"{word} {rest}".rstrip(), action.key_text, f"{action.argument}: {action.doc}")
        ]
    own = SCREENS.get(screen, ())
    found = []
    for place, action in enumerate(_offered(table)):
        rank = _rank(action, word.lower())
        if rank is not None:
            found.append((rank, action.scope not in own, place, action))
    return [Offer(action, action.name, action.key_text, _note(action, own)) for *_, action in sorted(found, key=_order)]


def argument(offer: Offer) -> str:
    """What follows the action's name in the text of an offer."""
    return offer.text.partition(" ")[2].strip()


def _order(found: tuple[int, bool, int, Action]) -> tuple[int, bool, int]:
    return found[:3]


def _offered(table: ActionTable) -> Iterable[Action]:
    return (action for action in table.actions if action.scope not in DIALOGS and action.name != "commands")


def _note(action: Action, own: Sequence[str]) -> str:
    return action.doc if action.scope in own else f"{action.group}: {action.doc}"


def _rank(action: Action, word: str) -> int | None:
    """How well an action answers a word: 0 is its name; None when it does not."""
    name = action.name
    if not word or name == word:
        return 0
    if name.startswith(word):
        return 1
    if any(part.startswith(word) for part in name.split("-")):
        return 2
    if word in name or word in action.label.lower():
        return 3
    if word in action.doc.lower():
        return 4
    letters = iter(name)
    return 5 if all(letter in letters for letter in word) else None
