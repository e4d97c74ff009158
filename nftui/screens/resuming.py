"""The live screen as it was when it was left: what goes into the session and comes back from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from nftui.errors import NftuiError
from nftui.screens.actions import VIEW_TITLES
from nftui.screens.live import LiveScreen
from nftui.screens.session import Session

_MOST_FILTER = 4096
_MOST_LIST = 24 << 10
"""Bytes of each of the lists, columns and bookmarks: with all else they fit into the file."""


def resume(screen: LiveScreen, session: Session, configured_filter: str, keep_filter: bool) -> None:
    """Put what the session says onto a screen that is not shown yet.

    Args:
        screen: the screen.
        session: what was kept.
        configured_filter: filter to start with; one that differs from that of the session's start wins.
        keep_filter: it was typed for this start, and wins.
    """
    place = screen.trail.place
    view = session.text("view")
    if view in VIEW_TITLES:
        place = replace(place, view=view)
        sort = session.text("sort")
        if sort.isidentifier():
            place = replace(place, sort=sort, descending=session.flag("descending", True))
    kept = session.text("filter", _MOST_FILTER)
    known = session.text("configured_filter", _MOST_FILTER) == configured_filter
    if known and not keep_filter and kept != place.filter:
        try:
            screen.read_filter(kept)
        except NftuiError:
            kept = place.filter
        place = replace(place, filter=kept)
    screen.trail.change(view=place.view, sort=place.sort, descending=place.descending, filter=place.filter)
    shown = screen.display_options
    screen.display_options = replace(
        shown, bits=session.flag("bits", shown.bits), names=session.flag("names", shown.names)
    )
    screen.chart_wanted = session.flag("chart", True)
    screen.unscaled = session.flag("unscaled", False)
    screen.choices.recall(session.table("columns"))
    screen.bookmarks.recall(session.table("bookmarks"))


def remember(screen: LiveScreen, session: Session, configured_filter: str) -> None:
    """Put the state of a screen into the session."""
    place = screen.trail.place
    for name, value in (
        ("view", place.view), ("sort", place.sort), ("descending", place.descending), ("filter", place.filter),
        ("configured_filter", configured_filter), ("bits", screen.display_options.bits),
        ("names", screen.display_options.names), ("chart", screen.chart_wanted), ("unscaled", screen.unscaled),
        ("columns", _latest(screen.choices.kept())), ("bookmarks", _latest(screen.bookmarks.kept(screen.store))),
    ):  # fmt: skip
        session.keep(name, value)


def _latest(entries: Mapping[str, object]) -> dict[str, object]:
    """As many of the last entries as there is room for."""
    room = _MOST_LIST
    found: dict[str, object] = {}
    for name, value in reversed(list(entries.items())):
        room -= len(json.dumps({name: value}))
        if room < 0:
            break
        found[name] = value
    return dict(reversed(list(found.items())))
