"""Filters and exporters that the configuration names, and files that a filter includes."""

from __future__ import annotations

from pathlib import Path

import pytest
from plain_flows import flow_file

from nftui import config
from nftui.cli.main import run
from nftui.cli.tui import filter_reader
from nftui.engine.query.parser import parse_filter
from nftui.errors import ConfigError

CONFIG = """
[collector]
sources = ["edge,192.0.2.1", "core,198.51.100.0/24;2001:db8::1"]

[filters]
web = "tcp and dst port in [80 443]"
big-web = "@web and bytes > 1M"
"""


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    rows: list[dict[str, int | str | None]] = [
        {"dst_port": 443, "bytes": 5_000_000, "sampler_address": "192.0.2.1"},
        {"dst_port": 80, "bytes": 500, "sampler_address": "198.51.100.7"},
        {"dst_port": 53, "proto": 17, "bytes": 100, "sampler_address": "2001:db8::1"},
        {"dst_port": 22, "bytes": 7, "sampler_address": "203.0.113.9"},
    ]
    return flow_file(tmp_path / "flows.parquet", rows)


@pytest.fixture
def named(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("@web", [500, 5_000_000]),
        ("@big-web", [5_000_000]),
        ("not @web and not port 22", [100]),
        ("exporter edge", [5_000_000]),
        ("exporter ip CORE", [100, 500]),
        ("router ip in [edge core]", [100, 500, 5_000_000]),
        ("exporter != core and not exporter edge", [7]),
    ],
)
def test_names_of_the_configuration_stand_for_what_it_says(
    text: str, octets: list[int], flows: Path, named: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dump", "-r", str(flows), "--config", str(named), "-o", "fmt:%byt", "-N", "-q", text]) == 0
    assert sorted(int(line) for line in capsys.readouterr().out.split()) == octets


def test_the_users_own_configuration_is_read_without_being_named(
    flows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "nftui").mkdir()
    (tmp_path / "nftui" / "config.toml").write_text(CONFIG)
    included = tmp_path / "more.filter"
    included.write_text("# named filters work in files, too\n@web and exporter core\n")
    assert run(["dump", "-r", str(flows), "-o", "fmt:%byt", "-N", "-q", f"@include {included}"]) == 0
    assert capsys.readouterr().out.split() == ["500"]


def test_an_unknown_name_is_answered_with_the_nearest(
    flows: Path, named: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dump", "-r", str(flows), "--config", str(named), "tcp and @wep"]) == 65
    assert capsys.readouterr().err.splitlines() == [
        "nftui: no saved filter is called 'wep'", "tcp and @wep", "        ^^^^", "did you mean @web?",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[filters]\nweb = 3\n", "filters.web must be a text, not 3"),
        ('[filters]\n"a b" = "any"\n', "filters.a b: the name of a filter has letters"),
        ('[filters]\ninclude = "any"\n', "filters.include: the name of a filter has letters"),
    ],
)
def test_a_wrong_table_of_filters_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        config.load(path, {})


def test_saved_filters_have_their_origin(named: Path) -> None:
    loaded = config.load(named, {})
    assert loaded.filters["web"] == "tcp and dst port in [80 443]"
    assert ("filters.web", loaded.filters["web"], str(named)) in loaded.table()


def test_the_screen_knows_the_names_of_the_configuration(named: Path) -> None:
    read = filter_reader(config.load(named))
    same = {"@web": "tcp and dst port in [80 443]", "exporter Edge": "exporter 192.0.2.1",
            "@big-web": "tcp and dst port in [80 443] and bytes > 1M"}  # fmt: skip
    for typed, meaning in same.items():
        found = read(typed)
        assert found is not None
        assert found.tree == parse_filter(meaning).tree
