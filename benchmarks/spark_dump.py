"""The same command lines of `nftui dump` on this machine's DuckDB and on a Spark cluster, over the same lake.

    python benchmarks/spark_dump.py --data DIR [--flows 1000000,10000000,50000000] [--backend sc://...]

DIR holds what benchmarks/analysis.py made (`run.py analysis --data DIR`). Each of the fifty lines runs as a process of
its own on both; what they write, csv, has to be the same to the byte. Without `--backend` a cluster is started on the
loopback address, a master and two workers with a core each, from the environment that NFTUI_SPARK names (tests/cluster
says how to make one). `--keep FILE` keeps the times of each line, so that a run that was ended goes on from there.
`--around PROGRAM` is run with `begin` before and `end` after each line, for what makes a machine quiet.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis_data import COMPACTED

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from spark_standalone import standalone

_HOUR = "2025/11/20.03:10:00-2025/11/20.04:20:00"
LINES: tuple[str, ...] = (
    "-s srcip/bytes",
    "-s dstip/flows -n 20",
    "-s ip/packets",
    "-s srcport/flows",
    "-s dstport:p/flows/bytes",
    "-s port/bytes -n 25",
    "-s proto",
    "-s srcas/bytes",
    "-s as/packets -n 30",
    "-s if/bytes",
    "-s inif/flows",
    "-s router/bytes",
    "-s flags/flows",
    "-s tos/packets",
    "-s srcmask/flows",
    "-s record/bytes -n 20",
    "-s srcip/pps",
    "-s dstip/bps -n 5",
    "-s proto/bpp",
    "-s srcip/flows -s dstip/flows -s proto/bytes",
    "-s srcip/bytes tcp and dst port 443",
    "-s dstip/packets src net 10.0.0.0/9",
    "-s ip/flows not net 10.64.0.0/10",
    "-s dstport/flows flags S and not flags A",
    "-s srcip/bytes bytes > 10k and packets < 100",
    "-s dstip/flows duration > 5s or pps > 100",
    "-s srcip/flows proto udp and port in [53 123 443]",
    "-s srcas/flows src as in [64512 64513 64514 64515 64516]",
    "-s ip/bytes ipv6",
    "-s dstip/bytes bpp > 1000",
    f"-s srcip/bytes -t {_HOUR}",
    f"-s dstport/flows -t {_HOUR} --window inside",
    f"-s proto/packets -t {_HOUR} --window start",
    "-s srcip/flows -n 5 --distinct dstip,dstport",
    "-s proto/bytes --distinct srcip",
    "-s srcip/bytes -n 5 --bin 1h",
    "--series 1h",
    "--series 10m/proto",
    "--series 5m tcp and dst port 443",
    "--series 30m/srcas -n 5",
    "--summary",
    "--summary proto udp",
    "-A srcip4/16,dstip4/16,proto -O bytes -n 30",
    "-A srcas,dstas -O packets -n 30",
    "-A proto,dstport -O flows -n 40 dst port < 1024",
    "-a -O bytes -n 20 dst port 443",
    "-b -O bytes -n 20 host 10.55.121.177",
    "-O bytes -n 25 proto tcp",
    "-O duration -n 25",
    "-O packets -n 50 src port 53",
)
"""Options, and the filter after the last of them."""


def run(arguments: list[str], into: Path) -> tuple[float, float]:
    """Run `nftui dump`, its output into a file; wall and CPU seconds of the process."""
    with into.open("wb") as output:
        began, before = time.perf_counter(), os.times()
        done = subprocess.run(
            [sys.executable, "-m", "nftui", "dump", *arguments], stdout=output, stderr=subprocess.PIPE, text=True
        )
        after = os.times()
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.returncode}: {done.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, cpu


def compare(line: str, lake: Path, backend: str, folder: Path) -> dict[str, object]:
    """Times of a line on both, and whether they wrote the same."""
    asked = [*line.split(" "), "-o", "csv"] if "-o" not in line else line.split(" ")
    # Options after the filter's words would be taken for words of it.
    asked = [*asked[-2:], *asked[:-2]]
    here, there = folder / "duckdb.csv", folder / "spark.csv"
    duck_wall, duck_cpu = run(["-r", str(lake), *asked], here)
    spark_wall, _ = run(["--backend", backend, "--lake", str(lake), *asked], there)
    same = here.read_bytes() == there.read_bytes()
    return {
        "line": line,
        "duckdb_s": round(duck_wall, 3),
        "duckdb_cpu_s": round(duck_cpu, 3),
        "spark_s": round(spark_wall, 3),
        "bytes": here.stat().st_size,
        "equal": same,
    }


def report(kept: dict[str, dict[str, dict[str, object]]]) -> Iterator[dict[str, object]]:
    """One record per line with the times at each size, then one per size."""
    sizes = sorted(kept, key=int)
    for line in LINES:
        row: dict[str, object] = {"dump ... -o csv": line.replace("|", "\\|")}
        for size in sizes:
            found = kept[size].get(line)
            label = f"{int(size) / 1e6:g} M"
            row[f"{label} DuckDB s"] = found["duckdb_s"] if found else None
            row[f"{label} Spark s"] = found["spark_s"] if found else None
        yield row
    for size in sizes:
        rows = list(kept[size].values())
        duck, spark = (sum(float(str(row[f"{name}_s"])) for row in rows) for name in ("duckdb", "spark"))
        yield {
            "flows": int(size),
            "lines": len(rows),
            "equal to the byte": sum(bool(row["equal"]) for row in rows),
            "DuckDB s": duck,
            "Spark s": spark,
            "Spark : DuckDB": spark / duck,
        }


@contextmanager
def cluster(address: str) -> Iterator[str]:
    """The address of a cluster: the one given, or one that is started."""
    if address:
        yield address
        return
    with tempfile.TemporaryDirectory(prefix="nftui-spark-") as folder, standalone(Path(folder)) as started:
        yield started.address


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--flows", default="1000000,10000000,50000000")
    parser.add_argument("--backend", default="")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--around", default="")
    parser.add_argument("--most", type=int, default=1000, help="lines of this run")
    options = parser.parse_args()
    kept: dict[str, dict[str, dict[str, object]]] = {}
    if options.keep and options.keep.exists():
        kept = json.loads(options.keep.read_text())
    todo = [(size, line) for size in options.flows.split(",") for line in LINES if line not in kept.get(size, {})]
    todo = todo[: options.most]
    if todo:
        with cluster(options.backend) as address, tempfile.TemporaryDirectory() as folder:
            for size, line in todo:
                for step in ("begin", "end"):
                    if options.around:
                        subprocess.run([options.around, step], check=True)
                    if step == "begin":
                        found = compare(line, options.data / size / COMPACTED, address, Path(folder))
                kept.setdefault(size, {})[line] = found
                print(size, found, file=sys.stderr, flush=True)
                if options.keep:
                    options.keep.write_text(json.dumps(kept))
    for record in report(kept):
        print(json.dumps(record))
    return 0 if all(row["equal"] for rows in kept.values() for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
