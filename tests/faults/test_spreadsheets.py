"""Texts of exporters and of lists in csv: no cell is a formula, whichever command writes it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from plain_flows import flow_file

from nftui.cli.main import run

FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1")


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    return flow_file(tmp_path / "f.parquet", [{"username": text, "src_addr": "203.0.113.7"} for text in FORMULAS])


def check(text: str, least: int) -> None:
    """No cell begins as a formula does, except numbers; as many as were expected hold one that was made harmless."""
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    for cell in cells:
        assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
        assert not cell.startswith("-") or cell.lstrip("-").replace(".", "").isdigit(), cell
    assert len([cell for cell in cells if cell.startswith("'")]) >= least


@pytest.mark.parametrize("arguments", [["-o", "csv"], ["-s", "user", "-o", "csv"], ["-A", "user", "-o", "csv"]])
def test_dump(flows: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "-r", str(flows), *arguments]) == 0
    check(capsys.readouterr().out, len(FORMULAS) - 1)  # a tab is taken away where texts are cleaned


def test_series(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "-r", str(flows), "--series", "5m/user", "-o", "csv"]) == 0
    check(capsys.readouterr().out, 1)


def test_convert(flows: Path, tmp_path: Path) -> None:
    assert run(["convert", "-q", str(flows), str(tmp_path / "out.csv")]) == 0
    check((tmp_path / "out.csv").read_text(), len(FORMULAS) - 1)


def test_indicators(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.txt").write_text("203.0.113.7 =cmd()\n203.0.113.0/24 @SUM(A1)\n192.0.2.1 +1\n")
    assert run(["ioc", "-r", str(flows), "-o", "csv", str(tmp_path / "list.txt")]) == 1  # something was seen
    check(capsys.readouterr().out, 3)


def test_no_other_writer_of_csv() -> None:
    """Cells are written by one function, which knows what a formula is."""
    package = Path(__file__).resolve().parents[2] / "nftui"
    assert [path.name for path in package.rglob("*.py") if "csv.writer" in path.read_text(encoding="utf-8")] == []
    assert [path.name for path in package.rglob("*.py") if "DictWriter" in path.read_text(encoding="utf-8")] == []
