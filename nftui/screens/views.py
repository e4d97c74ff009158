"""All views: those with a tab, conversations, and one for each statistic of `nftui dump -s`."""

from __future__ import annotations

from dataclasses import dataclass

from nftui.screens.actions import VIEW_TITLES

CONVERSATIONS = "conversation"
STATISTIC = "by:"
"""A view of a statistic is this and its name; see `nftui.engine.live.snapshot`."""

_SPLIT = ("port", "srcport", "dstport")
"""Statistics that are also offered per protocol."""


@dataclass(frozen=True, slots=True)
class ViewEntry:
    """A view that can be chosen.

    Attributes:
        view: as in `LiveRequest.view`.
        title: a word or two.
        words: what else it may be looked for by: names of the statistic and of its fields.
    """

    view: str
    title: str
    words: str


def view_title(view: str) -> str:
    """A view in a word or two, for trail and title."""
    if view in VIEW_TITLES:
        return VIEW_TITLES[view]
    if view == CONVERSATIONS:
        return "conversations"
    return f"by {view.removeprefix(STATISTIC)}"


def all_views() -> list[ViewEntry]:
    """Every view, those with a tab first; a statistic with several names once."""
    from nftui.engine.query.statistics import STATISTICS

    found = [ViewEntry(view, title, "") for view, title in VIEW_TITLES.items()]
    found.append(ViewEntry(CONVERSATIONS, "conversations", "both directions stitched, who opened them"))
    names: dict[tuple[str, ...], list[str]] = {}
    for name, statistic in STATISTICS.items():
        names.setdefault(statistic.fields, []).append(name)
    for fields, known in names.items():
        title = STATISTICS[known[0]].title
        words = " ".join(dict.fromkeys([*known, *fields]))
        found.append(ViewEntry(f"{STATISTIC}{known[0]}", title, words))
        found += [ViewEntry(f"{STATISTIC}{name}:p", f"{title}, per protocol", name) for name in known if name in _SPLIT]
    return found


def known_view(view: str) -> bool:
    """Whether there is such a view."""
    from nftui.engine.query.statistics import STATISTICS

    if view in VIEW_TITLES or view == CONVERSATIONS:
        return True
    name, _, split = view.removeprefix(STATISTIC).partition(":")
    return view.startswith(STATISTIC) and name in STATISTICS and split in {"", "p"}
