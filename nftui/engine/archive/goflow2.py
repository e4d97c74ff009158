"""Parquet with the column names of goflow2's FlowMessage, as pipelines behind it write it.

Source: goflow2 v2, pb/flow.proto. Times are nanoseconds, milliseconds or seconds by the end of their names,
addresses 4 or 16 bytes or text, counters before sampling is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

import numpy as np

from nftui.engine.archive.archive import Archive
from nftui.engine.archive.shapes import Builder
from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FIELDS, FlowSource, Kind
from nftui.errors import first_line
from nftui.text import clean, parse_address

MARKS = (b"time_received_ns", b"time_flow_start_ns", b"time_flow_start", b"sampler_address")
"""Column names of which such a file has one in its footer."""
OUR_MARK = b"sampler_address_hi"
"""Column name that only files of a store have."""

_BATCH_ROWS = 65_536
_TIMES = {
    name: tuple((f"{name}{end}", factor) for end, factor in (("_ms", (1, 1)), ("_ns", (1, 1_000_000)), ("", (1000, 1))))
    for name in ("time_received", "time_flow_start", "time_flow_end")
}
"""Names that a time may have, each with multiplier and divisor to milliseconds."""
_TYPES = {
    "SFLOW_5": FlowSource.SFLOW, "NETFLOW_V5": FlowSource.V5, "NETFLOW_V9": FlowSource.V9, "IPFIX": FlowSource.IPFIX,
}  # fmt: skip
_TYPE_NUMBERS = {1: FlowSource.SFLOW, 2: FlowSource.V5, 3: FlowSource.V9, 4: FlowSource.IPFIX}
_NAMES = {
    "in_src_mac": ("src_mac",), "out_dst_mac": ("dst_mac",), "sampling_rate": ("sampling_rate",),
    "src_vlan": ("src_vlan", "vlan_id"), "bgp_next_hop": ("bgp_next_hop",), "min_ttl": ("ip_ttl",),
}  # fmt: skip
"""Fields whose columns have other names there."""
_ZERO_IS_NULL = frozenset({"sampling_rate", "next_hop", "bgp_next_hop", "src_as", "dst_as", "next_as", "prev_as"})
"""Protocol buffers cannot tell zero from absent; for these it means absent."""
_IPV4 = 4
_IPV6 = 16


class Goflow2File(Archive):
    """A Parquet file with goflow2's columns.

    Args:
        path: the file.
    """

    format = "Parquet of goflow2"

    def span(self) -> tuple[int, int] | None:
        """None: statistics of row groups are not looked at."""
        return None

    def pieces(self, fields: Collection[str] | None) -> Iterator[Callable[[], FlowBatch]]:
        """A piece each 65 536 rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                columns = {name.lower(): name for name in file.schema_arrow.names}
                wanted = sorted({columns[name] for name in _read(columns, fields)})
                for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
                    yield partial(_convert, batch.rename_columns([name.lower() for name in wanted]), fields)
        except (pa.ArrowException, OSError, ValueError) as error:
            self.report(0, f"Parquet that cannot be read: {clean(first_line(error))}")


def _read(columns: Collection[str], fields: Collection[str] | None) -> Iterator[str]:
    """Columns to read for the wanted fields."""
    for name in FIELDS if fields is None else fields:
        yield from (column for column in _columns_of(name) if column in columns)
    yield from (column for column in _columns_of("time_received_ms") if column in columns)


def _columns_of(name: str) -> tuple[str, ...]:
    time = _TIMES.get(name.removesuffix("_ms"))
    if time:
        return tuple(column for column, _ in time)
    return ("type",) if name == "flow_source" else _NAMES.get(name, (name,))


def _convert(batch: Any, fields: Collection[str] | None) -> FlowBatch:
    builder = Builder(batch.num_rows, fields)
    have = set(batch.schema.names)
    for name, item in FIELDS.items():
        if not builder.wants(name):
            continue
        column = next((column for column in _columns_of(name) if column in have), None)
        if column is None:
            continue
        array = batch.column(column)
        if not _suits(name, array.type):
            continue
        if name == "flow_source":
            builder.put(name, _sources(array))
        elif name.startswith("time_"):
            factor, divisor = dict(_TIMES[name.removesuffix("_ms")])[column]
            builder.put(name, _integers(array) * factor // divisor, valid=_present(array))
        elif item.kind is Kind.ADDRESS:
            high, low, valid = _addresses(array)
            if name in _ZERO_IS_NULL:
                valid &= (high != 0) | ((low & np.uint64(0xFFFFFFFF)) != 0)
            builder.put_address(name, high, low, valid=valid)
        elif item.kind is Kind.INT:
            values, valid = _integers(array), _present(array)
            limit = min(np.iinfo(item.dtype).max, 2**63 - 1)
            valid &= (values >= 0) & (values <= limit) & ((values != 0) | (name not in _ZERO_IS_NULL))
            builder.put(name, np.where(valid, values, 0), valid=valid)
    _fill(builder, batch.num_rows)
    return builder.finish()


def _suits(name: str, kind: Any) -> bool:
    """Whether a column of this type can hold the field."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    whole = pa.types.is_integer(kind)
    words = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if name == "flow_source":
        return whole or words
    if name.startswith("time_"):
        return whole or pa.types.is_timestamp(kind)
    if FIELDS[name].kind is Kind.ADDRESS:
        octets = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
        return words or octets
    return whole


def _fill(builder: Builder, rows: int) -> None:
    """What no flow may lack."""
    if builder.wants("flow_source") and not builder.has("flow_source").any():
        builder.put("flow_source", np.full(rows, FlowSource.FILE, np.uint8))
    if builder.wants("sampler_address") and not builder.has("sampler_address").all():
        missing = np.flatnonzero(~builder.has("sampler_address"))
        zero = np.zeros(len(missing), np.uint64)
        builder.put_address("sampler_address", zero, zero, missing)
    received = builder.column("time_received_ms")
    builder.complete(int(received[0]) if len(received) else 0)


def _present(array: Any) -> Any:
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False))


def _integers(array: Any) -> Any:
    """Values as int64, 0 where there are none; those beyond 63 bits are negative."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("ns"), safe=False)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return pc.fill_null(array.cast(pa.int64(), safe=False), 0).to_numpy(zero_copy_only=False)


def _addresses(array: Any) -> tuple[Any, Any, Any]:
    """High and low halves, and which rows hold an address."""
    import pyarrow as pa

    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    halves = [_address(value) for value in _distinct(array)]
    high = np.array([0 if pair is None else pair[0] for pair in [*halves, None]], np.uint64)
    low = np.array([0 if pair is None else pair[1] for pair in [*halves, None]], np.uint64)
    known = np.array([pair is not None for pair in [*halves, None]])
    codes = array.indices.cast(pa.int64()).fill_null(len(halves)).to_numpy(zero_copy_only=False)
    return high[codes], low[codes], known[codes]


def _distinct(array: Any) -> list[Any]:
    """Values of a dictionary array; of texts that are not UTF-8 what can be read."""
    import pyarrow as pa

    values = array.dictionary
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        raw = values.cast(pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "replace") for value in raw]
    found: list[Any] = values.to_pylist()
    return found


def _address(value: bytes | str | None) -> tuple[int, int] | None:
    """Halves of one address; None for none."""
    try:
        if isinstance(value, str):
            number = parse_address(value)
        elif value is not None and len(value) == _IPV4:
            number = 0xFFFF << 32 | int.from_bytes(value, "big")
        elif value is not None and len(value) == _IPV6:
            number = int.from_bytes(value, "big")
        else:
            return None
    except ValueError:
        return None
    return number >> 64, number & 0xFFFFFFFFFFFFFFFF


def _sources(array: Any) -> Any:
    """What flows came by, from goflow2's enumeration as number or word."""
    import pyarrow as pa

    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    known: dict[Any, FlowSource] = {**_TYPES, **_TYPE_NUMBERS}
    table = np.array([known.get(v, FlowSource.FILE) for v in [*_distinct(array), None]], np.uint8)
    codes = array.indices.cast(pa.int64()).fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
    return table[codes]
