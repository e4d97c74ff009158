"""A ClickHouse table for flows, made from the schema registry: the same columns as in the store's files.

Addresses stay in two halves, as the files and messages have them, so that they are inserted without a conversion;
columns of type IPv6 and DateTime64 that are computed when they are read stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nftui.engine.schema import FIELDS, NON_NULL, Field, Kind
from nftui.errors import UsageError

_TYPES = {"i8": "Int64", "u4": "UInt32", "u2": "UInt16", "u1": "UInt8"}
_TIMES = ("time_received_ms", "time_flow_start_ms", "time_flow_end_ms")


def table_ddl(table: str, days: int = 0) -> str:
    """The statement that makes the table.

    Args:
        table: its name, with its database or without.
        days: flows older than this are removed by ClickHouse; 0 for never.

    Raises:
        UsageError: not a name of a table.
    """
    lines = [*(f"    {_name(column)} {kind} COMMENT {_text(doc)}" for column, kind, doc in _stored()), *_computed()]
    # A Date, for a DateTime ends in 2106 and what lies beyond wraps round into the past: everything would be removed.
    ttl = f"\nTTL toDate(intDiv(time_received_ms, 1000), 'UTC') + INTERVAL {days} DAY" if days else ""
    return (
        f"CREATE TABLE {_table(table)}\n(\n" + ",\n".join(lines) + "\n)\nENGINE = MergeTree\n"
        "PARTITION BY toDate(intDiv(time_received_ms, 1000), 'UTC')\n"
        "ORDER BY (intDiv(time_received_ms, 300000), sampler_address_hi, sampler_address_lo, "
        "ifNull(src_addr_hi, 0), ifNull(src_addr_lo, 0))"
        f"{ttl};\n"
    )


def kafka_ddl(table: str, brokers: Sequence[str], topic: str) -> str:
    """The statements that fill the table from a topic of `format = "arrow"` messages.

    Raises:
        UsageError: not a name of a table.
    """
    columns = ",\n".join(f"    {_name(column)} {kind}" for column, kind, _ in _stored())
    queue, view = (_table(f"{table}_{end}") for end in ("queue", "consumer"))
    move = f"SELECT * FROM {queue}"  # noqa: S608  the name is checked
    return (
        f"CREATE TABLE {queue}\n(\n{columns}\n)\nENGINE = Kafka\nSETTINGS\n"
        f"    kafka_broker_list = {_text(','.join(brokers))},\n    kafka_topic_list = {_text(topic)},\n"
        f"    kafka_group_name = 'clickhouse',\n    kafka_format = 'ArrowStream';\n\n"
        f"CREATE MATERIALIZED VIEW {view} TO {_table(table)} AS {move};\n"
    )


def _stored() -> Iterator[tuple[str, str, str]]:
    """Columns as they are in files: name, type, what they are."""
    for field in FIELDS.values():
        for column in field.physical:
            yield column, _type(field), _doc(field)


def _type(field: Field) -> str:
    if field.kind is Kind.TEXT:
        return "LowCardinality(Nullable(String))"
    kind = "String" if field.kind is Kind.EXTRA else _TYPES[field.dtype]
    return kind if field.name in NON_NULL else f"Nullable({kind})"


def _doc(field: Field) -> str:
    unit = f" [{field.unit}]" if field.unit else ""
    return f"{field.title}: {field.doc}{unit}"


def _computed() -> Iterator[str]:
    """Columns that are made of others when they are read."""
    for name in _TIMES:
        title = name.removesuffix("_ms")
        yield f"    {title} DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli({name}, 'UTC')"
    for field in FIELDS.values():
        if field.kind is not Kind.ADDRESS:
            continue
        high, low = (f"toUInt128(reinterpretAsUInt64(assumeNotNull({column})))" for column in field.physical)
        value = f"CAST(bitOr(bitShiftLeft({high}, 64), {low}) AS IPv6)"
        kind, text = ("IPv6", value) if field.name in NON_NULL else (
            "Nullable(IPv6)", f"if(isNull({field.physical[0]}), NULL, {value})",
        )  # fmt: skip
        yield f"    {field.name} {kind} ALIAS {text}"
    for name in ("bytes", "packets"):
        yield f"    scaled_{name} Nullable(Int64) ALIAS {name} * greatest(ifNull(sampling_rate, 1), 1)"


def _name(column: str) -> str:
    return f"`{column}`"


def _table(name: str) -> str:
    parts = name.split(".")
    if len(parts) > 2 or not all(part.isidentifier() and part.isascii() for part in parts):
        raise UsageError(f"{name}: the name of a table has letters, digits and _ only, with DATABASE. before it or not")
    return ".".join(f"`{part}`" for part in parts)


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
