"""Flows of a query in the order of one of their times, for replay."""

from __future__ import annotations

import os
from collections.abc import Iterator

from nftui.engine.batch import FlowBatch
from nftui.engine.query.query import Query
from nftui.engine.query.session import Part, Session
from nftui.engine.schema import CORE, FIELDS
from nftui.engine.store.arrow import from_arrow
from nftui.engine.store.layout import HOUR_MS, SEALED_SUFFIX, parse_file


def in_order(
    query: Query, session: Session, by: str, limited: bool, since_ms: int | None = None
) -> Iterator[FlowBatch]:
    """All flows that pass, in batches.

    Args:
        query: which flows.
        session: where they are.
        by: field of the time.
        limited: the query counts flows; then files are not read one after the other.
        since_ms: only flows from that time on, UTC ms.
    """
    present = session.present()
    fields = [name for name, item in FIELDS.items() if name in CORE or item.physical[0] in present]
    columns = ", ".join(column for name in fields for column in FIELDS[name].physical)
    some = "" if since_ms is None else f" WHERE {by} >= {since_ms:d}"

    def statement(source: str) -> str:
        return f"SELECT {columns} FROM {source}{some} ORDER BY {by}, time_flow_start_ms, src_port"  # noqa: S608

    # Files are in the order of reception: only for this order each can be read for itself.
    parts: list[Part | None] = [None] if limited or by != "time_received_ms" else list(session.parts())
    for part in parts:
        if part is not None and since_ms is not None and _over(part, since_ms):
            continue
        for batch in session.batches(*query.over(fields, statement, part), part):
            if batch.num_rows:
                yield from_arrow(batch)


def _over(part: Part, since_ms: int) -> bool:
    """Whether all flows of the files were received before a time, as their names tell."""
    names = [parse_file(os.path.basename(path), SEALED_SUFFIX) for path in part.files]
    return not part.live and all(name is not None and name.slot_ms + HOUR_MS < since_ms for name in names)
