"""One flow out of several records: `--stitch` joins what an active timeout cut, `--dedup` drops further copies.

Both look at records with the same protocol, addresses and ports in order of time. A pause longer than `gap_ms`
between the end of all records so far and the start of the next one begins something new.

Stitching also keeps apart records of different exporters, observation domains, inbound interfaces, types of service,
directions and sampling rates, and a new connection on old ports: after the exporter's own end of flow (element 136,
value 3), and where SYN follows FIN or RST.

Copies are records of the same traffic from several observers: exporters, observation domains of one, or both
directions (element 61) of one. The observer with the lowest sampling rate is kept, of equal ones that with the most
packets, then the one with the lowest address; all its records count, none of the others'.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nftui.engine.query.aggregate import summed_sql
from nftui.engine.query.sql import value_sql
from nftui.engine.query.statistics import RECORD
from nftui.engine.schema import FIELDS

STITCH_GAP_MS = 60_000
"""Longest pause within a stitched flow, unless told otherwise: the usual idle timeouts are shorter."""
DEDUP_GAP_MS = 5_000
"""Longest pause between copies, unless told otherwise: clocks of exporters differ."""

_START, _END = "time_flow_start_ms", "time_flow_end_ms"
_OBSERVER = ("sampler_address", "observation_domain_id", "direction")
_STITCHED = (*RECORD, "sampler_address", "observation_domain_id", "in_if", "ip_tos", "direction", "sampling_rate")
_END_OF_FLOW = 3
_FIN_RST, _SYN = 5, 2


@dataclass(frozen=True, slots=True)
class Stitched:
    """Flows whose slices are joined.

    Attributes:
        gap_ms: longest pause between two slices.
    """

    gap_ms: int = STITCH_GAP_MS

    @property
    def reason(self) -> str:
        """Why roll-ups cannot answer."""
        return "slices are stitched flow by flow"

    def reads(self, fields: Iterable[str]) -> set[str]:
        """The fields, and what tells the slices of a flow."""
        return {*fields, *_STITCHED, _START, _END, "tcp_flags", "flow_end_reason"}

    def sql(self, source: str, fields: Sequence[str]) -> str:
        """One row per flow: sums of the counters, all flags, the last slice's end reason, one flow."""
        keys = _columns(_STITCHED)
        over = f"OVER (PARTITION BY {', '.join(keys)} ORDER BY {_START}, {_END})"
        ended = (
            f"COALESCE(LAG(flow_end_reason) {over} = {_END_OF_FLOW} AND {_START} >= LAG({_END}) {over}, FALSE) OR "
            f"COALESCE((LAG(tcp_flags) {over} & {_FIN_RST}) > 0 AND (tcp_flags & {_SYN}) > 0 AND {_START} >= "
            f"LAG({_END}) {over}, FALSE)"
        )
        single, several = _parted(source, keys, "COUNT(*) > 1")
        runs = _runs(several, keys, self.gap_ms, ended)
        columns: list[str] = []
        for name in fields:
            if name in _STITCHED:
                columns += FIELDS[name].physical
            elif name == "flows":
                columns.append("MAX(flows) AS flows")
            elif name == "flow_end_reason":
                columns.append(f"ARG_MAX(flow_end_reason, {_END}) AS flow_end_reason")
            else:
                columns += summed_sql(name, scaled=False)
        return (
            f"{single}SELECT {', '.join(_columns(fields))} FROM alone UNION ALL "  # noqa: S608
            f"SELECT {', '.join(columns)} FROM ({runs}) AS slices GROUP BY {', '.join(keys)}, run"
        )


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """Flows without the copies that further observers reported.

    Attributes:
        gap_ms: longest pause between copies.
    """

    gap_ms: int = DEDUP_GAP_MS

    @property
    def reason(self) -> str:
        """Why roll-ups cannot answer."""
        return "copies are told flow by flow"

    def reads(self, fields: Iterable[str]) -> set[str]:
        """The fields, and what tells flows and observers."""
        return {*fields, *RECORD, *_OBSERVER, _START, _END, "packets", "sampling_rate"}

    def sql(self, source: str, fields: Sequence[str]) -> str:
        """The flows of one observer in each run of records with equal ends."""
        keys, observer = ", ".join(_columns(RECORD)), ", ".join(_columns(_OBSERVER))
        seen_by = f"hash({observer})"
        single, several = _parted(source, _columns(RECORD), f"MIN({seen_by}) <> MAX({seen_by})")
        runs = _runs(several, _columns(RECORD), self.gap_ms, "FALSE")
        seen = (
            "SELECT *, MAX(COALESCE(sampling_rate, 1)) OVER seen AS seen_rate, "  # noqa: S608
            f"SUM({value_sql('packets')}) OVER seen AS seen_packets FROM ({runs}) AS running "
            f"WINDOW seen AS (PARTITION BY {keys}, run, {observer})"
        )
        ranked = (
            f"SELECT *, DENSE_RANK() OVER (PARTITION BY {keys}, run ORDER BY seen_rate, "  # noqa: S608
            f"seen_packets DESC NULLS LAST, {observer}) AS place FROM ({seen}) AS counted"
        )
        columns = ", ".join(_columns(fields))
        return (
            f"{single}SELECT {columns} FROM alone UNION ALL SELECT {columns} FROM ({ranked}) AS ranked WHERE place = 1"  # noqa: S608
        )


def _parted(source: str, keys: Sequence[str], several: str) -> tuple[str, str]:
    """A WITH clause for flows whose keys need no closer look (`alone`), and the relation of the others.

    Keys are told by their hashes, and so are observers: sorting all flows by them takes several times as long. Keys
    with equal hashes only cause a closer look; two observers of one flow with equal hashes are one in 2^64.

    Args:
        source: relation of flows.
        keys: columns of the keys.
        several: condition on the flows of a key under which they need a closer look.
    """
    key = f"hash({', '.join(keys)})"
    text = (
        f"WITH several AS MATERIALIZED (SELECT {key} AS key FROM {source} GROUP BY {key} HAVING {several}), "  # noqa: S608
        f"alone AS NOT MATERIALIZED (SELECT * FROM {source} ANTI JOIN several ON {key} = several.key) "
    )
    return text, f"(SELECT * FROM {source} SEMI JOIN several ON {key} = several.key) AS looked_at"  # noqa: S608


def _runs(source: str, keys: Sequence[str], gap_ms: int, ended: str) -> str:
    """The flows with a number `run` that is the same for those with equal keys and no longer pause between them."""
    by = f"PARTITION BY {', '.join(keys)} ORDER BY {_START}, {_END}"
    before = f"MAX({_END}) OVER ({by} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    begins = (
        f"SELECT *, CASE WHEN {_START} <= {before} + {gap_ms} AND NOT ({ended}) THEN 0 ELSE 1 END AS begins "  # noqa: S608
        f"FROM {source}"
    )
    # Flows with equal times are one step of this sum, so that none of them falls into the run before.
    return f"SELECT *, SUM(begins) OVER ({by}) AS run FROM ({begins}) AS beginning"  # noqa: S608


def _columns(names: Iterable[str]) -> list[str]:
    return [column for name in names for column in FIELDS[name].physical]
