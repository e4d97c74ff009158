"""Thousands of indicators over stored flows: `nftui ioc` as a whole process.

    python benchmarks/indicators.py [--flows 1000000] [--indicators 5000] [--runs 3] [--store DIR]

Lists: addresses of which one in a hundred occurs; and a mix of addresses, networks of 19 prefix lengths, ports and
address:port pairs, which together match more than half of the flows. Beside them, a time series of the same flows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np
from analysis_data import _nftui as build_store
from analysis_flows import BUSY, slot_flows

_LAUNCHER = Path(__file__).with_name("launch.py")


def addresses(count: int) -> list[str]:
    """One in a hundred occurs in the flows, the others most likely not."""
    rng = np.random.default_rng(1)
    flows = slot_flows(0, 20_000)
    known = np.unique(flows.columns["dst_addr_lo"][flows.columns["dst_addr_hi"] == 0])
    wanted = [*rng.choice(known, count // 100, replace=False), *rng.integers(0, 1 << 32, count - count // 100)]
    return [str(IPv4Address(int(value) & 0xFFFFFFFF)) for value in wanted]


def mixed(count: int) -> list[str]:
    """Three fifths addresses, the rest networks, and a few of every other kind."""
    rng = np.random.default_rng(2)
    others = [
        "10.48.0.0/12", "10.1.2.0/24", "2001:db8::/32", "2001:db8::/64", "tcp/4444", "port 6667",
        f"{IPv4Address(BUSY & 0xFFFFFFFF)}:443",
    ]  # fmt: skip
    plain = addresses(count * 3 // 5)
    networks = [
        f"{IPv4Address(int(value))}/{length}"
        for value, length in zip(
            rng.integers(0, 1 << 32, count), rng.integers(12, 31, count - len(plain) - len(others)), strict=False
        )
    ]
    return [*plain, *networks, *others]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=1_000_000)
    parser.add_argument("--indicators", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--store", type=Path, help="of an earlier run, to be used again; made if it does not exist")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nftui-bench-") as folder:
        store = options.store or Path(folder) / "store"
        if not store.exists():
            build_store(store, options.flows)
        commands = {}
        for name, lines in (("addresses", addresses(options.indicators)), ("mixed", mixed(options.indicators))):
            path = Path(folder) / name
            path.write_text("\n".join(lines) + "\n")
            commands[f"ioc, {len(lines)} {name}"] = ["ioc", "-r", str(store), str(path)]
        for option in (["--series", "1m/proto"], ["--summary"], ["-s", "srcip", "--distinct", "dstip,dstport"]):
            commands[f"dump {' '.join(option)}"] = ["dump", "-r", str(store), *option]
        launcher = subprocess.Popen(
            [sys.executable, str(_LAUNCHER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        print(f"{'':45} {'seconds':>8} {'CPU':>8} {'MB':>6}")
        for name, command in commands.items():
            taken = []
            for _ in range(options.runs):
                launcher.stdin.write(json.dumps([sys.executable, "-m", "nftui", *command]) + "\n")
                launcher.stdin.flush()
                taken.append(json.loads(launcher.stdout.readline()))
            wall, cpu, memory, _ = (statistics.median(column) for column in zip(*taken, strict=True))
            print(f"{name:45} {wall:8.2f} {cpu:8.2f} {memory:6.0f}")
        launcher.stdin.close()
        launcher.wait()


if __name__ == "__main__":
    main()
