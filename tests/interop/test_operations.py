"""Every command of docs/operations.md runs; its sizing table, its metrics and its names are those of the program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archive_files import netflow5
from migration_page import need_network, prepare, started, words

from nftui.engine.control import ask

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operations.md"
TEXT = PAGE.read_text()
NFTUI = [sys.executable, "-m", "nftui"]
LINES = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.strip().splitlines()]
COLLECTORS = [line for line in LINES if line.startswith("nftui collect ")]
CONTROL = [line for line in LINES if line.startswith("nftui ctl ")]
OTHERS = [line for line in LINES if line not in COLLECTORS + CONTROL]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    prepare(tmp_path)
    for name in ("backup", "restored"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments(line: str, folder: Path) -> list[str]:
    """A line of the page as words, with places of the prepared folder."""
    for place in ("/var/lib/restored", "/var/lib/merged", "/backup"):
        line = line.replace(place, str(folder / place.rpartition("/")[2]))
    found = words(line, folder)
    return [*NFTUI, *found[1:]] if found[0] == "nftui" else found


def test_every_command_is_run() -> None:
    assert len(LINES) > 12
    assert {line.split()[0] for line in LINES} == {"nftui", "tar"}
    assert COLLECTORS
    assert CONTROL


def test_commands_on_the_store_in_their_order(folder: Path) -> None:
    """Backup, restore and the questions after it, as they follow each other on the page."""
    said = {}
    for line in OTHERS:
        done = subprocess.run(arguments(line, folder), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (line, done.stderr)
        said[line] = done.stdout + done.stderr
    (verified,) = [text for line, text in said.items() if " verify " in line]
    assert re.search(r"[1-9]\d* files, .* 0 files damaged", verified)
    before, after = (
        subprocess.run([*NFTUI, "dump", "-I", "-r", str(folder / name)], capture_output=True, text=True, check=True)
        for name in ("store", "restored")
    )
    assert before.stdout == after.stdout
    assert re.search(r"^Flows: [1-9]", after.stdout, re.MULTILINE)
    (listed,) = [text for line, text in said.items() if "-tf" in line]
    assert ".parquet" in listed
    assert "_live" not in listed


@pytest.mark.parametrize("line", COLLECTORS)
def test_the_collector_and_what_it_is_asked(line: str, tmp_path: Path) -> None:
    need_network()
    folder = tmp_path
    with started(arguments(line, folder), folder) as collector:
        collector.wait_for(lambda: collector.listens(2055), "listening")
        collector.send(netflow5(0, 20), 2055)
        control = folder / "store" / ".control.sock"
        collector.wait_for(lambda: ask(control, "health")["counts"].get("flows.in", 0) == 20, "flows")
        for question in CONTROL:
            done = collector.inside(*arguments(question, folder))
            assert done.returncode == 0, (question, done.stderr)
            assert done.stdout.strip(), question
        assert collector.stop() == 0


def _measured() -> dict[str, dict[str, float]]:
    output = json.loads((ROOT / "benchmarks" / "out" / "ingest.json").read_text())["output"]
    records = [json.loads(line) for line in output if line.startswith("{")]
    return {record["kind"]: record for record in records if record["benchmark"] == "ingest.cpu"}


def test_sizes_are_those_of_the_benchmarks() -> None:
    v9 = _measured()["v9"]
    rows = re.findall(
        r"^\| ([\d,]+) \| ([\d.]+) % \| (\d+) MB \| ([\d.]+) GB \| ([\d.]+) ([GT])B \|$", TEXT, re.MULTILINE
    )
    assert len(rows) >= 5
    for rate_text, cpu, memory, day, weeks, unit in rows:
        rate = int(rate_text.replace(",", ""))
        daily = rate * 86_400 * v9["nftui_bytes_per_flow"] / 1e9
        assert float(cpu) == pytest.approx(rate * v9["nftui_cpu_per_million_whole"] / 1e4, rel=0.04)
        assert float(memory) == pytest.approx(v9["nftui_rss_mb"], rel=0.02)
        assert float(day) == pytest.approx(daily, rel=0.04)
        assert float(weeks) * (1000 if unit == "T" else 1) == pytest.approx(daily * 56, rel=0.02)


def test_other_exporters_against_v9() -> None:
    found = _measured()
    kinds = ("v5", "ipfix", "ipfix-varlen", "exporters1000", "one-record", "sflow")
    rows = re.findall(r"^\| .* \| ([\d.]+) times \| ([\d.]+) times \|$", TEXT, re.MULTILINE)
    assert len(rows) == len(kinds)
    for kind, (cpu, disk) in zip(kinds, rows, strict=True):
        for said, key in ((cpu, "nftui_cpu_per_million_whole"), (disk, "nftui_bytes_per_flow")):
            assert float(said) == pytest.approx(found[kind][key] / found["v9"][key], abs=0.02), (kind, key)


def test_alerts_name_metrics_that_are_there() -> None:
    known = set(re.findall(r"`([a-z_]+\.[\w.*]+)`", (ROOT / "docs" / "counters.md").read_text()))
    counters = {"nftui_" + "_".join(name.replace("*", "").strip(".").split(".")[:2]) for name in known}
    gauges = set(re.findall(r'gauge\("(\w+)"', (ROOT / "nftui" / "engine" / "metrics.py").read_text()))
    names = set(re.findall(r"\b(nftui_[a-z_]+)\b", TEXT))
    assert len(names) > 9
    for name in names - {"nftui_thread_restarts_total"}:
        assert name.removesuffix("_total") in counters or name.removeprefix("nftui_") in gauges, name


def test_counters_and_files_that_it_names_are_there() -> None:
    documented = (ROOT / "docs" / "counters.md").read_text()
    subjects = r"`((?:datagrams|flows|sets|times|sequence|kernel)\.[\w.]+)(?:\.\*)?`"
    for name in re.findall(subjects, TEXT):
        assert name.removesuffix(".") in documented or name.rpartition(".")[2] in documented, name
    for name in re.findall(r"`((?:sysusers|tmpfiles)\.d/[\w.-]+|default/[\w-]+|nftui-\w+\.service|Dockerfile)`", TEXT):
        assert (ROOT / "contrib" / name).exists(), name
    for name in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (PAGE.parent / name).exists(), name


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_exposures_are_those_of_the_units() -> None:
    for unit, said in re.findall(r"`(nftui-\w+\.service)`.*?: (\d\.\d) \|", TEXT):
        assert f"exposure {said}." in (ROOT / "contrib" / unit).read_text()
