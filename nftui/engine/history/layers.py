"""What the layers of a chart over time are: each flow is in one of them, so that they add up to all traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nftui import text
from nftui.engine.history.question import Question
from nftui.engine.query.addresses import address_value

Values = tuple[Any, ...]
_NOTHING = "-"
_WITH_PORTS = (6, 17, 33, 132, 136)
"""TCP, UDP, DCCP, SCTP, UDP-Lite: of other protocols the port fields hold something else or nothing."""


@dataclass(frozen=True, slots=True)
class Layering:
    """A way to divide flows.

    Attributes:
        columns: SQL expressions over a flow that make its layer.
        fields: registry fields that they read.
        label: name of a layer from the values of the columns.
    """

    columns: tuple[str, ...]
    fields: tuple[str, ...]
    label: Callable[[Values], str]


def _protocol(values: Values) -> str:
    return _NOTHING if values[0] is None else text.protocol(values[0])


def _port(values: Values) -> str:
    port, proto = values
    return _protocol((proto,)) if port is None else f"{port}/{_protocol((proto,))}"


def _exporter(values: Values) -> str:
    address = address_value(values[0], values[1])
    return _NOTHING if address is None else text.address(address)


def _interface(values: Values) -> str:
    return f"{_exporter(values)} {_NOTHING if values[2] is None else values[2]}"


_EXPORTER = ("sampler_address_hi", "sampler_address_lo")

LAYERINGS: dict[str, Layering] = {
    "proto": Layering(("proto",), ("proto",), _protocol),
    "port": Layering(
        (f"CASE WHEN proto IN {_WITH_PORTS} THEN LEAST(src_port, dst_port) END", "proto"),
        ("src_port", "dst_port", "proto"),
        _port,
    ),
    "exporter": Layering(_EXPORTER, ("sampler_address",), _exporter),
    "interface": Layering((*_EXPORTER, "in_if"), ("sampler_address", "in_if"), _interface),
}
"""By the names of `TimelineRequest.by`. A port is the lower one of a flow, which is the server's more often than not;
an interface is the one that the flow came in by."""


def busiest(question: Question, layering: Layering, measure: str, count: int) -> list[Values]:
    """The layers with the largest sums over all flows of a question."""
    amounts = question.amounts
    sums = {"bytes": amounts.octets(True), "packets": amounts.total("pk", True), "flows": "SUM(flows)"}
    named = [f"{column} AS k{i}" for i, column in enumerate(layering.columns)]
    keys = ", ".join(f"k{i}" for i in range(len(named)))
    ties = ", ".join(f"k{i} NULLS LAST" for i in range(len(named)))

    def statement(source: str) -> str:
        return (
            f"SELECT {keys} FROM ({amounts.relation(source, *named)}) AS counted GROUP BY {keys} "  # noqa: S608
            f"ORDER BY {sums[measure]} DESC, {ties} LIMIT {count}"
        )

    return question.session.all_rows(*question.over(layering.fields, statement))


def code_sql(layering: Layering, layers: Sequence[Values]) -> str:
    """SQL expression over a flow: the place of its layer, or one more than there are for all others."""
    cases = []
    for place, values in enumerate(layers):
        same = " AND ".join(
            f"{column} IS {'NULL' if value is None else f'NOT DISTINCT FROM {value}'}"
            for column, value in zip(layering.columns, values, strict=True)
        )
        cases.append(f"WHEN {same} THEN {place}")
    return f"CASE {' '.join(cases)} ELSE {len(layers)} END" if cases else "0"
