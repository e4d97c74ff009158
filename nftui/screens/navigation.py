"""Where the user is, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nftui.screens.views import view_title

if TYPE_CHECKING:
    from nftui.engine.history.values import TimeRange


@dataclass(frozen=True, slots=True)
class Place:
    """One position of the live screen.

    Attributes:
        view: as in `LiveRequest.view`.
        filter: text of the filter, valid or empty.
        sort: column, empty for the view's first choice.
        descending: largest first.
        cursor: key of the row under the cursor; None while it rests on the first row.
        crumb: what led here, for the trail.
        within: the time that is looked at; None for the live window.
    """

    view: str = "host"
    filter: str = ""
    sort: str = ""
    descending: bool = True
    cursor: int | None = None
    crumb: str = ""
    within: TimeRange | None = None


class Trail:
    """The place now and those to go back to."""

    _DEPTH = 50

    def __init__(self, place: Place) -> None:
        self.place = place
        self._before: list[Place] = []

    @property
    def depth(self) -> int:
        """Steps that `back` can make."""
        return len(self._before)

    def change(self, **values: object) -> None:
        """Change the place without a step back to what it was."""
        self.place = replace(self.place, **values)  # type: ignore[arg-type]

    def enter(self, place: Place) -> None:
        """Go somewhere that `back` returns from. The time stays: it has a history of its own."""
        self._before = [*self._before, self.place][-self._DEPTH :]
        self.place = replace(place, within=self.place.within)

    def back(self) -> bool:
        """Return to the place before, at the time that is looked at now; False when there is none."""
        if not self._before:
            return False
        self.place = replace(self._before.pop(), within=self.place.within)
        return True

    def forget(self) -> None:
        """The place now becomes the beginning."""
        self._before.clear()

    def steps(self) -> list[str]:
        """The way here in words, a text for each place: `hosts`, `192.0.2.1 > latest`."""
        return [
            " > ".join(word for word in (place.crumb, view_title(place.view)) if word)
            for place in (*self._before, self.place)
        ]

    def crumbs(self) -> str:
        """The way here in words: `hosts > 192.0.2.1 > latest`."""
        return " > ".join(self.steps())
