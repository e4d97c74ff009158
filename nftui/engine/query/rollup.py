"""Roll-ups: exact sums of an hour by address, port, protocol, AS, interface, exporter and minute.

A roll-up is a Parquet file beside the compacted flows of an hour, made from them and of no use without them. It
has sections, told apart by the column `kind`, and one row per key in each:

    kind              number of the section
    key_hi key_lo     the key: both halves of an address; otherwise the number in key_lo, and in the section of
                      minutes the minute in key_hi
    key_more          a number beside the address
    minute            start of the minute that the sums are of, in sections of charts
    first last        earliest start and latest end, UTC ms; not in sections of charts
    flows records     sums
    packets bytes     sums as the exporters counted
    scaled_packets scaled_bytes   with sampling applied; null where that changes nothing

A pair of ends takes three sections: the first end of all flows, the second end of flows whose ends differ, and
the end of flows whose ends are equal. Sections one and two give "either end" with each flow counted once per key,
two and three the second end alone.

Sections of charts have what passed in each minute: packets and bytes of a flow spread evenly over its life with the
arithmetic of `nftui.engine.query.series`, so that the minutes of any longer bucket add up to exactly what the flows
give; a flow counts as one in the minute that it begins in. An hour has those of them that its file's name tells: none
where a flow claims to last for so long that its minutes would be more than the flows, nor where there are as many keys
in a minute as flows. Roll-ups of version 1 have none, and neither `key_more` nor `minute`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nftui.engine.query.parquet import parquet_sql
from nftui.engine.query.passed import passed_sql
from nftui.engine.query.sql import value_sql
from nftui.engine.schema import FIELDS

_PAIRS = (("src_addr", "dst_addr"), ("src_port", "dst_port"), ("src_as", "dst_as"), ("in_if", "out_if"))
_SINGLE = ("proto", "sampler_address")
_MINUTES = 40
MINUTE_MS = 60_000
"""Length of what sections of charts tell apart."""
VERSION_KEY, VERSION = "nftui.rollup", "2"
"""Entry in the metadata of the file."""
_LEAST_CELLS = 20_000
"""Rows that a section of a chart may have in any hour; in a busy one an eighth of its records."""
MINUTE = "time_flow_start_ms - time_flow_start_ms % 60000"
"""SQL expression of the minute that a flow starts in."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section.

    Attributes:
        kind: its number.
        high: SQL expression of key_hi over a flow.
        low: of key_lo.
        where: which flows it counts.
        more: of key_more.
    """

    kind: int
    high: str
    low: str
    where: str = "TRUE"
    more: str = "NULL"


def _sections() -> tuple[dict[tuple[str, ...], tuple[int, ...]], tuple[Section, ...]]:
    answers: dict[tuple[str, ...], tuple[int, ...]] = {}
    sections: list[Section] = []
    for index, (one, other) in enumerate(_PAIRS):
        kind = 1 + 3 * index
        equal = " AND ".join(
            f"{a} IS NOT DISTINCT FROM {b}" for a, b in zip(FIELDS[one].physical, FIELDS[other].physical, strict=True)
        )
        sections += [
            Section(kind, *_key(one)),
            Section(kind + 1, *_key(other), f"NOT ({equal})"),
            Section(kind + 2, *_key(other), equal),
        ]
        answers |= {(one,): (kind,), (other,): (kind + 1, kind + 2), (one, other): (kind, kind + 1)}
    for index, name in enumerate(_SINGLE):
        kind = 1 + 3 * len(_PAIRS) + index
        sections.append(Section(kind, *_key(name)))
        answers[(name,)] = (kind,)
    sections.append(Section(_MINUTES, MINUTE, "proto"))
    answers[("minute",)] = (_MINUTES,)
    return answers, tuple(sections)


def _key(field: str) -> tuple[str, str]:
    columns = FIELDS[field].physical
    return (columns[0], columns[1]) if len(columns) == 2 else ("NULL", columns[0])


_MANY = ("src_addr", "dst_addr", "src_port", "dst_port")


def is_small(fields: tuple[str, ...]) -> bool:
    """Whether the sections for the fields of a statistic have few rows: then one reading of the files is best."""
    return not set(fields) & set(_MANY)


ANSWERS, SECTIONS = _sections()
"""Which sections answer for the fields of a statistic, `("minute",)` being the series; and how each one is made."""


CHARTS: dict[str, Section] = {
    "proto": Section(41, *_key("proto")),
    "exporter": Section(42, *_key("sampler_address")),
    "interface": Section(43, *_key("sampler_address"), more="in_if"),
}
"""Sections of charts by what their layers are."""


def make_sql(section: Section, relation: str) -> str:
    """Rows of a section, in order of their keys.

    Sums that do not fit 63 bits make the statement fail: the hour then has no roll-up.
    """
    sums = []
    for counter in ("packets", "bytes"):
        raw = f"COALESCE(SUM({counter}), 0)"
        scaled = f"COALESCE(SUM({value_sql(counter)}), 0)"
        sums.append(f"CAST({raw} AS BIGINT) AS {counter}")
        sums.append(f"CAST(NULLIF({scaled}, {raw}) AS BIGINT) AS scaled_{counter}")
    return (
        f"SELECT CAST({section.kind} AS UTINYINT) AS kind, CAST({section.high} AS BIGINT) AS key_hi, "  # noqa: S608
        f"CAST({section.low} AS BIGINT) AS key_lo, CAST(NULL AS BIGINT) AS key_more, CAST(NULL AS BIGINT) AS minute, "
        "MIN(time_flow_start_ms) AS first, MAX(time_flow_end_ms) AS last, "
        f"CAST(SUM(flows) AS BIGINT) AS flows, COUNT(*) AS records, {', '.join(sums)} "
        f"FROM {relation} WHERE {section.where} GROUP BY ALL ORDER BY key_hi, key_lo"
    )


def chartable_sql(relation: str) -> str:
    """One row: whether the flows can be cut at the borders of minutes without becoming many more, and how many."""
    start, end = "time_flow_start_ms", "time_flow_end_ms"
    crossed = f"GREATEST({end}, {start}) // {MINUTE_MS} - {start} // {MINUTE_MS}"
    return f"SELECT MIN({start}) >= 0 AND SUM({crossed}) <= COUNT(*) + {_LEAST_CELLS}, COUNT(*) FROM {relation}"  # noqa: S608


def most_cells(records: int) -> int:
    """Rows that a section of a chart may have; with more, reading it would be no better than reading the flows."""
    return max(_LEAST_CELLS, records // 8)


def make_chart_sql(section: Section, relation: str) -> str:
    """Rows of a section of a chart.

    Sums that do not fit 63 bits make the statement fail, as in `make_sql`.
    """
    counters = {"packets": "packets", "bytes": "bytes"}
    counters |= {f"scaled_{name}": value_sql(name) for name in ("packets", "bytes")}
    values = ", ".join(f"COALESCE({text}, 0) AS {name}" for name, text in counters.items())
    flows = (
        f"SELECT {section.high} AS high, {section.low} AS low, {section.more} AS more, time_flow_start_ms AS s, "  # noqa: S608
        f"GREATEST(time_flow_start_ms, time_flow_end_ms) AS e, flows, {values} FROM {relation}"
    )
    last = f"GREATEST(e - 1, s) // {MINUTE_MS}"
    unfolded = f"SELECT *, UNNEST(RANGE(s // {MINUTE_MS}, {last} + 1)) AS i FROM ({flows}) AS flows_cut"  # noqa: S608
    cut = f"SELECT *, i * {MINUTE_MS} AS t0, (i + 1) * {MINUTE_MS} AS t1 FROM ({unfolded}) AS unfolded"  # noqa: S608
    parts = ", ".join(f"SUM(({passed_sql(name, 't1')}) - ({passed_sql(name, 't0')})) AS {name}" for name in counters)
    begun = "CASE WHEN s >= t0 THEN {} ELSE 0 END"
    cells = (
        f"SELECT high, low, more, t0, SUM({begun.format('flows')}) AS flows, SUM({begun.format('1')}) AS records, "  # noqa: S608
        f"{parts} FROM ({cut}) AS cut GROUP BY high, low, more, t0"
    )
    sums = ", ".join(
        f"CAST({name} AS BIGINT) AS {name}, CAST(NULLIF(scaled_{name}, {name}) AS BIGINT) AS scaled_{name}"
        for name in ("packets", "bytes")
    )
    return (
        f"SELECT CAST({section.kind} AS UTINYINT) AS kind, CAST(high AS BIGINT) AS key_hi, "  # noqa: S608
        "CAST(low AS BIGINT) AS key_lo, CAST(more AS BIGINT) AS key_more, CAST(t0 AS BIGINT) AS minute, "
        "CAST(NULL AS BIGINT) AS first, CAST(NULL AS BIGINT) AS last, CAST(flows AS BIGINT) AS flows, "
        f"CAST(records AS BIGINT) AS records, {sums} FROM ({cells}) AS cells "
    )


def rows_sql(files: Sequence[str], kinds: Sequence[int]) -> str:
    """Rows of sections as they are."""
    return f"SELECT * FROM {parquet_sql(files)} WHERE kind IN ({', '.join(map(str, kinds))})"  # noqa: S608


def read_sql(source: str, kinds: Sequence[int], keys: int, scaled: bool) -> str:
    """Groups of a statistic, in part.

    Args:
        source: relation of roll-ups.
        kinds: sections.
        keys: 2 for `k0`, `k1` from both key columns, 1 for `k0` from the low one.
        scaled: with sampling applied.
    """
    names = "key_hi AS k0, key_lo AS k1" if keys == 2 else "key_lo AS k0"
    counters = [f"COALESCE(scaled_{name}, {name}) AS {name}" if scaled else name for name in ("packets", "bytes")]
    return (
        f"SELECT {names}, first, last, flows, {', '.join(counters)}, records "  # noqa: S608
        f"FROM {source} WHERE kind IN ({', '.join(map(str, kinds))})"
    )
