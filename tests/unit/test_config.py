"""Configuration: precedence, origins, and errors that name file, key and the nearest known name."""

from pathlib import Path

import pytest

from nftui import config
from nftui.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    def _write(text: str, mode: int = 0o600) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text)
        path.chmod(mode)
        return path

    return _write


def test_defaults_without_any_source(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    loaded = config.load(environ={})
    assert loaded.collector.listen == ("[::]:2055",)
    assert loaded.store.rotate == 300
    assert loaded.origins == {}


def test_default_file_is_read_when_it_exists(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "nftui").mkdir()
    (tmp_path / "nftui" / "config.toml").write_text("[store]\nrotate = 60\n")
    assert config.load(environ={}).store.rotate == 60


def test_typed_wins_over_environment_over_file_over_default(write):
    path = write('[store]\nrotate = 60\nident = "file"\npath = "/file"\n')
    environ = {"NFTUI_STORE_IDENT": "env", "NFTUI_STORE_PATH": "/env", "NFTUI_COLLECTOR_ALLOW": "any 10.0.0.0/8"}
    loaded = config.load(path, environ, {"store.path": "/typed", "ui.theme": None})
    assert (loaded.store.rotate, loaded.store.ident, loaded.store.path) == (60, "env", "/typed")
    assert loaded.collector.allow == ("any", "10.0.0.0/8")
    assert loaded.origins == {
        "store.rotate": str(path),
        "store.ident": "NFTUI_STORE_IDENT",
        "store.path": "command line",
        "collector.allow": "NFTUI_COLLECTOR_ALLOW",
    }
    assert ("store.rotate", 60, str(path)) in loaded.table()
    assert ("ui.theme", "", "default") in loaded.table()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[colector]\n", ["unknown table [colector]", "did you mean collector?"]),
        ("[collector]\nalow = []\n", ["unknown key collector.alow", "did you mean allow?"]),
        ("[ui]\nzzzzzz = 1\n", ["unknown key ui.zzzzzz", "known are theme, filter"]),
        ("collector = 3\n", ["must be a table"]),
        ('[store]\nrotate = "5"\n', ["store.rotate must be a whole number, not '5'"]),
        ("[store]\nrotate = true\n", ["store.rotate must be a whole number, not True"]),
        ("[store]\nrotate = 0\n", ["store.rotate must be 1 to 86400, not 0"]),
        ('[store]\ncompact = "no"\n', ["store.compact must be true or false, not 'no'"]),
        ("[store]\npath = 5\n", ["store.path must be a text, not 5"]),
        ('[collector]\nlisten = "2055"\n', ["collector.listen must be a list of texts"]),
        ("[store\n", ["not TOML"]),
    ],
)
def test_errors_of_a_file_name_it_and_the_key(write, text, words):
    path = write(text)
    with pytest.raises(ConfigError) as error:
        config.load(path, {})
    assert str(error.value).startswith(f"{path}: ")
    for word in words:
        assert word in str(error.value)
    assert error.value.exit_code == 2


def test_named_file_must_exist(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        config.load(tmp_path / "absent.toml", {})


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("NFTUI_STORE_ROTAT", "1", "NFTUI_STORE_ROTAT: unknown key store.rotat, did you mean rotate?"),
        ("NFTUI_STORE_ROTATE", "often", "NFTUI_STORE_ROTATE: store.rotate must be a whole number, not 'often'"),
        ("NFTUI_STORE_ROTATE", "0", "NFTUI_STORE_ROTATE: store.rotate must be 1 to 86400, not 0"),
    ],
)
def test_errors_of_the_environment_name_the_variable(write, variable, text, words):
    with pytest.raises(ConfigError) as error:
        config.load(write(""), {variable: text})
    assert str(error.value) == words


def test_variables_of_other_things_are_left_alone(write):
    assert config.load(write(""), {"NFTUI_INTEROP": "/somewhere", "HOME": "/root"}).origins == {}


def test_switches_of_the_store(write):
    assert config.load(environ={}).store.compact is True
    assert config.load(write("[store]\ncompact = false\n"), {}).store.compact is False
    assert config.load(environ={"NFTUI_STORE_COMPACT": "False"}).store.compact is False
    with pytest.raises(ConfigError, match=r"NFTUI_STORE_COMPACT: store\.compact must be true or false, not 'off'"):
        config.load(environ={"NFTUI_STORE_COMPACT": "off"})
