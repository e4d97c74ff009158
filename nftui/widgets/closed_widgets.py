"""Lets go of what Textual keeps of widgets that are gone.

`StylesCache.get_inner_outer` (textual 8.2.8) remembers its last 1024 calls by the instance that was asked. Each such
cache holds the painted lines of a widget, about 5 KB a line: screens that are opened and closed all day would be
kept until 1024 others have followed, which is 150 MB.
"""

from __future__ import annotations

from textual._styles_cache import StylesCache

INTERVAL_SECONDS = 20.0
"""How often it is worth doing: it costs nothing, and colours are asked for anew."""


def forget_closed_widgets() -> None:
    """Forget which colours which widget asked for, and with it the widgets that are gone."""
    StylesCache.get_inner_outer.cache_clear()
