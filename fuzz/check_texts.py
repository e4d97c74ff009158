"""What must hold for texts that people and other programs write: filters, times, options, settings, lists."""

from __future__ import annotations

import functools
from collections.abc import Callable

import duckdb
import numpy as np
import pyarrow as pa
from promises import BrokenPromise, file_of, harmless

from nftui import config as settings
from nftui.engine import elements
from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.frames.views import Link
from nftui.engine.ingest.allow import parse_network, parse_source
from nftui.engine.ingest.forward import parse_target
from nftui.engine.ingest.sampling import parse_sampling
from nftui.engine.ingest.udp import parse_endpoint
from nftui.engine.kafka.settings import read_settings
from nftui.engine.query.aggregate import parse_aggregation
from nftui.engine.query.bins import parse_bin
from nftui.engine.query.distinct import parse_distinct
from nftui.engine.query.explain import explanation
from nftui.engine.query.indicators import IndicatorList, parse_indicator
from nftui.engine.query.mask import mask
from nftui.engine.query.orders import parse_order, parse_statistic_order
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.series import parse_series
from nftui.engine.query.sql import sql
from nftui.engine.query.statistics import parse_statistic
from nftui.engine.query.time import window, zone_of
from nftui.engine.store.arrow import TYPES, to_arrow
from nftui.engine.store.retention import parse_policy
from nftui.errors import ConfigError, FilterError, NftuiError, UsageError
from nftui.probe.bpf import compile_filter
from nftui.probe.export import parse_targets
from nftui.probe.timeouts import Timeouts, parse_time

_NOW_MS = 1_700_000_000_000
_ROWS = 48
_FAR_MS = 400_000_000_000_000
"""Times are within the years 1 to 9999 and a little."""

_OPTIONS: tuple[Callable[[str], object], ...] = (
    parse_aggregation, parse_bin, parse_distinct, parse_order, parse_statistic_order, parse_series, parse_statistic,
    parse_policy, lambda text: parse_policy(age=text), lambda text: parse_policy(free=text), parse_network,
    parse_source, parse_endpoint, parse_target, lambda text: parse_sampling([text]), parse_targets, parse_time,
    lambda text: Timeouts().with_setting(text), zone_of,
)  # fmt: skip


def filter_text(data: bytes) -> int:
    """A filter: both compilers find the same flows; 1 if it is one."""
    text = data.decode("utf-8", "replace")
    try:
        parsed = parse_filter(text)
    except FilterError as error:
        if not 0 <= error.position <= len(error.text):
            raise BrokenPromise("the place of the error is outside of the text") from error
        error.caret()
        return 0
    explanation(parsed)
    found = np.flatnonzero(mask(parsed, _flows())).tolist()
    rows = _database().execute(f"SELECT flow_id FROM flows WHERE {sql(parsed)} ORDER BY 1").fetchall()
    if found != [row[0] for row in rows]:
        raise BrokenPromise("the compilers of the filter do not agree")
    return 1


@functools.cache
def _flows() -> FlowBatch:
    """Flows with small numbers, so that short filters find some."""
    number = np.arange(_ROWS, dtype=np.int64)
    v4 = 0xFFFF00000000
    columns = {
        "time_received_ms": _NOW_MS + number, "time_flow_start_ms": _NOW_MS + number,
        "time_flow_end_ms": _NOW_MS + number * 2, "sampler_address_hi": number * 0, "sampler_address_lo": number | v4,
        "flow_source": number.astype(np.uint8) % 11, "src_addr_hi": number * 0, "src_addr_lo": v4 | number * 0x01010101,
        "dst_addr_hi": number % 2 << 61, "dst_addr_lo": number, "src_port": (number % 90).astype(np.uint16),
        "dst_port": (number * 10).astype(np.uint16), "proto": np.array([6, 17, 1, 58], np.uint8)[number % 4],
        "tcp_flags": number.astype(np.uint16), "packets": number, "bytes": number * 100,
        "flows": np.ones(_ROWS, np.int64), "quality": np.zeros(_ROWS, np.uint16), "flow_id": number,
    }  # fmt: skip
    batch = FlowBatch(_ROWS, columns)  # type: ignore[arg-type]
    batch.text["username"] = TextColumn(number.astype(np.int32) % 2, ["alice", "Bob%_"])
    return batch


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    """The same flows, with all columns, null where they have none."""
    arrow = to_arrow(_flows())
    have = set(arrow.schema.names)
    table = {name: arrow.column(name) if name in have else pa.nulls(_ROWS, kind) for name, kind in TYPES.items()}
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.register("arrow", pa.table(table))
    connection.execute("CREATE TABLE flows AS SELECT * FROM arrow")
    return connection


def time_window(data: bytes) -> int:
    """A time window; 1 if it is one."""
    try:
        found = window(data.decode("utf-8", "replace"), _NOW_MS, zone_of("Europe/Zurich"))
    except UsageError:
        return 0
    if found.start_ms is not None and found.end_ms is not None and found.end_ms < found.start_ms:
        raise BrokenPromise("a window that ends before it begins")
    if any(edge is not None and abs(edge) > _FAR_MS for edge in (found.start_ms, found.end_ms)):
        raise BrokenPromise("a time out of all years")
    return 1


def options(data: bytes) -> int:
    """Values of options; gives how many of them take it."""
    text = data.decode("utf-8", "replace")
    taken = 0
    for parse in _OPTIONS:
        try:
            parse(text)
        except NftuiError:
            continue
        taken += 1
    return taken


def packet_filter(data: bytes) -> int:
    """A packet filter in libpcap's language; gives instructions."""
    try:
        return len(compile_filter(data.decode("utf-8", "replace"), Link.ETHERNET, 100))
    except UsageError:
        return 0


def config(data: bytes) -> int:
    """A configuration file; 1 if it is believed."""
    path = file_of(data, "config.toml")
    path.chmod(0o600)
    try:
        found = settings.load(path, environ={})
    except ConfigError as error:
        if "\n" in str(error) or not harmless(str(error)):
            raise BrokenPromise("an error of more than one line, or with control characters") from error
        return 0
    found.table()
    return 1


def kafka_settings(data: bytes) -> int:
    """A file of librdkafka's settings; gives settings."""
    path = file_of(data, "kafka.conf")
    path.chmod(0o600)
    try:
        found = read_settings(str(path))
    except ConfigError as error:
        if "\n" in str(error) or not harmless(str(error)):
            raise BrokenPromise("an error of more than one line, or with control characters") from error
        return 0
    if any(name != name.strip() or value != value.strip() or "=" in name for name, value in found.items()):
        raise BrokenPromise("blanks or a mark in a name or value")
    return len(found)


def element_file(data: bytes) -> int:
    """A user's file of elements; gives elements."""
    try:
        return elements.read_user_file(file_of(data, "elements.tsv"))
    except ConfigError as error:
        if not harmless(str(error)):
            raise BrokenPromise("control characters in an error") from error
        return 0
    finally:
        elements.read_user_file(file_of(b"", "elements.tsv"))


def element_value(data: bytes) -> int:
    """The value of an element, with the number of its type in front; 1 if it is one."""
    shown = elements.value_text(elements.TYPES[data[0] % len(elements.TYPES)], data[1:]) if data else None
    if shown is not None and not harmless(shown):
        raise BrokenPromise("control characters in a value")
    return int(shown is not None)


def indicators(data: bytes) -> int:
    """A list of indicators; gives indicators."""
    found = IndicatorList()
    found.add("list", data.decode("utf-8", "replace").splitlines())
    for entry in found.entries:
        if not (harmless(entry.label) and harmless(entry.indicator.text)):
            raise BrokenPromise("control characters in a label")
        if parse_indicator(entry.indicator.text) != entry.indicator:
            raise BrokenPromise(f"{entry.indicator.text} does not mean itself")
    if not all(harmless(line.reason) for line in found.bad):
        raise BrokenPromise("control characters in a reason")
    return len(found.entries)
