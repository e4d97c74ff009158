"""What `--backend` takes, and what is said where it cannot be used."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from nftui.cli.main import run
from nftui.engine.spark.address import Address, parse_backend
from nftui.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sc://spark1", Address("sc://spark1:15002", "spark1", 15002)),
        ("sc://spark1:443", Address("sc://spark1:443", "spark1", 443)),
        ("sc://[::1]:7", Address("sc://[::1]:7", "::1", 7)),
        ("sc://spark1:443/;use_ssl=true;token=x", Address("sc://spark1:443/;use_ssl=true;token=x", "spark1", 443)),
        ("spark://m1:7077", Address("sc://m1:15002", "m1", 15002, "spark://m1:7077")),
        ("spark://m1", Address("sc://m1:15002", "m1", 15002, "spark://m1")),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert parse_backend(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "spark1:15002",
        "http://spark1",
        "sc://",
        "sc://:15002",
        "sc://host:port",
        "sc://secret@host",
        "sc://a:1?x=secret",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected sc://host:port") as refused:
        parse_backend(text)
    assert "secret" not in str(refused.value)


def test_a_token_is_not_shown() -> None:
    assert parse_backend("sc://spark1:443/;use_ssl=true;token=x").label == "sc://spark1:443"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backend", "sc://h"], "--backend goes with --lake"),
        (["--site", "a"], "--site goes with --lake"),
        (["--lake", "/l", "-r", "x"], "--lake excludes -r, -R and -M"),
        (["--lake", "/l", "--backend", "h:1"], "expected sc://host:port"),
        (["--lake", "gs://l", "--backend", "sc://h"], "a lake is a directory or s3://"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("scheme", ["sc", "spark"])
def test_dump_says_in_one_line_that_nobody_is_there(
    scheme: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sqlglot", reason="the extra spark is not installed")
    (tmp_path / "date=2026-11-21").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        port = taken.getsockname()[1]
        monkeypatch.setattr("nftui.engine.spark.address.CONNECT_PORT", port)
        assert run(["dump", "--backend", f"{scheme}://127.0.0.1:{port}", "--lake", str(tmp_path)]) == 69
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"nftui: backend sc://127.0.0.1:{port} cannot be reached: connection refused")
    assert len(err.splitlines()) == 1
    assert ("start one with `spark-submit" in err) == (scheme == "spark")
