"""Flows with counters of both directions: statistics, orders and tags of nfdump 1.7.1 and of `nftui dump`."""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folder of nfdump's files, and store, of the same 400 flows."""
    base = tmp_path_factory.mktemp("directions")
    batch = make_batch(400)
    rng = np.random.default_rng(1)
    batch.columns["out_bytes"] = rng.integers(1, 5000, 400)
    batch.columns["out_packets"] = rng.integers(1, 50, 400)
    write_store(batch, base / "store")
    return write_nfcapd(batch, base / "nfcapd"), base / "store"


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


ORDERS = ("bytes", "packets", "pps", "bpp", "ibyte", "obyte", "ipkg", "opkg", "ipps", "opps", "ibpp", "obpp")


def amounts(printed: str, order: str) -> list[int]:
    """What the rows of a list with `%td %ipkt %opkt %ibyt %obyt` were ordered by, rounded down as nfdump does."""
    taken = {"i": (1, 0), "o": (0, 1)}.get(order[0], (1, 1))
    out = []
    for line in printed.splitlines():
        seconds, *counters = (cell.replace("-", "0") for cell in line.split())
        own_packets, other_packets, own_bytes, other_bytes = map(int, counters)
        packets = own_packets * taken[0] + other_packets * taken[1]
        octets = own_bytes * taken[0] + other_bytes * taken[1]
        ms = round(float(seconds) * 1000)
        out.append({
            "bytes": octets, "byte": octets, "packets": packets, "pkg": packets,
            "pps": packets * 1000 // ms if ms else 0, "bps": octets * 8000 // ms if ms else 0,
            "bpp": octets // packets if packets else 0,
        }[order if taken == (1, 1) else order[1:]])  # fmt: skip
    return out


LISTS = ([], ["-a"], ["-b"], ["-B"], ["-A", "srcip,proto"], ["-A", "dstport"])


@pytest.mark.parametrize("summed", LISTS, ids=lambda words: " ".join(words) or "flows")
@pytest.mark.parametrize("order", ORDERS)
def test_a_list_is_ordered_by_the_same_direction(
    summed: list[str], order: str, stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    command = [*summed, "-O", order, "-n", "12", "-q", "-N", "-o", "fmt:%td %ipkt %opkt %ibyt %obyt"]
    theirs = nfdump(files, "-G", "none", *command)
    capsys.readouterr()
    assert run(["dump", "-r", str(store), *command]) == 0
    found = amounts(capsys.readouterr().out, order)
    assert len(found) == 12 or summed == ["-A", "dstport"]
    assert found == amounts("\n".join(theirs.splitlines()[: len(found)]), order)


# nfdump 1.7.1 orders by something else than bps
@pytest.mark.parametrize("order", ["bps", "ibps", "obps"])
@pytest.mark.parametrize("summed", LISTS, ids=lambda words: " ".join(words) or "flows")
def test_bits_per_second_follow_the_same_rule(
    summed: list[str], order: str, stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["dump", "-r", str(stores[1]), *summed, "-q", "-N", "-o", "fmt:%td %ipkt %opkt %ibyt %obyt"]
    assert run(command) == 0
    every = sorted(amounts(capsys.readouterr().out, order), reverse=True)
    assert run([*command, "-O", order, "-n", "12"]) == 0
    assert amounts(capsys.readouterr().out, order) == every[:12]
