"""One line that says whether anything was lost: quiet as long as nothing was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nftui.widgets.ribbon import Item, Ribbon, Role

_ROLES: dict[str, Role] = {"quiet": "dim", "info": "plain", "warn": "warn", "bad": "bad"}


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure of the strip.

    Attributes:
        name: what it is.
        value: its value as text.
        level: `quiet` when nothing happened in the last minute; `info` for plain figures.
        rank: which figures leave first on a narrow screen; 0 never does. Figures above `quiet` never leave
            before quiet ones.
        action: what a click on it asks for.
    """

    name: str
    value: str
    level: Literal["quiet", "info", "warn", "bad"] = "quiet"
    rank: int = 1
    action: str = "exporters"


class HealthStrip(Ribbon):
    """Receive rate, losses and disk. A click on one opens the screen that says more."""

    def set_indicators(self, indicators: Sequence[Indicator], right: Sequence[Item] = ()) -> None:
        """Show these figures."""
        items = []
        for indicator in indicators:
            loud = indicator.level in {"warn", "bad"}
            rank = 1 if loud else 1 + indicator.rank if indicator.rank else 0
            role = _ROLES[indicator.level]
            items.append(Item(f"{indicator.name} {indicator.value}", role, rank, action=indicator.action))
        self.show(items, right)
