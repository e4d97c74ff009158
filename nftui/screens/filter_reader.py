"""How a filter that is typed on the screen is understood: with the names that the configuration gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nftui.errors import FilterError

if TYPE_CHECKING:
    from nftui.engine.query.filters import Filter
    from nftui.engine.query.tree import Block


@dataclass(frozen=True, slots=True)
class FilterReader:
    """Parses filters in the event loop, so that nothing is looked up in the network or read from files.

    Attributes:
        saved: saved filters by name.
        exporters: networks of a named exporter; None for names that nobody gave.
        fixed: names of saved filters that stand in the configuration, which the program does not write.
        saved_file: where filters are saved; None: for this session only.
        history_file: where typed filters are kept; None: for this session only.
    """

    saved: Mapping[str, str] = field(default_factory=dict)
    exporters: Callable[[str], list[Block] | None] = lambda _: None
    fixed: frozenset[str] = frozenset()
    saved_file: Path | None = None
    history_file: Path | None = None

    def __call__(self, text: str) -> Filter | None:
        """The parsed filter, None for an empty text. Raises FilterError."""
        from nftui.engine.query.parser import Surroundings, parse_filter

        if not text.strip():
            return None
        try:
            return parse_filter(text, Surroundings(saved=self.saved, exporters=self.exporters))
        except FilterError as error:
            if error.text in {"", text}:
                raise
            # The wrong place is in a saved filter, which the line does not show.
            raise FilterError(f"{error.message}, in {error.text!r}", text, 0, len(text)) from error
