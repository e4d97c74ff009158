"""The same questions to nfdump 1.7.1 and to `nftui dump`, on the same flows: the same numbers."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from dump_parity_data import make_batch, nfdump, rows_of, write_nfcapd, write_store

from nftui.cli.main import run

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not (shutil.which("nfdump") and shutil.which("nfcapd")), reason="nfdump is not installed"),
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folder of nfdump's files, and store, of the same 4000 flows."""
    base = tmp_path_factory.mktemp("parity")
    batch = make_batch()
    write_store(batch, base / "store")
    return write_nfcapd(batch, base / "nfcapd"), base / "store"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def ours(store: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `nftui dump` prints."""
    capsys.readouterr()
    code = run(["dump", "-r", str(store), "--window", "inside", *arguments])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return printed.out


FILTERS = [
    "any", "proto tcp", "proto udp", "proto icmp", "proto icmp6", "proto 6 or proto 17", "ipv4", "ipv6",
    "inet", "inet6",
    "src ip 10.0.0.1", "dst ip 192.0.2.1", "ip 10.0.0.3", "host 192.0.2.5", "ip 2001:db8::6", "not ip 10.0.0.1",
    "src net 10.0.0.0/28", "dst net 192.0.2.0/26", "net 10.0.0.0/30", "net 10.0.0.0 255.255.255.248",
    "net 2001:db8::/64", "src ip in [10.0.0.1 10.0.0.2 192.0.2.0/29]", "ip in [10.0.0.9 2001:db8::6]",
    "src port 443", "dst port 53", "port 80", "port > 1024", "src port < 1100", "dst port >= 8080", "port <= 53",
    "dst port in [53 123]", "port in [80 443 51820]", "src or dst port 123", "src and dst port > 1000",
    "flags S", "flags SA", "flags S and not flags A", "flags APSF", "not flags R", "flags 2", "flags > 16",
    "bytes > 10000", "bytes < 100", "bytes = 1500", "packets 1", "packets >= 100", "packets > 1k", "bytes > 1m",
    "in bytes > 100k", "flows 1", "flows > 1", "duration > 60000", "duration = 0", "duration < 10", "pps > 10",
    "pps < 1", "bps > 100k", "bps > 1m", "bps = 0", "bpp > 1000", "bpp < 60", "in if 3", "out if 1", "if 2",
    "src mask 24", "dst mask 16",
    "mask 8", "src vlan 10", "dst vlan 30", "vlan 20", "tos 8", "src tos 184", "next ip 198.51.100.1",
    "bgpnext ip 198.51.100.2", "router ip 127.0.0.1", "fwdstat 64", "fwdstat 128", "flowdir ingress", "flowdir 1",
    "in src mac 00:11:22:33:44:02", "out dst mac 00:aa:bb:cc:dd:01", "mac 00:11:22:33:44:03",
    "proto tcp and dst port 443 and bytes > 10000", "proto tcp and (src port 80 or dst port 80) and not flags S",
    "proto tcp or proto udp and dst port 53", "not proto tcp and not proto udp", "not (proto tcp or proto udp)",
    "src net 10.0.0.0/8 and dst net 192.0.2.0/24 and bytes > 1k", "ipv6 and proto tcp and packets > 2",
    "(src ip 10.0.0.1 and dst port 53) or (dst ip 10.0.0.1 and src port 53)",
    "src ip 10.0.0.1 && dst port 443 || proto icmp", "! proto tcp", "bytes gt 5000 and packets lt 10",
]  # fmt: skip


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_passes_the_same_flows(
    text: str, stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    theirs = rows_of(nfdump(files, "-G", "none", "-o", "long", "-N", text))
    assert sorted(rows_of(ours(store, capsys, "-o", "long", "-N", text))) == sorted(theirs)


STATISTICS = [
    "srcip", "dstip", "ip", "srcport", "dstport", "port", "proto", "srcas", "dstas", "inif", "outif", "srcmask",
    "dstmask", "srcvlan", "dstvlan", "tos", "srctos", "dir", "nhip", "nhbip", "router", "insrcmac", "outdstmac",
    "srcip:p", "dstport:p", "port:p", "proto:p", "srcas:p",
]  # fmt: skip


@pytest.mark.parametrize("plain", [["-N"], []], ids=["plain", "scaled"])
@pytest.mark.parametrize("name", STATISTICS)
def test_a_statistic_has_the_same_rows(
    name: str, plain: list[str], stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    # the ports of ICMP flows are both 0, which nfdump counts twice
    command = ["-s", f"{name}/bytes", "-n", "0", *plain, "proto tcp or proto udp" if "port" in name else "any"]
    theirs, printed = nfdump(files, "-G", "none", *command), ours(store, capsys, *command)
    assert sorted(rows_of(printed)) == sorted(rows_of(theirs))
    assert printed.splitlines()[0].split() == theirs.splitlines()[0].split()
    assert printed.splitlines()[1] == theirs.splitlines()[1]


AGGREGATIONS = [
    ["-a", "-o", "line"], ["-a", "-o", "line", "-N", "proto tcp"],
    ["-a", "-o", "fmt:%ts %td %pr %sap %dap %flg %fl"],
    ["-A", "srcip"], ["-A", "dstip,dstport", "proto tcp or proto udp"], ["-A", "proto"],
    ["-A", "srcip,dstip,proto", "bytes > 1k"],
    ["-A", "srcip4/24", "ipv4"], ["-A", "srcip4/8,dstport", "ipv4 and proto udp"],
    ["-A", "srcip4/28,dstip4/28", "ipv4"],
    ["-A", "dstip6/64", "ipv6"], ["-A", "srcport,proto", "-N"], ["-A", "srcas,dstas"], ["-A", "inif,outif"],
    ["-A", "srcvlan,dstvlan"], ["-A", "srcmask,dstmask"], ["-A", "insrcmac"], ["-A", "outdstmac,proto"],
    ["-A", "next,bgpnext"], ["-A", "router"], ["-A", "tos,proto"], ["-b", "-o", "biline"],
    ["-b", "-o", "biline", "-N", "proto icmp"], ["-B", "-o", "biline"], ["-B", "-o", "biline", "-6", "-N"],
]  # fmt: skip


@pytest.mark.parametrize("command", AGGREGATIONS, ids=" ".join)
def test_an_aggregation_has_the_same_rows(
    command: list[str], stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    theirs, printed = nfdump(files, "-G", "none", *command), ours(store, capsys, *command)
    rows = [" ".join(row.split()) for row in rows_of(printed)]
    assert len(rows) > 1 or "router" in command
    assert sorted(rows) == sorted(" ".join(row.split()) for row in rows_of(theirs))
    assert printed.splitlines()[0].split() == theirs.splitlines()[0].split()


def test_source_networks_by_their_masks(stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Nfdump 1.7.1 prints these networks with /0; the sums are the same."""
    files, store = stores
    theirs = nfdump(files, "-A", "srcnet,dstnet", "-N", "ipv4")
    printed = ours(store, capsys, "-A", "srcnet,dstnet", "-N", "ipv4")
    rows = [row.split() for row in rows_of(printed)]
    assert len(rows) > 3
    assert sorted(rows) == sorted(row.replace("/0", "").split() for row in rows_of(theirs))


@pytest.mark.parametrize("order", ["bytes", "packets", "bps", "pps", "bpp"])
@pytest.mark.parametrize("name", ["srcip", "dstip", "ip"])
def test_a_statistic_has_the_same_top(
    name: str, order: str, stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    command = ["-s", f"{name}/{order}", "-n", "5", "-N", "proto tcp and bytes > 100"]
    printed = ours(store, capsys, *command)
    theirs = nfdump(files, *command)
    column = {"packets": 1, "bytes": 2, "pps": -3, "bps": -2, "bpp": -1}[order]
    assert _column(printed, column) == _column(theirs, column)
    assert len(rows_of(printed)) == 5


def _column(printed: str, column: int) -> list[str]:
    """One column of a statistic's rows; 1 and 2 are packets and bytes, the negative ones rates."""
    out = []
    for row in rows_of(printed):
        cells = row.replace("(", " (").split()
        numbers = [cell for cell in cells[5:] if not cell.startswith("(") and not cell.endswith(")")]
        out.append(numbers[column])
    return out


def test_several_statistics_in_one_run(stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    files, store = stores
    command = ["-s", "srcip/bytes", "-s", "dstport/packets", "-s", "proto/flows", "-n", "3", "-N"]
    assert rows_of(ours(store, capsys, *command)) == rows_of(nfdump(files, *command))


@pytest.mark.parametrize("form", ["line", "long", "extended"])
@pytest.mark.parametrize("style", [[], ["-N"], ["-6"], ["-6", "-N"]], ids=lambda s: "".join(s) or "default")
def test_a_list_looks_the_same(
    form: str, style: list[str], stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    command = ["-o", form, *style, "bytes > 2k"]
    theirs, printed = nfdump(files, *command), ours(store, capsys, *command)
    assert printed.splitlines()[0] == theirs.splitlines()[0]
    assert sorted(rows_of(printed)) == sorted(rows_of(theirs))


@pytest.mark.parametrize("form", ["line6", "long6", "extended6"])
def test_six_behind_a_format_means_whole_addresses(
    form: str, stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    theirs, printed = nfdump(files, "-o", form, "ipv6"), ours(store, capsys, "-o", form, "ipv6")
    assert printed.splitlines()[0] == theirs.splitlines()[0]
    assert sorted(rows_of(printed)) == sorted(rows_of(theirs))


# nfdump 1.7.1 orders a list by something else than bps when asked for -O bps
@pytest.mark.parametrize("order", ["bytes", "packets", "pps", "bpp", "tstart", "tend", "duration"])
def test_a_list_has_the_same_order(order: str, stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    files, store = stores
    command = ["-o", "fmt:%ts %te %td %pkt %byt %pps %bps %bpp", "-N", "-n", "12", "-O", order, "proto udp"]
    names = ["tstart", "tend", "duration", "packets", "bytes", "pps", "bps", "bpp"]
    cells = slice(*{"tstart": (0, 2), "tend": (2, 4)}.get(order, (names.index(order) + 2, names.index(order) + 3)))
    theirs, printed = (rows_of(text) for text in (nfdump(files, *command), ours(store, capsys, *command)))
    assert len(printed) == 12
    assert [row.split()[cells] for row in printed] == [row.split()[cells] for row in theirs]


@pytest.mark.parametrize("text", ["any", "proto tcp", "src ip 10.0.0.1", "bytes > 1m", "src ip 203.0.113.9"])
@pytest.mark.parametrize("arguments", [["-s", "srcip"], ["-o", "line"], ["-o", "line", "-N"]], ids=" ".join)
def test_the_summary_is_the_same(
    arguments: list[str], text: str, stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    theirs, printed = (out for out in (nfdump(files, *arguments, text), ours(store, capsys, *arguments, text)))
    assert _summary(printed) == _summary(theirs)


def _summary(printed: str) -> str:
    return next(line for line in printed.splitlines() if line.startswith("Summary:"))


@pytest.mark.parametrize(
    "window",
    [
        "2026/01/01.10:05-2026/01/01.10:10", "2026/01/01.10:05:30-2026/01/01.10:06:10", "2026/01/01.10:20",
        "2026/01/01", "2026/01/01.10-2026/01/01.11", "2026/01/01.11",
    ],
)  # fmt: skip
def test_a_window_has_the_same_flows(
    window: str, stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    command = ["-t", window, "-o", "line", "-N"]
    assert sorted(rows_of(ours(store, capsys, *command))) == sorted(rows_of(nfdump(files, *command)))


@pytest.mark.parametrize("name", ["as", "if", "vlan", "mask"])
def test_equal_ends_are_counted_once_where_nfdump_counts_twice(
    name: str, stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    first, second = {"as": ("src_as", "dst_as"), "if": ("in_if", "out_if")}.get(name, (f"src_{name}", f"dst_{name}"))
    batch = make_batch()
    equal = batch.columns[first] == batch.columns[second]
    twice: dict[int, int] = {}
    for value in batch.columns[first][equal].tolist():
        twice[value] = twice.get(value, 0) + 1
    theirs = _flows_by_key(nfdump(files, "-G", "none", "-s", name, "-n", "0", "-N"))
    printed = _flows_by_key(ours(store, capsys, "-s", name, "-n", "0", "-N"))
    assert twice
    assert {key: flows + twice.get(key, 0) for key, flows in printed.items()} == theirs


def _flows_by_key(printed: str) -> dict[int, int]:
    cells = [row.replace("(", " (").split() for row in rows_of(printed)]
    return {int(row[4]): int(row[5]) for row in cells}


def test_filters_on_as_numbers_work_without_a_geo_database(
    stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nfdump 1.7.1 refuses `as` filters without a geo database; its statistic says how many there are."""
    files, store = stores
    counted = _flows_by_key(nfdump(files, "-s", "srcas", "-n", "0", "-N"))
    assert {
        number: len(rows_of(ours(store, capsys, "-o", "line", f"src as {number}"))) for number in counted
    } == counted
    large = sum(flows for number, flows in counted.items() if number > 65535)
    assert len(rows_of(ours(store, capsys, "-o", "line", "src as > 65535"))) == large > 0


def test_pipe_lines_are_the_same(stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    files, store = stores
    theirs = [line for line in nfdump(files, "-o", "pipe", "-q", "packets > 3").splitlines() if "|" in line]
    assert sorted(ours(store, capsys, "-o", "pipe", "packets > 3").splitlines()) == sorted(theirs)


def test_csv_of_a_statistic_has_the_numbers_of_nfdumps(
    stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files, store = stores
    theirs = nfdump(files, "-s", "dstip/bytes", "-n", "20", "-o", "csv").splitlines()
    header, *rows = (
        line.split(",") for line in ours(store, capsys, "-s", "dstip/bytes", "-n", "20", "-o", "csv").splitlines()
    )
    wanted = [header.index(name) for name in ("dst_addr", "flows", "packets", "bytes", "pps", "bps", "bpp")]
    cells = [line.split(",") for line in theirs[1:21]]
    assert [[row[i] for i in wanted] for row in rows] == [[c[4], c[5], c[7], c[9], *c[11:14]] for c in cells]


def test_information_is_the_same(stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    files, store = stores
    assert ours(store, capsys, "-I") == nfdump(files, "-I")


def test_limits_mean_the_same(stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    files, store = stores
    for arguments in (["-c", "7", "-o", "line"], ["-O", "bytes", "-n", "7", "-o", "line"], ["-s", "ip", "-n", "7"]):
        assert len(rows_of(ours(store, capsys, *arguments))) == len(rows_of(nfdump(files, *arguments))) == 7
