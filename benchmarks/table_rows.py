"""What a table of a million rows costs: python benchmarks/table_rows.py [--rows 1000000] [--no-past].

Three lists of the same flows: single records of the live window, its groups by 5-tuple, and stored records. Each line
is an answer of 500 rows, what the screen asks for, from the begin, the middle and the end of an order. Then the table
itself, in a terminal that is not there: keys, refreshes and orders, with all rows of the list behind it; CPU of the
thread of the screen. Medians of a few runs, in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from textual.app import App, ComposeResult

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.history.history import History
from nftui.engine.history.values import TimeRange
from nftui.engine.limits import Limits
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.store.arrow import to_arrow
from nftui.screens.columns import Display, table_columns, table_data
from nftui.screens.row_window import ROWS
from nftui.screens.steadiness import Steadiness
from nftui.widgets.flow_table import FlowTable

V4 = 0xFFFF << 32
NOW_MS = 1_790_000_000_000
BATCH = 50_000
RUNS = 5


def make_batch(seed: int, rows: int) -> FlowBatch:
    """Flows that all differ."""
    rng = np.random.default_rng(seed)
    start = NOW_MS - rng.integers(0, 600_000, rows)
    columns = {
        "time_received_ms": np.full(rows, NOW_MS), "time_flow_start_ms": start, "time_flow_end_ms": start + 900,
        "sampler_address_hi": np.zeros(rows, np.int64), "sampler_address_lo": np.full(rows, V4 | 0xC0000201),
        "flow_source": np.full(rows, 9, np.uint8), "src_addr_hi": np.zeros(rows, np.int64),
        "src_addr_lo": (V4 | 0x0A000000) + rng.integers(0, 1 << 24, rows), "dst_addr_hi": np.zeros(rows, np.int64),
        "dst_addr_lo": (V4 | 0xC6336400) + rng.integers(0, 256, rows),
        "src_port": rng.integers(1024, 65536, rows).astype(np.uint16), "dst_port": np.full(rows, 443, np.uint16),
        "proto": np.full(rows, 6, np.uint8), "tcp_flags": np.full(rows, 27, np.uint16),
        "bytes": rng.integers(60, 1 << 20, rows), "packets": rng.integers(1, 1000, rows),
        "flows": np.ones(rows, np.int64), "quality": np.zeros(rows, np.uint16),
    }  # fmt: skip
    return FlowBatch(rows, columns)


def median_ms(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Milliseconds of some work."""
    times = []
    for _ in range(RUNS):
        start = clock()
        work()
        times.append((clock() - start) * 1000)
    return statistics.median(times)


def ask(name: str, snapshot: Callable[[LiveRequest], LiveSnapshot], rows: int, request: LiveRequest) -> LiveSnapshot:
    """Print what answers cost, and give the first one."""
    from dataclasses import replace

    for sort in ("bytes", "src_addr", "") if request.view != "flows" else ("", "bytes", "src_addr"):
        figures = []
        for offset in (0, rows // 2, rows - ROWS):
            asked = replace(request, sort=sort, offset=offset, limit=ROWS)
            snapshot(asked)
            figures.append(median_ms(lambda asked=asked: snapshot(asked)))
        print(f"{name:16} by {sort or 'usual order':12} begin {figures[0]:8.1f}  middle {figures[1]:8.1f}  "
              f"end {figures[2]:8.1f}", flush=True)  # fmt: skip
    return snapshot(replace(request, limit=ROWS))


class _Bench(App[None]):
    def compose(self) -> ComposeResult:
        yield FlowTable(id="table")


async def paint(name: str, parts: list[LiveSnapshot]) -> None:
    """Print what the table costs with these rows."""
    app = _Bench()
    cpu = time.thread_time
    async with app.run_test(size=(120, 40)) as pilot:
        table = app.query_one(FlowTable)
        steady = Steadiness()
        table.set_columns(table_columns(parts[0].columns, Display(), parts[0].request.view != "flows"))
        table.set_data(table_data(parts[0]))
        await pilot.pause()
        order = median_ms(lambda: steady.order(parts[0]), cpu)
        turn = iter(range(10 * RUNS))
        refresh = median_ms(lambda: table.set_data(table_data(parts[next(turn) % len(parts)])), cpu)
        down = median_ms(lambda: table.action_move(1), cpu)
        page = median_ms(lambda: table.action_page(1), cpu)
        end = median_ms(table.action_last, cpu)
        print(f"{name:16} rows {parts[0].rows_total:,}: order {order:.1f}  refresh {refresh:.1f}  key down {down:.1f}  "
              f"page {page:.1f}  to the end {end:.1f}", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--no-past", action="store_true", help="without stored flows")
    arguments = parser.parse_args()
    rows: int = arguments.rows
    batches = [make_batch(seed, min(BATCH, rows)) for seed in range(max(1, rows // BATCH))]
    rows = sum(map(len, batches))
    window = LiveWindow(ManualClock(NOW_MS), Limits(live_rows=2 * rows, live_bytes=4 << 30))
    for batch in batches:
        window.add(batch)
    records = ask("live records", window.snapshot, rows, LiveRequest("flows"))
    groups = ask("live 5-tuples", window.snapshot, rows, LiveRequest("flow"))
    asyncio.run(paint("live records", [records]))
    asyncio.run(paint("live 5-tuples", [groups, window.snapshot(LiveRequest("flow", sort="bytes", limit=ROWS))]))
    if not arguments.no_past:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "flows.parquet"
            pq.write_table(pa.Table.from_batches([to_arrow(batch) for batch in batches]), path)
            history = History([str(path)])
            within = TimeRange(NOW_MS - 700_000, NOW_MS)
            ask("stored records", history.snapshot, rows, LiveRequest("flows", within=within))
            history.close()


if __name__ == "__main__":
    main()
