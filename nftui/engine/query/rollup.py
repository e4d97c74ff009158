"""Roll-ups: exact sums of an hour by address, port, protocol, AS, interface, exporter and minute.

A roll-up is a Parquet file beside the compacted flows of an hour, made from them and of no use without them. It
has sections, told apart by the column `kind`, and one row per key in each:

    kind              number of the section
    key_hi key_lo     the key: both halves of an address; otherwise the number in key_lo, and in the section of
                      minutes the minute in key_hi
    first last        earliest start and latest end, UTC ms
    flows records     sums
    packets bytes     sums as the exporters counted
    scaled_packets scaled_bytes   with sampling applied; null where that changes nothing

A pair of ends takes three sections: the first end of all flows, the second end of flows whose ends differ, and
the end of flows whose ends are equal. Sections one and two give "either end" with each flow counted once per key,
two and three the second end alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nftui.engine.query.parquet import parquet_sql
from nftui.engine.query.sql import value_sql
from nftui.engine.schema import FIELDS

_PAIRS = (("src_addr", "dst_addr"), ("src_port", "dst_port"), ("src_as", "dst_as"), ("in_if", "out_if"))
_SINGLE = ("proto", "sampler_address")
_MINUTES = 40
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
    """

    kind: int
    high: str
    low: str
    where: str = "TRUE"


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
        f"CAST({section.low} AS BIGINT) AS key_lo, MIN(time_flow_start_ms) AS first, MAX(time_flow_end_ms) AS last, "
        f"CAST(SUM(flows) AS BIGINT) AS flows, COUNT(*) AS records, {', '.join(sums)} "
        f"FROM {relation} WHERE {section.where} GROUP BY ALL ORDER BY key_hi, key_lo"
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
