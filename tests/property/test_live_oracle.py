"""The live window against a slow reference that keeps every flow in a list and sums in dictionaries."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.live.pace import LONGEST, ladder
from nftui.engine.live.snapshot import TALKER_VIEWS, LiveRequest
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.parser import parse_filter

SECONDS = 6
START = 1_700_000_000_000
FIELDS = {
    "src_addr": 12, "dst_addr": 12, "sampler_address": 3, "src_port": 6, "dst_port": 4, "proto": 3, "bytes": 5000,
    "packets": 50, "out_bytes": 300, "flows": 3, "sampling_rate": 4, "src_as": 5, "dst_as": 5, "in_if": 4, "out_if": 4,
}  # fmt: skip
NEVER_NULL = {"sampler_address", "flows"}


def make_batch(seed: int, length: int, now_ms: int) -> tuple[FlowBatch, list[dict[str, Any]]]:
    """Random flows over few values, as batch and as dictionaries without the null fields."""
    rng = np.random.default_rng(seed)
    batch = FlowBatch(length)
    rows: list[dict[str, Any]] = [{} for _ in range(length)]
    for name, span in FIELDS.items():
        if name not in NEVER_NULL and rng.random() < 0.1:
            continue
        values = rng.integers(name == "flows", span, length)
        valid = rng.random(length) < (2 if name in NEVER_NULL else rng.choice([2, 0.8]))
        if not valid.all():
            batch.valid[name] = valid
        if "addr" in name:
            wide = rng.random(length) < 0.3
            batch.columns[name + "_hi"] = np.where(wide, 0x20010DB800000000, 0).astype(np.int64)
            batch.columns[name + "_lo"] = np.where(wide, values - 5, values + 0xFFFF0A000000)
        else:
            kind = {"bytes": "i8", "packets": "i8", "out_bytes": "i8", "flows": "i8", "proto": "u1", "src_port": "u2",
                    "dst_port": "u2"}.get(name, "u4")  # fmt: skip
            batch.columns[name] = values.astype(kind)
        for i in np.flatnonzero(valid):
            rows[i][name] = batch.value(name, int(i))
    long = rng.choice([0, 900, 5000, 20_000], length)
    batch.columns["time_flow_end_ms"] = np.full(length, now_ms)
    batch.columns["time_flow_start_ms"] = now_ms - long
    batch.columns["time_received_ms"] = np.full(length, now_ms)
    for row, milliseconds in zip(rows, long, strict=True):
        row["seconds"] = milliseconds / 1000
    return batch, rows


def keys_of(view: str, row: dict[str, Any]) -> list[tuple[str, ...] | None]:
    """Text of the key of each end, None where the flow has no such end."""

    def write(name: str) -> str:
        if name not in row:
            return "-"
        if name == "proto":
            return text.protocol(row[name])
        return text.address(row[name]) if "addr" in name else str(row[name])

    match view:
        case "host" | "as":
            names = ("src_addr", "dst_addr") if view == "host" else ("src_as", "dst_as")
            return [(write(name),) if name in row else None for name in names]
        case "port":
            return [(write(name), write("proto")) if name in row else None for name in ("src_port", "dst_port")]
        case "interface":
            return [(write("sampler_address"), write(n)) if n in row else None for n in ("out_if", "in_if")]
    names = {
        "pair": ("src_addr", "dst_addr"), "proto": ("proto",), "exporter": ("sampler_address",),
        "flow": ("proto", "src_addr", "src_port", "dst_addr", "dst_port"),
    }[view]  # fmt: skip
    return [tuple(write(name) for name in names)]


def expected(
    view: str, kept: list[tuple[float, dict[str, Any]]], now: float, covered: float, scaled: bool
) -> dict[tuple[str, ...], dict[str, float]]:
    """Every group's sums and rates."""
    groups: dict[tuple[str, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for arrived, row in kept:
        inside = int(arrived) >= int(now) - SECONDS
        rungs, rung = ladder(np.array([row["seconds"]]), SECONDS, LONGEST)
        long = row["seconds"] > SECONDS
        if not inside and not (long and int(arrived) + rungs[rung[0]] >= int(now)):
            continue
        factor = max(1, row.get("sampling_rate", 1)) if scaled else 1
        forward, backward = row.get("bytes", 0) * factor, row.get("out_bytes", 0) * factor
        packets = row.get("packets", 0) * factor
        ends = keys_of(view, row)
        per = row["seconds"] if long else covered
        for end, key in enumerate(ends):
            if key is None:
                continue
            group = groups[key]
            sums = {"tx": backward if end else forward, "rx": forward if end else backward}
            if not end or ends[0] != key:
                sums |= {"bytes": forward + backward, "packets": packets}
                group["flows"] += row["flows"] * inside
            for name, amount in sums.items():
                group[name] += amount * inside
                group[name + "_rate"] += amount / per
    return groups


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.3, 1.0, 2.5, 5.9]),
        st.integers(0, 2**32),
        st.integers(0, 40),
        st.sampled_from(TALKER_VIEWS),
        st.booleans(),
        st.sampled_from([None, "proto 1", "not src host 10.0.0.3 or dst port > 1"]),
    ),
    min_size=1,
    max_size=12,
)
CHECK = {
    "bytes": ("bytes", 1), "packets": ("packets", 1), "flows": ("flows", 1), "rate": ("bytes_rate", 8),
    "packet_rate": ("packets_rate", 1), "tx_bytes": ("tx", 1), "rx_bytes": ("rx", 1), "tx": ("tx_rate", 8),
    "rx": ("rx_rate", 8),
}  # fmt: skip
KEYS = {
    "host": ("addr",), "pair": ("src_addr", "dst_addr"), "port": ("port", "proto"), "proto": ("proto",), "as": ("as",),
    "flow": ("proto", "src_addr", "src_port", "dst_addr", "dst_port"), "interface": ("sampler_address", "if"),
    "exporter": ("sampler_address",),
}  # fmt: skip


@pytest.mark.parametrize("hash_bits", [64, 3], ids=["hash", "colliding hash"])
@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_every_view_equals_the_reference(hash_bits: int, steps: list[tuple[Any, ...]]) -> None:
    from nftui.engine.query.mask import mask

    clock = ManualClock(START)
    window = LiveWindow(clock, seconds=SECONDS, hash_bits=hash_bits)
    kept: list[tuple[float, dict[str, Any], dict[str, bool]]] = []
    filters = {name: parse_filter(name) for name in ("proto 1", "not src host 10.0.0.3 or dst port > 1")}
    for pause, seed, length, view, scaled, filter_text in steps:
        clock.advance(pause)
        now = clock.monotonic()
        batch, rows = make_batch(seed, length, clock.now_ms())
        window.add(batch)
        passes = {name: mask(f, batch).tolist() for name, f in filters.items()}
        kept += [(now, row, {name: passes[name][i] for name in filters}) for i, row in enumerate(rows)]
        request = LiveRequest(view, filters[filter_text] if filter_text else None, limit=10_000, scaled=scaled)
        snapshot = window.snapshot(request)

        matching = [(at, row) for at, row, ok in kept if filter_text is None or ok[filter_text]]
        covered = max(1.0, snapshot.covered_seconds)
        groups = expected(view, matching, now, covered, scaled)
        keys = list(zip(*(snapshot.values[name] for name in KEYS[view]), strict=True))
        assert sorted(keys) == sorted(groups)
        assert len(set(snapshot.keys.tolist())) == len(keys) == snapshot.rows_total
        for name, (source, factor) in CHECK.items():
            if name in snapshot.values:
                wanted = [groups[key][source] * factor for key in keys]
                exact = not name.endswith(("rate", "x"))
                got = snapshot.values[name].tolist()
                assert got == wanted if exact else got == pytest.approx(wanted, abs=1, rel=1e-9), name
        rates = snapshot.values["rate"].tolist()
        assert rates == sorted(rates, reverse=True)
        inside = [row for at, row in matching if int(at) >= int(now) - SECONDS]
        assert snapshot.total.matched.flows == sum(row["flows"] for row in inside)
        if view in {"pair", "flow", "proto", "exporter"}:
            assert int(snapshot.values["bytes"].sum()) == snapshot.total.matched.bytes
            assert sum(rates) == pytest.approx(snapshot.total.matched.bits_per_second, abs=len(kept) / 100 + 1)
