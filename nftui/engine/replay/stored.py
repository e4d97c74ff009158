"""Flows of a query in the order of one of their times, for replay."""

from __future__ import annotations

from collections.abc import Iterator

from nftui.engine.batch import FlowBatch
from nftui.engine.query.query import Query
from nftui.engine.query.session import Part, Session
from nftui.engine.schema import CORE, FIELDS
from nftui.engine.store.arrow import from_arrow


def in_order(query: Query, session: Session, by: str, limited: bool) -> Iterator[FlowBatch]:
    """All flows that pass, in batches.

    Args:
        query: which flows.
        session: where they are.
        by: field of the time.
        limited: the query counts flows; then files are not read one after the other.
    """
    present = session.present()
    fields = [name for name, item in FIELDS.items() if name in CORE or item.physical[0] in present]
    columns = ", ".join(column for name in fields for column in FIELDS[name].physical)

    def statement(source: str) -> str:
        return f"SELECT {columns} FROM {source} ORDER BY {by}, time_flow_start_ms, src_port"  # noqa: S608

    # Files are in the order of reception: only for this order each can be read for itself.
    parts: list[Part | None] = [None] if limited or by != "time_received_ms" else list(session.parts())
    for part in parts:
        for batch in session.batches(*query.over(fields, statement, part), part):
            if batch.num_rows:
                yield from_arrow(batch)
