"""Flows with counters of both directions: statistics, orders and tags of nfdump 1.7.1 and of `nftui dump`."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pytest
from dump_parity_data import make_batch, nfdump, rows_of, write_nfcapd, write_store

from nftui.cli.main import run

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not (shutil.which("nfdump") and shutil.which("nfcapd")), reason="nfdump is not installed"),
]


def free_port() -> int:
    """A UDP port of the loopback that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folder of nfdump's files, and store, of the same 400 flows."""
    base = tmp_path_factory.mktemp("directions")
    batch = make_batch(400)
    rng = np.random.default_rng(1)
    batch.columns["out_bytes"] = rng.integers(1, 5000, 400)
    batch.columns["out_packets"] = rng.integers(1, 50, 400)
    write_store(batch, base / "store")
    return write_nfcapd(batch, base / "nfcapd", free_port()), base / "store"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


COMMANDS = [
    *(["-s", f"srcip/{order}", "-n", "0", "-N"] for order in (
        "bytes", "packets", "ibyte", "obyte", "ipkg", "opkg", "ipps", "opps", "ibps", "obps", "ibpp", "obpp")),
    ["-s", "dstip:p/obyte", "-n", "0"], ["-s", "proto/bytes"], ["-s", "srcas/opkg", "-n", "0"],
    ["-s", "dstport/obyte", "-n", "0", "proto udp"], ["-s", "srcip/bps", "-n", "0", "-N", "out bytes > 1000"],
    ["-o", "fmt:%ts %sap %dap %ipkt %opkt %ibyt %obyt", "-N"], ["-o", "fmt:%ts %sa %pkt %byt %fl", "out packets > 30"],
    ["-o", "fmt:%ts %sn %dn %smk %dmk %nfv", "ipv4"], ["-o", "fmt:%ts %tsr %te %td", "-N"],
    ["-o", "fmt:%ts %ismc %odmc %svln %dvln", "proto tcp"], ["-o", "fmt:%ts %nh %nhb %ra %in %out %dir %fwd"],
    ["-o", "bilong", "-N"], ["-a", "-o", "biline"], ["-A", "srcip,proto", "-o", "fmt:%ts %sa %pr %ibyt %obyt", "-N"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_rows_and_the_summary_are_the_same(
    command: list[str], stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    theirs = nfdump(files, "-G", "none", *command)
    capsys.readouterr()
    assert run(["dump", "-r", str(store), "--window", "inside", *command]) == 0
    printed = capsys.readouterr().out
    rows = sorted(" ".join(row.split()) for row in rows_of(printed))
    assert len(rows) > 2
    assert rows == sorted(" ".join(row.split()) for row in rows_of(theirs))
    assert [x for x in printed.splitlines() if x[:8] == "Summary:"] == [
        x for x in theirs.splitlines() if x[:8] == "Summary:"
    ]
