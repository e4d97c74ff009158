"""Where and when indicators were seen: one join of the flows with all indicators at once.

Exact addresses are joined by their two halves, ports by number and protocol. Networks are first turned into the
addresses of theirs that occur at all: masking the distinct addresses is cheaper than masking every flow once per
prefix length. The flows that match go to a temporary table, which goes to disk if it outgrows the memory limit,
and from there into sums, peers, exporters and a timeline.

A flow counts once per indicator, also if both of its ends match. A port of ICMP is a type and code and no port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from nftui.engine.query.addresses import address_value
from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.indicators import Indicator, IndicatorKind
from nftui.engine.query.names import ICMP, ICMP6
from nftui.engine.query.pieces import prefix_groups, signed
from nftui.engine.query.query import Query
from nftui.engine.query.sql import value_sql

TIMELINE_BINS = 24
TOP_PEERS = 3

_FIELDS = (
    "time_flow_start_ms", "time_flow_end_ms", "src_addr", "dst_addr", "src_port", "dst_port", "proto", "flows",
    "packets", "bytes", "sampling_rate", "sampler_address",
)  # fmt: skip
_SOURCE, _DESTINATION = ("src_addr_hi", "src_addr_lo"), ("dst_addr_hi", "dst_addr_lo")
_NUMBER, _KEY = pa.int32(), pa.int64()


@dataclass(frozen=True, slots=True)
class Peer:
    """An address that an indicator was seen with, and what passed between them.

    Attributes:
        address: 128-bit integer, IPv4 mapped; None where the flows have no addresses.
        flows: sum.
        bytes: sum, scaled as the query says.
    """

    address: int | None
    flows: int
    bytes: int


@dataclass(slots=True)
class Sighting:
    """What the flows say about one indicator.

    Attributes:
        first_ms: earliest start of a flow, UTC ms.
        last_ms: latest end.
        records: flow records.
        flows: sum of the records' flows.
        flows_as_source: of these, those with the indicator as source.
        flows_as_destination: those with it as destination; flows with both count in both.
        packets: sum, scaled as the query says.
        bytes: sum, scaled as the query says.
        peers: distinct addresses at the other end; of a port, the addresses that have it.
        top_peers: those with the most bytes, at most `TOP_PEERS`.
        exporters: addresses of those that reported it, most flows first.
        timeline: flows by the bin in which they start, see `Timeline`.
    """

    first_ms: int
    last_ms: int
    records: int
    flows: int
    flows_as_source: int
    flows_as_destination: int
    packets: int
    bytes: int
    peers: int = 0
    top_peers: list[Peer] = field(default_factory=list)
    exporters: list[int] = field(default_factory=list)
    timeline: list[int] = field(default_factory=list)

    @property
    def direction(self) -> str:
        """`source`, `destination` or `both`."""
        if self.flows_as_source and self.flows_as_destination:
            return "both"
        return "source" if self.flows_as_source else "destination"


@dataclass(frozen=True, slots=True)
class Timeline:
    """The bins of all timelines.

    Attributes:
        start_ms: start of the first bin, UTC ms. Flows that started before count in the first bin.
        step_ms: length of a bin.
    """

    start_ms: int
    step_ms: int


@dataclass(frozen=True, slots=True)
class Sightings:
    """What was found.

    Attributes:
        found: by position in the list of indicators, those that were seen.
        timeline: None if nothing was seen.
    """

    found: dict[int, Sighting]
    timeline: Timeline | None


def find_sightings(session: FlowSession, query: Query, indicators: Sequence[Indicator], scaled: bool) -> Sightings:
    """Look for all indicators in the flows of a query.

    Args:
        session: where the flows are.
        query: which flows.
        indicators: what to look for, each once.
        scaled: apply sampling to packets and bytes.
    """
    search = _Search(session, query, scaled)
    hits = search.hits(indicators)
    if hits is None:
        return Sightings({}, None)
    found = search.sums(hits)
    if not found:
        return Sightings({}, None)
    timeline = _bins(query, found.values())
    search.add_peers(hits, found)
    search.add_exporters(hits, found)
    search.add_timelines(hits, found, timeline)
    return Sightings(found, timeline)


def _bins(query: Query, found: Iterable[Sighting]) -> Timeline:
    """Bins over the window that was asked for, or the one in which anything was seen."""
    first = min(sighting.first_ms for sighting in found) if query.window.start_ms is None else query.window.start_ms
    last = max(sighting.last_ms for sighting in found) if query.window.end_ms is None else query.window.end_ms - 1
    return Timeline(first, max(1, -(-(last + 1 - first) // TIMELINE_BINS)))


class _Search:
    """The statements of one search."""

    def __init__(self, session: FlowSession, query: Query, scaled: bool) -> None:
        self._session = session
        self._query = query
        self._name = session.next_table()
        sums = [f"COALESCE({value_sql(name, scaled)}, 0) AS {name}" for name in ("packets", "bytes")]
        self._measures = (
            f"time_flow_start_ms AS first, time_flow_end_ms AS last, flows, {', '.join(sums)}, "
            "sampler_address_hi AS exporter_hi, sampler_address_lo AS exporter_lo"
        )

    def hits(self, indicators: Sequence[Indicator]) -> str | None:
        """Name of a table with a row for each flow and indicator that match; None if there is nothing to look for."""
        branches: list[Callable[[str], list[str]]] = []
        exact = [(n, i) for n, i in enumerate(indicators) if i.kind is IndicatorKind.ADDRESS]
        networks = [(n, i) for n, i in enumerate(indicators) if i.kind in {IndicatorKind.NETWORK, IndicatorKind.RANGE}]
        if exact or networks:
            table = self._addresses(exact, networks)
            branches.append(lambda source: self._by_address(source, table))
        for kind, condition in ((IndicatorKind.PORT, _port_match), (IndicatorKind.ENDPOINT, _endpoint_match)):
            wanted = [(n, i) for n, i in enumerate(indicators) if i.kind is kind]
            if wanted:
                ports = self._ports(f"{self._name}_{kind.value}", wanted)
                branches.append(
                    lambda source, ports=ports, kind=kind, condition=condition: self._by_port(  # type: ignore[misc]
                        source, ports, kind, condition
                    )
                )
        if not branches:
            return None
        name = f"{self._name}_hits"
        self._run(
            lambda source: (
                f"CREATE OR REPLACE TEMP TABLE {name} AS "
                + " UNION ALL ".join(part for branch in branches for part in branch(source))
            )
        )
        return name

    def sums(self, hits: str) -> dict[int, Sighting]:
        """Sums by indicator."""
        rows = self._rows(
            "SELECT id, MIN(first), MAX(last), COUNT(*), SUM(flows), "  # noqa: S608
            "COALESCE(SUM(flows) FILTER (as_source), 0), COALESCE(SUM(flows) FILTER (as_destination), 0), "
            f"SUM(packets), SUM(bytes) FROM {hits} GROUP BY id"
        )
        return {number: Sighting(*map(int, sums)) for number, *sums in rows}  # type: ignore[arg-type]

    def add_peers(self, hits: str, found: dict[int, Sighting]) -> None:
        """Number of peers, and the ones with the most bytes."""
        rows = self._rows(
            f"WITH peers AS (SELECT id, peer_hi, peer_lo, SUM(flows) AS flows, SUM(bytes) AS bytes FROM {hits} "  # noqa: S608
            "GROUP BY id, peer_hi, peer_lo), "
            "ranked AS (SELECT *, COUNT(peer_hi) OVER (PARTITION BY id) AS peers, ROW_NUMBER() OVER "
            "(PARTITION BY id ORDER BY bytes DESC, flows DESC, peer_hi, peer_lo) AS place FROM peers) "
            "SELECT id, peers, peer_hi, peer_lo, flows, bytes FROM ranked "
            f"WHERE place <= {TOP_PEERS} ORDER BY id, place"
        )
        for number, peers, high, low, flows, octets in rows:
            found[number].peers = peers
            found[number].top_peers.append(Peer(address_value(high, low), int(flows), int(octets)))

    def add_exporters(self, hits: str, found: dict[int, Sighting]) -> None:
        """Who reported it."""
        rows = self._rows(
            f"SELECT id, exporter_hi, exporter_lo FROM {hits} GROUP BY ALL "  # noqa: S608
            "ORDER BY id, SUM(flows) DESC, exporter_hi, exporter_lo"
        )
        for number, high, low in rows:
            exporter = address_value(high, low)
            if exporter is not None:
                found[number].exporters.append(exporter)

    def add_timelines(self, hits: str, found: dict[int, Sighting], timeline: Timeline) -> None:
        """Flows by bin."""
        last = TIMELINE_BINS - 1
        place = f"GREATEST(0, LEAST({last}, (first - {timeline.start_ms}) // {timeline.step_ms}))"
        for sighting in found.values():
            sighting.timeline = [0] * TIMELINE_BINS
        for number, bin_place, flows in self._rows(
            f"SELECT id, {place} AS place, SUM(flows) FROM {hits} GROUP BY id, place"  # noqa: S608
        ):
            found[number].timeline[int(bin_place)] = int(flows)

    # Tables of indicators

    def _addresses(self, exact: Sequence[tuple[int, Indicator]], networks: Sequence[tuple[int, Indicator]]) -> str:
        """Name of a table (id, high, low) with every address to look for."""
        name = f"{self._name}_addresses"
        keys = [(n, i.block[0]) for n, i in exact if i.block]
        self._session.add_columns(
            f"{name}_exact", _address_table([(n, signed(a >> 64), signed(a & _LOW)) for n, a in keys])
        )
        parts = [f"SELECT id, high, low FROM {name}_exact"]  # noqa: S608
        by_mask: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for number, indicator in networks:
            assert indicator.block is not None
            for group in prefix_groups([indicator.block]):
                masked = by_mask.setdefault((group.high_mask, group.low_mask), [])
                masked += [(number, high, low) for high, low in group.keys]
        for place, ((high_mask, low_mask), rows) in enumerate(by_mask.items()):
            table = f"{name}_{place}"
            self._session.add_columns(table, _address_table(rows))
            parts.append(
                f"SELECT id, seen.high, seen.low FROM seen JOIN {table} AS wanted "  # noqa: S608
                f"ON (seen.high & {high_mask}) = wanted.high AND (seen.low & {low_mask}) = wanted.low"
            )
        seen = (
            "SELECT DISTINCT high, low FROM ("
            "SELECT DISTINCT src_addr_hi AS high, src_addr_lo AS low FROM {0} UNION ALL "
            "SELECT DISTINCT dst_addr_hi, dst_addr_lo FROM {0})"
        )
        unions = " UNION ALL ".join(parts)
        self._run(
            lambda source: (
                f"CREATE OR REPLACE TEMP TABLE {name} AS "
                + (f"WITH seen AS MATERIALIZED ({seen.format(source)}) " if by_mask else "")
                + unions
            ),
            ("src_addr", "dst_addr"),
        )
        return name

    def _ports(self, name: str, wanted: Sequence[tuple[int, Indicator]]) -> str:
        """Name of a table (id, high, low, port, proto)."""
        blocks = [i.block[0] if i.block else None for _, i in wanted]
        self._session.add_columns(
            name,
            pa.table(
                {
                    "id": pa.array([n for n, _ in wanted], _NUMBER),
                    "high": pa.array([None if a is None else signed(a >> 64) for a in blocks], _KEY),
                    "low": pa.array([None if a is None else signed(a & _LOW) for a in blocks], _KEY),
                    "port": pa.array([i.port for _, i in wanted], pa.uint16()),
                    "proto": pa.array([i.proto for _, i in wanted], pa.uint8()),
                }
            ),
        )
        return name

    # Branches

    def _by_address(self, source: str, table: str) -> list[str]:
        """Flows with an address of the table as source, and those with one as destination only."""
        (src_hi, src_lo), (dst_hi, dst_lo) = _SOURCE, _DESTINATION
        same = "other.high = {0} AND other.low = {1} AND other.id = wanted.id"
        as_source = (
            "SELECT wanted.id, TRUE AS as_source, other.id IS NOT NULL AS as_destination, "  # noqa: S608
            f"{dst_hi} AS peer_hi, {dst_lo} AS peer_lo, {self._measures} FROM {source} "
            f"JOIN {table} AS wanted ON wanted.high = {src_hi} AND wanted.low = {src_lo} "
            f"LEFT JOIN {table} AS other ON {same.format(dst_hi, dst_lo)}"
        )
        as_destination = (
            f"SELECT wanted.id, FALSE, TRUE, {src_hi}, {src_lo}, {self._measures} FROM {source} "  # noqa: S608
            f"JOIN {table} AS wanted ON wanted.high = {dst_hi} AND wanted.low = {dst_lo} "
            f"LEFT JOIN {table} AS other ON {same.format(src_hi, src_lo)} WHERE other.id IS NULL"
        )
        return [as_source, as_destination]

    def _by_port(
        self, source: str, table: str, kind: IndicatorKind, condition: Callable[[str, Sequence[str]], str]
    ) -> list[str]:
        """Flows with a port of the table as source port, and those with one as destination port only."""
        equal = "src_port = dst_port"
        if kind is IndicatorKind.ENDPOINT:
            equal += f" AND {_SOURCE[0]} = {_DESTINATION[0]} AND {_SOURCE[1]} = {_DESTINATION[1]}"
        # Whoever has the port is what a port was seen with; an endpoint was seen with the other end.
        peers = (_SOURCE, _DESTINATION) if kind is IndicatorKind.PORT else (_DESTINATION, _SOURCE)
        any_proto = f"(proto IS NULL OR proto NOT IN ({ICMP}, {ICMP6}))"
        joined = (
            f"JOIN (SELECT id, high, low, port, proto AS wanted_proto FROM {table}) AS wanted ON {{}} AND "  # noqa: S608
            f"CASE WHEN wanted_proto IS NULL THEN {any_proto} ELSE COALESCE(proto = wanted_proto, FALSE) END"
        )
        return [
            f"SELECT wanted.id, TRUE AS as_source, COALESCE({equal}, FALSE) AS as_destination, "  # noqa: S608
            f"{peers[0][0]} AS peer_hi, {peers[0][1]} AS peer_lo, {self._measures} FROM {source} "
            + joined.format(condition("src_port", _SOURCE)),
            f"SELECT wanted.id, FALSE, TRUE, {peers[1][0]}, {peers[1][1]}, {self._measures} FROM {source} "  # noqa: S608
            + joined.format(condition("dst_port", _DESTINATION))
            + f" WHERE NOT COALESCE({equal}, FALSE)",
        ]

    # Running

    def _run(self, statement: Callable[[str], str], fields: Sequence[str] = _FIELDS) -> None:
        self._session.all_rows(*self._query.over(fields, statement))

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self._session.all_rows((), lambda _: statement)


_LOW = (1 << 64) - 1


def _address_table(rows: Sequence[tuple[int, int, int]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    kinds = (_NUMBER, _KEY, _KEY)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    return pa.table(dict(zip(("id", "high", "low"), arrays, strict=True)))


def _port_match(port: str, _: Sequence[str]) -> str:
    return f"wanted.port = {port}"


def _endpoint_match(port: str, address: Sequence[str]) -> str:
    return f"wanted.port = {port} AND wanted.high = {address[0]} AND wanted.low = {address[1]}"
