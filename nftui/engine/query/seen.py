"""Values that occur in stored flows, as they are typed in a filter: what `complete` offers from the data."""

from __future__ import annotations

from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.lexer import is_word
from nftui.engine.query.orders import Order
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.statistics import Statistic, StatisticRequest
from nftui.engine.query.time import Window
from nftui.engine.schema import FIELDS, Field, Show
from nftui.text import address, clean, mac, protocol


class SeenValues:
    """The most frequent values of fields, each asked for once.

    Args:
        session: where the flows are; a recent part of a store answers soonest.
        window: which of them to look at.
        most: values of a field.
    """

    def __init__(self, session: FlowSession, window: Window = Window(), most: int = 100) -> None:  # noqa: B008
        self._query = Query(session, parse_filter(""), window)
        self._most = most
        self._known: dict[tuple[str, ...], list[str]] = {}

    def __call__(self, fields: tuple[str, ...]) -> list[str]:
        """Values that any of the fields has, most flows first; none for counters and what is computed."""
        if fields not in self._known:
            usable = fields and all(name in FIELDS and FIELDS[name].groupable for name in fields)
            self._known[fields] = self._ask(fields) if usable else []
        return self._known[fields]

    def _ask(self, fields: tuple[str, ...]) -> list[str]:
        statistic = Statistic("", "", fields, fields[0])
        [ranking] = self._query.rank(StatisticRequest(statistic, False, (Order("flows", False),)), self._most)
        values = (group.key[0] for group in ranking.groups)
        return [typed(FIELDS[fields[0]], value) for value in values if value is not None]


def typed(item: Field, value: int | str) -> str:
    """A value of a field as it is typed in a filter."""
    if isinstance(value, str):
        text = clean(value)
        return text if is_word(text) else f'"{text}"'
    if item.show is Show.ADDRESS:
        return address(value)
    if item.show is Show.MAC:
        return mac(value)
    if item.show is Show.PROTOCOL:
        return protocol(value).lower()
    if item.show is Show.ENUM:
        return dict(item.names).get(value, str(value)).lower().replace(" ", "-")
    return str(value)
