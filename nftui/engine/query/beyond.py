"""What flows of a window carried before and after it, for rates over the window that was asked for."""

from __future__ import annotations

from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.passed import passed_sql
from nftui.engine.query.query import Query
from nftui.engine.query.sql import value_sql

_READ = ("time_flow_start_ms", "time_flow_end_ms", "packets", "bytes", "sampling_rate")


def find_beyond(session: FlowSession, query: Query, scaled: bool) -> tuple[int, int]:
    """Packets and bytes outside of the window, each flow spread evenly over its life as for series.

    Args:
        session: where the flows are.
        query: which flows; its window has both ends.
        scaled: apply sampling.
    """
    start, end = query.window.start_ms, query.window.end_ms
    assert start is not None
    assert end is not None
    low, high = passed_sql("{0}", str(start)), passed_sql("{0}", str(end))
    outside = [
        f"COALESCE(SUM({name} - (({high.format(name)}) - ({low.format(name)}))), 0)" for name in ("packets", "bytes")
    ]

    def statement(source: str) -> str:
        values = ", ".join(f"COALESCE({value_sql(name, scaled)}, 0) AS {name}" for name in ("packets", "bytes"))
        ends = "GREATEST(time_flow_start_ms, time_flow_end_ms)"
        crossing = (
            f"SELECT time_flow_start_ms AS s, {ends} AS e, {values} FROM {source} "  # noqa: S608
            f"WHERE time_flow_start_ms < {start} OR {ends} > {end}"
        )
        return f"SELECT {', '.join(outside)} FROM ({crossing}) AS crossing"  # noqa: S608

    [(packets, octets)] = session.all_rows(*query.over(_READ, statement))
    return int(packets), int(octets)
