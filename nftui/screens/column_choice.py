"""Which columns the user wants in each view, in which order, how wide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nftui.widgets.column_dialog import NARROWEST, WIDEST
from nftui.widgets.table_layout import Column


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """Columns of one view.

    Attributes:
        names: columns in their order; empty for those that fit.
        widths: cells of the columns that were resized.
    """

    names: tuple[str, ...] = ()
    widths: Mapping[str, int] = field(default_factory=dict)


class ColumnChoices:
    """The choices for all views of a session."""

    def __init__(self) -> None:
        self.by_view: dict[str, ColumnChoice] = {}

    def of(self, view: str) -> ColumnChoice:
        """The choice for a view."""
        return self.by_view.get(view, ColumnChoice())

    def choose(self, view: str, names: Iterable[str], widths: Mapping[str, int]) -> None:
        """Take these columns, or with none those that fit."""
        self.by_view.pop(view, None)  # the latest choice is the last
        self.by_view[view] = ColumnChoice(tuple(names), dict(widths))

    def resize(self, view: str, column: str, width: int) -> None:
        """Another width for a column."""
        choice = self.of(view)
        self.choose(view, choice.names, {**choice.widths, column: width})

    def apply(self, view: str, columns: Sequence[Column]) -> tuple[list[Column], bool]:
        """The columns to show, and whether they scroll instead of leaving when there is no room."""
        choice = self.of(view)
        known = {column.name: column for column in columns}
        names = [name for name in choice.names if name in known]
        chosen = [known[name] for name in names] if names else list(columns)
        sized = [
            replace(column, width=choice.widths[column.name], grow=0) if column.name in choice.widths else column
            for column in chosen
        ]
        return sized, bool(names)

    def kept(self) -> dict[str, object]:
        """What the session keeps: by view, its columns and their widths, the latest choice last."""
        return {view: [list(choice.names), dict(choice.widths)] for view, choice in self.by_view.items()}

    def recall(self, kept: Mapping[str, object]) -> None:
        """Take what a session kept. What is no choice is left out: the file is not trusted."""
        for view, value in kept.items():
            if not isinstance(value, list) or len(value) != 2:
                continue
            names, widths = value
            if isinstance(names, list) and isinstance(widths, dict) and all(isinstance(name, str) for name in names):
                fits = {
                    name: width for name, width in widths.items() if type(width) is int and NARROWEST <= width <= WIDEST
                }
                self.choose(view, dict.fromkeys(names), fits)
