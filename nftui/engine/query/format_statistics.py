"""Statistics: as text in nfdump's layout, and as records for programs."""

from __future__ import annotations

from collections.abc import Iterator

from nftui import text
from nftui.engine.query.format_machine import Value, plain
from nftui.engine.query.query import Group, Ranking, Totals
from nftui.engine.query.statistics import StatisticRequest
from nftui.engine.query.style import ABSENT, Style, destination_port, field_text, protocol
from nftui.engine.schema import FIELDS


def percent(part: int, whole: int) -> float:
    """Share in percent; 0 of nothing."""
    return 100.0 * part / whole if whole else 0.0


def rates(totals: Totals) -> tuple[int, int, int]:
    """Packets and bits per second over the time from first to last, and bytes per packet, rounded down."""
    duration = (totals.last_ms or 0) - (totals.first_ms or 0)
    pps = totals.packets * 1000 // duration if duration > 0 else 0
    bps = totals.bytes * 8000 // duration if duration > 0 else 0
    return pps, bps, totals.bytes // totals.packets if totals.packets else 0


def statistic_lines(request: StatisticRequest, ranking: Ranking, limit: int | None, style: Style) -> Iterator[str]:
    """Title, header and rows of one statistic."""
    statistic = request.statistic
    assert statistic is not None
    width = 39 if style.full_ipv6 else max(17, len(statistic.title))
    count = f"Top {limit}" if limit else "Top"
    yield f"{count} {statistic.title} ordered by {ranking.order.label}:"
    yield (
        f"Date first seen                 Duration Proto {statistic.title:>{width}}"
        "    Flows(%)     Packets(%)       Bytes(%)         pps      bps   bpp"
    )
    for group in ranking.groups:
        yield _row(request, group, ranking, style, width)


def _row(request: StatisticRequest, group: Group, ranking: Ranking, style: Style, width: int) -> str:
    sums, whole = group.totals, ranking.totals
    duration = (sums.last_ms or 0) - (sums.first_ms or 0)
    lasted = f"{duration / 1000:16.3f}" if style.plain else f"{text.duration(duration):>16}"
    pps, bps, bpp = rates(sums)
    shares = " ".join(
        f"{style.count(part):>8}({percent(part, all_of):4.1f})"
        for part, all_of in ((sums.flows, whole.flows), (sums.packets, whole.packets), (sums.bytes, whole.bytes))
    )
    return (
        f"{style.time(sums.first_ms):23} {lasted} {_protocol(request, group, style):5} "
        f"{field_text(style, FIELDS[ranking.fields[0]], group.key[0]):>{width}} {shares} "
        f"{style.count(pps):>8} {style.count(bps):>8} {bpp:>5}"
    )


def _protocol(request: StatisticRequest, group: Group, style: Style) -> str:
    if request.per_protocol:
        value = group.key[1]
    elif request.statistic is not None and request.statistic.fields == ("proto",):
        value = group.key[0]
    else:
        return "any"
    return protocol(style, value if isinstance(value, int) else None)


def record_lines(ranking: Ranking, limit: int | None, style: Style) -> Iterator[str]:
    """Title, header and rows of `-s record`: groups of whole 5-tuples, in the layout of `-o line`."""
    width = style.width
    count = f"Top {limit}" if limit else "Top"
    yield f"{count} flows ordered by {ranking.order.label}:"
    yield (
        f"Date first seen             Duration     Proto {'Src IP Addr':>{width}}:Port     "
        f"{'Dst IP Addr':>{width}}:Port   Packets    Bytes      bps    Bpp Flows"
    )
    yield from tuple_rows(ranking, style)


def tuple_rows(ranking: Ranking, style: Style) -> Iterator[str]:
    """Rows of groups by protocol, addresses and ports."""
    width = style.width
    for group in ranking.groups:
        proto, source, target, source_port, target_port = (
            value if isinstance(value, int) else None for value in group.key
        )
        sums = group.totals
        duration = (sums.last_ms or 0) - (sums.first_ms or 0)
        lasted = f"{duration / 1000:16.3f}" if style.plain else f"{text.duration(duration):>16}"
        _, bps, bpp = rates(sums)
        ends = []
        for address, port in (
            (source, ABSENT if source_port is None else str(source_port)),
            (target, destination_port(target_port, proto, None, None)),
        ):
            mark = "." if address is not None and address >> 32 != 0xFFFF else ":"
            ends.append(f"{style.address(address):>{width}}{mark}{port:<5}")
        yield (
            f"{style.time(sums.first_ms):23} {lasted} {protocol(style, proto):5} {ends[0]} -> {ends[1]} "
            f"{style.count(sums.packets):>8} {style.count(sums.bytes):>8} {style.count(bps):>8} {bpp:>6} "
            f"{style.count(sums.flows):>5}"
        )


def statistic_record(request: StatisticRequest, ranking: Ranking, rank: int, group: Group) -> dict[str, Value]:
    """One row of a statistic for programs: its keys, sums, rates and shares; None where the flows lack the field."""
    statistic = request.statistic
    names = list(ranking.fields)
    if statistic is not None:
        names[0] = statistic.key
    keys = {name: plain(FIELDS[f], v) for name, f, v in zip(names, ranking.fields, group.key, strict=True)}
    head: dict[str, Value] = {"statistic": statistic.name if statistic else "record", "order": ranking.order.label}
    return {**head, "rank": rank, **keys, **sums_record(group, ranking)}


def sums_record(group: Group, ranking: Ranking) -> dict[str, Value]:
    """Sums, rates and shares of a group."""
    sums, whole = group.totals, ranking.totals
    pps, bps, bpp = rates(sums)
    return {
        "flows": sums.flows,
        "packets": sums.packets,
        "bytes": sums.bytes,
        "time_flow_start_ms": sums.first_ms,
        "time_flow_end_ms": sums.last_ms,
        "pps": pps,
        "bps": bps,
        "bpp": bpp,
        "flows_percent": round(percent(sums.flows, whole.flows), 3),
        "packets_percent": round(percent(sums.packets, whole.packets), 3),
        "bytes_percent": round(percent(sums.bytes, whole.bytes), 3),
    }
