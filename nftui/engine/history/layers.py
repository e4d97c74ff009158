"""What the layers of a chart over time are: each flow is in one of them, so that they add up to all traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nftui import text
from nftui.engine.history.question import Question
from nftui.engine.query.addresses import address_value
from nftui.engine.query.flow_session import Part
from nftui.engine.query.rollup import CHARTS, MINUTE_MS, rows_sql

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
        rolled: the same columns in the section of a roll-up; empty if there is none.
    """

    columns: tuple[str, ...]
    fields: tuple[str, ...]
    label: Callable[[Values], str]
    rolled: tuple[str, ...] = ()


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
    "proto": Layering(("proto",), ("proto",), _protocol, ("key_lo",)),
    "port": Layering(
        (f"CASE WHEN proto IN {_WITH_PORTS} THEN LEAST(src_port, dst_port) END", "proto"),
        ("src_port", "dst_port", "proto"),
        _port,
    ),
    "exporter": Layering(_EXPORTER, ("sampler_address",), _exporter, ("key_hi", "key_lo")),
    "interface": Layering(
        (*_EXPORTER, "in_if"), ("sampler_address", "in_if"), _interface, ("key_hi", "key_lo", "key_more")
    ),
}
"""By the names of `TimelineRequest.by`. A port is the lower one of a flow, which is the server's more often than not;
an interface is the one that the flow came in by."""


def charts_of(question: Question, by: str, step_ms: int) -> dict[str, str]:
    """Roll-ups with all of a chart of their hours, by the paths of the flows; none if buckets are not whole minutes."""
    if step_ms % MINUTE_MS or by not in CHARTS or question.plan(("minute",)).reason:
        return {}
    return {
        path: slot.rollup_file
        for path, slot in question.session.sources.rollups.items()
        if slot.rollup is not None and slot.rollup_file is not None and by in slot.rollup.charts
    }


def busiest(question: Question, by: str, measure: str, count: int, step_ms: int) -> list[Values]:
    """The layers with the largest sums over all flows of a question.

    Args:
        question: which flows.
        by: one of `LAYERINGS`.
        measure: `bytes`, `packets` or `flows`.
        count: layers wanted.
        step_ms: length of a bucket, of which the question's range is a multiple. Of hours whose roll-ups know the
            chart, what passed within the range decides, of others all of the flows.
    """
    layering, amounts, session = LAYERINGS[by], question.amounts, question.session
    sums = {"bytes": amounts.octets(True), "packets": amounts.total("pk", True), "flows": "SUM(flows)"}
    keys = ", ".join(f"k{i}" for i in range(len(layering.columns)))
    ties = ", ".join(f"k{i} NULLS LAST" for i in range(len(layering.columns)))

    def named(columns: Sequence[str]) -> list[str]:
        return [f"{column} AS k{i}" for i, column in enumerate(columns)]

    def text(_: str) -> str:
        charts = charts_of(question, by, step_ms)
        files = [path for path in session.sources.files if path not in charts]
        columns = f"{keys}, flows, fwd, bwd, pk"

        def statement(source: str) -> str:
            counted = f"SELECT {columns} FROM ({amounts.relation(source, *named(layering.columns))}) AS flows_counted"  # noqa: S608
            if charts:
                octets, packets = (f"COALESCE(scaled_{n}, {n})" if amounts.scaled else n for n in ("bytes", "packets"))
                counted += (
                    f" UNION ALL SELECT {', '.join(named(layering.rolled))}, flows, {octets} AS fwd, 0 AS bwd, "  # noqa: S608
                    f"{packets} AS pk FROM ({rows_sql(list(charts.values()), (CHARTS[by].kind,))}) AS minutes "
                    f"WHERE minute >= {question.within.start_ms} AND minute < {question.within.end_ms}"
                )
            return (
                f"SELECT {keys} FROM ({counted}) AS counted GROUP BY {keys} "  # noqa: S608
                f"ORDER BY {sums[measure]} DESC, {ties} LIMIT {count}"
            )

        names, over = question.over(layering.fields, statement)
        return over(session.relation(names, Part(tuple(files), True)))

    return session.all_rows((), text)


def code_sql(columns: Sequence[str], layers: Sequence[Values]) -> str:
    """SQL expression: the place of the layer that the columns name, or one more than there are for all others."""
    cases = []
    for place, values in enumerate(layers):
        same = " AND ".join(
            f"{column} IS {'NULL' if value is None else f'NOT DISTINCT FROM {value}'}"
            for column, value in zip(columns, values, strict=True)
        )
        cases.append(f"WHEN {same} THEN {place}")
    return f"CASE {' '.join(cases)} ELSE {len(layers)} END" if cases else "0"
