"""Other addresses on the screen than the real ones, for screenshots and for people who look over the shoulder.

Only what is written is replaced: filters, sorting and the way down to a flow go on with the real addresses. The key
is made when the program starts and is kept nowhere, so that nobody can go back, and no two runs show the same.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from nftui.text import address
from nftui.widgets.flow_detail import DetailLine
from nftui.widgets.ribbon import Item

if TYPE_CHECKING:
    from nftui.engine.anonymise import Anonymiser

_WORD = re.compile(r"(?<![\w.:])(?:[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*:[0-9a-fA-F.:]*|\d{1,3}(?:\.\d{1,3}){3})(?![\w:])")
_MAPPED = 0xFFFF << 32
_REMEMBERED = 65_536


class Curtain:
    """Replaces addresses in texts while it is drawn.

    Attributes:
        drawn: whether it is.
    """

    def __init__(self) -> None:
        self.drawn = False
        self._word = lru_cache(_REMEMBERED)(self._replace)

    @cached_property
    def _anonymiser(self) -> Anonymiser:
        from nftui.engine.anonymise import Anonymiser, random_key

        return Anonymiser(random_key())

    def text(self, text: str) -> str:
        """The text with other addresses in it, if the curtain is drawn."""
        return _WORD.sub(lambda found: self._word(found[0]), text) if self.drawn else text

    def items(self, items: Sequence[Item]) -> list[Item]:
        """Words of a line likewise."""
        return [replace(item, text=self.text(item.text)) for item in items] if self.drawn else list(items)

    def details(self, lines: Sequence[DetailLine]) -> list[DetailLine]:
        """Fields of a flow likewise, without those that name people and machines; filters stay as they are."""
        if not self.drawn:
            return list(lines)
        from nftui.engine.anonymise import REMOVED

        return [replace(line, value=self.text(line.value)) for line in lines if line.name not in REMOVED]

    def _replace(self, word: str) -> str:
        try:
            value = ipaddress.ip_address(word)
        except ValueError:
            return word
        number = int(value) if value.version == 6 else _MAPPED | int(value)
        return address(self._anonymiser.address(number))
