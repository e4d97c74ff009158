"""What storing costs: the live segment by compression, appending through StoreWriter, sealing by row group.

    python benchmarks/store_write.py                   all three
    python benchmarks/store_write.py append --rate 300000 --seconds 20

Each measurement runs in a process of its own and prints one line of JSON: CPU of the calling thread in ns per flow,
bytes per flow, flows sealed per CPU second, and peak resident memory in MB (base: the same process before it works).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from analysis_flows import START_MS, slot_flows

from nftui.engine.batch import FlowBatch
from nftui.engine.limits import DEFAULT
from nftui.engine.store import segment
from nftui.engine.store.layout import LIVE, TEMPORARY, PartName
from nftui.engine.store.seal import seal_segment
from nftui.engine.store.segment import Origin, SegmentReader, SegmentWriter
from nftui.engine.store.writer import StoreWriter

_BATCH = 1500
"""Flows of one decoded block: 5 ms at 300 000 flows/s."""


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _open_segment(root: Path) -> SegmentWriter:
    for name in (LIVE, TEMPORARY):
        (root / name).mkdir()
    return SegmentWriter(PartName(START_MS, "00000000", 1), root, Origin(START_MS, 300, "bench"))


def chunk(codec: str, root: Path) -> dict[str, object]:
    """Write chunks of the usual size with a compression: `none`, `zstd`, or `lz4:LEVEL`."""
    name, _, level = codec.partition(":")
    compression = None if name == "none" else pa.Codec(name, compression_level=int(level) if level else None)
    segment._OPTIONS = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
    chunks = [slot_flows(number, DEFAULT.chunk_rows) for number in range(4)]
    writer = _open_segment(root)
    spent = []
    for turn in range(40):
        begin = time.thread_time_ns()
        writer.write(chunks[turn % 4])
        spent.append(time.thread_time_ns() - begin)
    begin = time.thread_time_ns()
    with SegmentReader(writer.path) as reader:
        rows = sum(batch.num_rows for batch in reader.batches())
    read = (time.thread_time_ns() - begin) / rows
    median = sorted(spent)[len(spent) // 2] / DEFAULT.chunk_rows
    size = round(writer.bytes / writer.rows, 1)
    return {"codec": codec, "write_ns_per_flow": round(median), "read_ns_per_flow": round(read), "B_per_flow": size}


def append(rate: float, seconds: float, root: Path) -> dict[str, object]:
    """Feed a StoreWriter with small batches at a rate; 0 is as fast as it goes."""
    pool = slot_flows(0, 150_000)
    batches = [pool.slice(start, start + _BATCH) for start in range(0, pool.length, _BATCH)]
    base = _peak_mb()
    writer = StoreWriter(root)
    writer.open()
    spent = sent = 0
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds:
        if rate and sent > rate * passed:
            time.sleep(0.002)
            continue
        batch = _received_now(batches[sent // _BATCH % len(batches)])
        start = time.thread_time_ns()
        writer.append(batch)
        writer.tick()
        spent += time.thread_time_ns() - start
        sent += batch.length
    status = writer.status()
    whole = time.process_time()
    writer.close()
    return {
        "rate": round(sent / seconds), "append_ns_per_flow": round(spent / sent),
        "waiting_segments": status.waiting_segments, "process_cpu_s": round(whole, 2),
        "base_mb": base, "peak_mb": _peak_mb(),
    }  # fmt: skip


def _received_now(batch: FlowBatch) -> FlowBatch:
    received = batch.columns["time_received_ms"] * 0 + time.time_ns() // 1_000_000
    return FlowBatch(batch.length, {**batch.columns, "time_received_ms": received})


def seal(rows: int, group: int, root: Path) -> dict[str, object]:
    """Seal one segment of `rows` in row groups of `group`."""
    writer = _open_segment(root)
    for number in range(rows // DEFAULT.chunk_rows):
        flows = slot_flows(number, DEFAULT.chunk_rows)
        flows.columns["time_received_ms"] = START_MS + flows.columns["time_received_ms"] % 300_000
        writer.write(flows)
    del flows
    base = _peak_mb()
    begin = time.process_time()
    sealed = seal_segment(root, writer.name, replace(DEFAULT, row_group_rows=group))
    spent = time.process_time() - begin
    assert sealed is not None
    return {
        "rows": rows, "row_group": group, "flows_per_cpu_s": round(sealed.rows / spent),
        "B_per_flow": round(sealed.file_bytes / sealed.rows, 2), "base_mb": base, "peak_mb": _peak_mb(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["chunk", "append", "seal"])
    parser.add_argument("--rate", type=float, default=300_000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--group", type=int)
    parser.add_argument("--codec")
    args = parser.parse_args()
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        if args.part == "append":
            print(json.dumps(append(args.rate, args.seconds, Path(folder))))
        elif args.part == "chunk" and args.codec:
            print(json.dumps(chunk(args.codec, Path(folder))))
        elif args.part == "seal" and args.rows:
            print(json.dumps(seal(args.rows, args.group, Path(folder))))
        else:
            for part in [args.part] if args.part else ["chunk", "append", "seal"]:
                for options in _SERIES[part]:
                    subprocess.run([sys.executable, __file__, part, *options], check=True)


_SERIES = {
    "chunk": [["--codec", codec] for codec in ("none", "lz4:1", "lz4:-10", "lz4:-30", "zstd:1")],
    "append": [["--rate", "300000"], ["--rate", "0"]],
    "seal": [
        ["--rows", str(rows), "--group", str(group)]
        for rows, group in (
            (1 << 20, 1 << 16),
            (1 << 20, 1 << 17),
            (1 << 20, 1 << 18),
            (1 << 20, 1 << 20),
            (1 << 17, 1 << 17),
        )
    ],
}


if __name__ == "__main__":
    main()
