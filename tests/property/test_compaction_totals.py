"""Whatever the flows, slots and windows: every answer is the same before and after compaction."""

import os
import tempfile
from pathlib import Path

import numpy as np
from compaction import answers, compact_all, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_samples import NOON_MS, V4, sample_flows

from nftui.engine.batch import FlowBatch
from nftui.engine.query.time import Mode, Window

EXAMPLES = 200 if os.environ.get("NFTUI_FULL") else 12
HOUR = 3_600_000


def random_flows(seed: int, count: int) -> FlowBatch:
    """Flows over three hours whose keys repeat, are equal at both ends or missing; some are sampled, some long."""
    rng = np.random.default_rng(seed)
    received = NOON_MS + rng.integers(0, 3 * HOUR, count)
    flows = sample_flows(0, count)
    columns = flows.columns
    columns["time_received_ms"] = received
    columns["time_flow_end_ms"] = received - rng.integers(-1000, 60_000, count)
    columns["time_flow_start_ms"] = columns["time_flow_end_ms"] - rng.integers(0, 2, count) * rng.integers(
        0, HOUR, count
    )
    for side in ("src", "dst"):
        columns[f"{side}_addr_hi"] = rng.integers(0, 2, count) * -5
        columns[f"{side}_addr_lo"] = V4 | rng.integers(0, 4, count)
        columns[f"{side}_port"] = rng.integers(0, 3, count).astype(np.uint16)
        columns[f"{side}_as"] = rng.integers(0, 3, count).astype(np.uint32) * 2**31
        for name in ("addr", "port", "as"):
            flows.valid[f"{side}_{name}"] = rng.random(count) < 0.8
    for name in ("in_if", "out_if"):
        columns[name] = rng.integers(0, 3, count).astype(np.uint32)
    columns["sampling_rate"] = rng.choice(np.array([0, 1, 100, 2**32 - 1], np.uint32), count)
    columns["bytes"] = rng.integers(0, 2**40, count)
    columns["flows"] = rng.integers(1, 3, count)
    for name in ("sampling_rate", "bytes", "packets", "proto"):
        flows.valid[name] = rng.random(count) < 0.8
    return flows


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 400),
    late=st.booleans(),
    mode=st.sampled_from(list(Mode)),
    edges=st.tuples(st.integers(-HOUR, 4 * HOUR), st.integers(0, 4 * HOUR)),
    scaled=st.booleans(),
    limit=st.sampled_from([None, 1, 3]),
)
def test_answers_are_the_same(
    seed: int, count: int, late: bool, mode: Mode, edges: tuple[int, int], scaled: bool, limit: int | None
) -> None:
    windows = [Window(), Window(NOON_MS + edges[0], NOON_MS + edges[0] + edges[1], mode=mode)]
    flows = random_flows(seed, count)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, flows)
        if late:
            write(root, random_flows(seed + 1, 1 + count // 20))
        before = [answers(root, window, scaled, limit) for window in windows]
        if late:  # the second batch comes after the first is compacted
            with tempfile.TemporaryDirectory() as other:
                again = Path(other)
                write(again, flows)
                assert compact_all(again) > 0
                write(again, random_flows(seed + 1, 1 + count // 20))
                assert [answers(again, window, scaled, limit) for window in windows] == before
        assert compact_all(root) > 0
        assert [answers(root, window, scaled, limit) for window in windows] == before
