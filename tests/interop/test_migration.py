"""Every command of docs/migration.md runs, and says what its predecessor says on the same data."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archive_files import netflow5
from dump_parity_data import rows_of
from live_peers import need
from migration_page import (
    OURS,
    PAGE,
    THEIRS,
    Started,
    blocks,
    need_network,
    on_a_terminal,
    prepare,
    read_terminal,
    started,
    words,
)

from nftui.cli.main import run

NFTUI = [sys.executable, "-m", "nftui"]
COMMANDS = [line for block in blocks(OURS) for line in block]
OLD = [line for block in blocks(THEIRS) for line in block]
SENT = 30
PORTS = (4000, 4001, 4002)

AFTERWARDS = {
    "--resume": ["nftui convert /var/cache/nfdump flows/"],
    "verify -l flows": ["nftui convert -q /var/cache/nfdump flows/"],
}
"""What must have been typed before, by a part of the command."""


def kind(line: str) -> str:
    """How a command is run: to its end, or started, watched and stopped."""
    command = line.split()[1]
    if command == "--store":
        return "screen"
    if command == "collect" and " -f " not in line:
        return "collector"
    if command == "probe" and " -i " in line:
        return "probe"
    return {"ctl": "ctl", "replay": "replay"}.get(command, "once")


def of_kind(*kinds: str) -> list[str]:
    return [line for line in COMMANDS if kind(line) in kinds]


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migration")
    prepare(folder)
    return folder


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def folder(master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The prepared folder of one command, which may change it."""
    shutil.copytree(master, tmp_path / "d")
    monkeypatch.chdir(tmp_path / "d")
    return tmp_path / "d"


def arguments_of(line: str, folder: Path) -> list[str]:
    return [*NFTUI, *words(line, folder)[1:]]


def test_every_command_of_the_page_is_one_of_ours_and_is_run() -> None:
    assert len(COMMANDS) > 70
    assert [line for line in COMMANDS if not line.startswith("nftui ")] == []
    known = {"once", "collector", "probe", "ctl", "replay", "screen"}
    assert {kind(line) for line in COMMANDS} == known
    assert len(set(COMMANDS)) == len(COMMANDS)
    fences = re.findall(r"^```(\w*)$", PAGE.read_text(), re.MULTILINE)
    assert set(fences) == {OURS, THEIRS, ""}


@pytest.mark.parametrize("line", of_kind("once"))
def test_commands_that_end(line: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for part, before in AFTERWARDS.items():
        for earlier in before if part in line else ():
            assert run(words(earlier, folder)[1:]) == 0
    existing = set(folder.iterdir())
    capfd.readouterr()
    code = run(words(line, folder)[1:])
    out, err = capfd.readouterr()
    assert code == 0, err
    made = set(folder.iterdir()) - existing
    empty = " -Z " in line or " convert " in line or " -w " in line or " collect " in line or " -l flows" in line
    assert out.strip() or empty or "-7d" in line or line.split()[1] == "verify", err
    if " convert " in line and "--resume" not in line:
        assert made, "nothing was written"
    if " verify " in line:
        assert re.search(r"[1-9]\d* files, .* 0 files damaged", err)
    if " dump " in line and not empty and "-X" not in line and "-7d" not in line:
        assert re.search(r"[1-9]\d*", out)
        assert "Total flows: 0," not in out


@pytest.mark.parametrize("line", of_kind("collector"))
def test_collectors(line: str, folder: Path) -> None:
    need_network()
    source = "192.0.2.1" if "192.0.2." in line else ""
    with started(arguments_of(line, folder), folder) as collector:
        for port in map(int, re.findall(r"-p (\d+)", line)):
            collector.wait_for(lambda port=port: collector.listens(port), "listening")
            collector.send(netflow5(0, SENT), port, source=source)
        assert collector.stop() == 0
        expected = SENT * len(re.findall(r"-p \d+", line))
        assert sum(map(int, re.findall(r"Flows: (\d+)", collector.said()))) == expected


@pytest.mark.parametrize("line", of_kind("probe"))
def test_probes(line: str, folder: Path) -> None:
    need_network()
    with started(arguments_of(line, folder), folder) as probe:
        _meter(probe, folder)
        assert probe.stop() == 0


def _meter(probe: Started, folder: Path) -> None:
    """Wait for the probe's socket and send packets over its interface until it has seen some."""
    control = folder / "run" / "probe-eth0.ctl"
    probe.wait_for(control.exists, "control socket")

    def seen() -> bool:
        probe.send(b"x" * 50, 4000, target="192.0.2.99", times=20)
        said = probe.inside(*NFTUI, "ctl", "-c", str(control), "statistics").stdout
        return bool(re.search(r"Packets processed: +[1-9]|flows active: +[1-9]", said, re.IGNORECASE))

    probe.wait_for(seen, "packets")


@pytest.mark.parametrize("line", of_kind("ctl"))
def test_words_of_control(line: str, folder: Path) -> None:
    need_network()
    if "/run/" in line:
        (command,) = (line for line in of_kind("probe") if " -v 9 " in line)
    else:
        command = of_kind("collector")[0]
    with started(arguments_of(command, folder), folder) as asked:
        if "/run/" in line:
            _meter(asked, folder)
        else:
            asked.wait_for((folder / "store" / ".control.sock").exists, "control socket")
        done = asked.inside(*arguments_of(line, folder))
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
        if line.endswith("dump-flows"):
            assert "192.0.2.99" in done.stdout
        if line.endswith("shutdown"):
            assert asked.process.wait(120) == 0
        else:
            assert asked.stop() == 0


@pytest.mark.parametrize("line", of_kind("replay"))
def test_replays(line: str, folder: Path) -> None:
    """To a collector of ours in the same network, which must store what was sent."""
    need_network()
    port = re.search(r"-p (\d+)", line)[1]  # type: ignore[index]
    received = folder / "received"
    with started([*NFTUI, "collect", "-p", port, "-l", str(received), "--allow", "any"], folder) as collector:
        collector.wait_for(lambda: collector.listens(int(port)), "listening")
        done = collector.inside(*arguments_of(line, folder))
        assert done.returncode == 0, done.stderr
        sent = int(re.search(r"nftui: (\d+) flows in", done.stderr)[1])  # type: ignore[index]
        assert sent > 0
        assert collector.stop() == 0
        assert sum(map(int, re.findall(r"Flows: (\d+)", collector.said()))) == sent


@pytest.mark.parametrize("line", of_kind("screen"))
def test_the_screen(line: str, folder: Path) -> None:
    need_network()
    with on_a_terminal(arguments_of(line, folder), folder) as (screen, side):
        shown = bytearray()

        def seen() -> bool:
            shown.extend(read_terminal(side))
            return b"2055" in shown

        screen.wait_for(seen, "the address to export to")
        screen.process.terminate()
        end = time.monotonic() + 120
        while screen.process.poll() is None:
            read_terminal(side)
            assert time.monotonic() < end, "the screen does not end"
            time.sleep(0.02)
        assert screen.process.returncode == 128 + signal.SIGTERM


# The old commands, where they can run here: both print the same numbers.

_PAIRS = [
    (theirs, ours)
    for theirs in OLD
    if theirs.startswith("nfdump ") and not re.search(r" -I | -w |-o csv| -M .*-t ", theirs)
    for ours in COMMANDS
    if ours.startswith("nftui dump ")
    and theirs.partition("-s ")[2].partition(" -f")[0].replace("10.0.0.0/16", "10/16")
    == ours.partition("-s ")[2].partition(" -f")[0]
    and theirs.partition("-A ")[2] == ours.partition("-A ")[2]
    and ("-s " in theirs or "-A " in theirs)
    and (" -R " in theirs and ":" in theirs.split(" -s")[0]) == (" -R " in ours and ":" in ours.split(" -s")[0])
    and (" -M " in theirs) == (" -M " in ours)
    and "/var/flows" not in ours
    and "-7d" not in ours
    and ours.count(" -r ") < 2
]


def test_pairs_were_found() -> None:
    assert len({theirs for theirs, _ in _PAIRS}) >= 9, _PAIRS


@pytest.mark.peer
@pytest.mark.parametrize(("theirs", "ours"), _PAIRS)
def test_the_numbers_of_nfdump(theirs: str, ours: str, master: Path, capfd: pytest.CaptureFixture[str]) -> None:
    need("nfdump")
    environment = {**os.environ, "TZ": "UTC"}
    done = subprocess.run(
        [*words(theirs, master), "-N"], capture_output=True, text=True, check=True, env=environment, cwd=master
    )
    here = os.getcwd()
    os.chdir(master)
    try:
        assert run([*words(ours, master)[1:], "-N", "--window", "inside"]) == 0
    finally:
        os.chdir(here)
    assert _numbers(capfd.readouterr().out) == _numbers(done.stdout)
    assert _numbers(done.stdout)


def _numbers(printed: str) -> list[list[str]]:
    """Rows without columns that ties may order otherwise, sorted."""
    return sorted(row.split() for row in rows_of(printed))


@pytest.mark.peer
def test_the_flows_of_nfcapd(folder: Path) -> None:
    need("nfcapd", "nfdump")
    need_network()
    line = next(line for line in OLD if line.startswith("nfcapd ") and "-I gw1" in line)
    with started([word for word in words(line, folder) if word != "-D"], folder) as collector:
        collector.wait_for(lambda: collector.listens(9995), "listening")
        time.sleep(0.3)
        collector.send(netflow5(0, SENT), 9995)
        collector.wait_for(lambda: _queue_is_empty(collector), "datagrams taken")
        collector.stop()
    found = [path for path in (folder / "nfdump" / "gw1").rglob("nfcapd.*") if "/nfdump/gw1/20" in str(path)]
    said = subprocess.run(
        ["nfdump", "-r", str(found[0]), "-q", "-o", "fmt:%sp"], capture_output=True, text=True, check=True
    )
    assert len(said.stdout.split()) == SENT


def _queue_is_empty(collector: Started) -> bool:
    lines = Path(f"/proc/{collector.process.pid}/net/udp").read_text().splitlines()[1:]
    return all(int(line.split()[4].split(":")[1], 16) == 0 for line in lines)


@pytest.mark.peer
def test_the_flows_of_nfreplay(folder: Path) -> None:
    """nfreplay and our replay of the same file to our collector."""
    need("nfreplay")
    need_network()
    line = next(line for line in OLD if line.startswith("nfreplay "))
    ours = next(line for line in of_kind("replay") if "-v 9" in line)
    counts = []
    for number, command in enumerate((words(line, folder), arguments_of(ours, folder))):
        with started(
            [*NFTUI, "collect", "-p", "9995", "--allow", "any", "-l", str(folder / f"r{number}")], folder
        ) as collector:
            collector.wait_for(lambda c=collector: c.listens(9995), "listening")
            assert collector.inside(*command).returncode == 0
            assert collector.stop() == 0
            totals = re.findall(r"Flows: (\d+), Packets: (\d+), Bytes: (\d+)", collector.said())
            counts.append([sum(map(int, column)) for column in zip(*totals, strict=True)])
    assert counts[0] == counts[1]
    assert counts[0][0] > 0


@pytest.mark.peer
def test_the_statistics_of_softflowd(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    need("softflowd")
    line = next(line for line in OLD if line.startswith("softflowd -r"))
    theirs = subprocess.run(words(line, folder), capture_output=True, text=True, check=True, cwd=folder).stdout
    capfd.readouterr()
    assert run(["probe", "-r", "day.pcap"]) == 0
    ours = capfd.readouterr().out
    pattern = r"(Packets processed|Flows expired|Fragments): +(\d+)"
    assert re.findall(pattern, ours) == re.findall(pattern, theirs) != []


@pytest.mark.peer
@pytest.mark.parametrize("theirs", [True, False], ids=["softflowd", "nftui probe"])
def test_the_packets_of_softflowd_and_the_words_of_softflowctl(folder: Path, theirs: bool) -> None:
    """Both meter the same packets, answer the same words and export what passed, with the page's lines."""
    need("softflowd", "softflowctl")
    need_network()
    lines = [line for line in OLD if line.startswith(("softflowd -i", "softflowctl "))]
    if not theirs:
        lines = [next(line for line in of_kind("probe") if " -v 9 " in line), *of_kind("ctl")[1:]]
    commands = [words(line, folder) if theirs else arguments_of(line, folder) for line in lines]
    with started([*NFTUI, "collect", "-p", "2055", "--allow", "any", "-l", str(folder / "got")], folder) as collector:
        collector.wait_for(lambda: collector.listens(2055), "listening")
        meter = subprocess.Popen(
            ["nsenter", "-t", str(collector.process.pid), "-n", *commands[0], *(["-d"] if theirs else [])],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        collector.wait_for((folder / "run" / "probe-eth0.ctl").exists, "control socket")
        by_word = {command[-1]: command for command in commands[1:]}

        def seen() -> bool:
            for port in PORTS:  # softflowd sees packets when a block of libpcap is full
                collector.send(b"x" * 50, port, target="192.0.2.99", times=1000)
            return _processed(collector.inside(*by_word["statistics"]).stdout) > len(PORTS) * 100

        collector.wait_for(seen, "packets")
        assert "192.0.2.99" in collector.inside(*by_word["dump-flows"]).stdout
        for word in ("expire-all", "shutdown"):
            assert collector.inside(*by_word[word]).returncode == 0
        meter.wait(120)
        assert collector.stop() == 0
        said = subprocess.run(
            [*NFTUI, "dump", "-r", "got", "-q", "-N", "-O", "tstart", "-o", "fmt:%dp %pkt %byt", "dst ip 192.0.2.99"],
            capture_output=True, text=True, check=True, cwd=folder,
        )  # fmt: skip
        rows = [[int(word) for word in line.split()] for line in said.stdout.splitlines()]
        assert {port for port, _, _ in rows} <= set(PORTS)
        assert [octets for _, _, octets in rows] == [packets * (50 + 28) for _, packets, _ in rows] != []


def _processed(statistics: str) -> int:
    found = re.search(r"Packets processed: +(\d+)", statistics)
    return int(found[1]) if found else 0


@pytest.mark.peer
def test_the_addresses_of_nfanon(folder: Path) -> None:
    need("nfanon", "nfdump")
    theirs = next(line for line in OLD if line.startswith("nfanon "))
    ours = next(line for line in COMMANDS if "convert --anonymize" in line)
    subprocess.run(
        [word if word != "key.txt" else Path("key.txt").read_text() for word in words(theirs, folder)],
        check=True, capture_output=True,
    )  # fmt: skip
    listed = ["nfdump", "-r", "public.nfdump", "-q", "-N", "-o", "fmt:%sa %da %sp %dp %byt", "ipv4"]
    wanted = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
    Path("public.nfdump").unlink()
    assert run(words(ours, folder)[1:]) == 0
    found = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
    assert sorted(found.splitlines()) == sorted(wanted.splitlines())
    assert len(found.splitlines()) > 100
