"""The file of filters that are saved on the screen: nothing that people wrote in it is lost."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nftui import config, saved_filters
from nftui.cli.main import run
from nftui.cli.tui import filter_reader
from nftui.errors import ConfigError, PermissionDenied


def test_other_lines_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "filters.toml"
    path.write_text('# mine\nweb = "port 80"  # old\n\n"dns" = \'udp port 53\'\n# end')
    assert saved_filters.save(path, "web", 'port 80 or user "ann b"')["dns"] == "udp port 53"
    assert path.read_text() == '# mine\n\n"dns" = \'udp port 53\'\n# end\n"web" = "port 80 or user \\"ann b\\""\n'
    saved_filters.save(path, "dns", "port 53")
    assert saved_filters.read(path) == {"web": 'port 80 or user "ann b"', "dns": "port 53"}
    assert path.read_text().startswith("# mine\n\n# end\n")


def test_it_is_the_users_alone_and_begins_with_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "filters.toml"
    saved_filters.save(path, "web", "port 80")
    assert path.read_text().startswith("# Filters saved on the screen")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_what_it_cannot_change_safely_it_leaves_alone(tmp_path: Path) -> None:
    path = tmp_path / "filters.toml"
    text = 'web = """port 80\nor port 443"""\n'
    path.write_text(text)
    with pytest.raises(ConfigError, match="several lines"):
        saved_filters.save(path, "web", "port 8080")
    assert path.read_text() == text
    path.chmod(0o666)
    with pytest.raises(PermissionDenied, match="everybody may write"):
        saved_filters.save(path, "dns", "port 53")
    with pytest.raises(ConfigError, match="no name"):
        saved_filters.save(path, "a b", "port 53")


@pytest.mark.parametrize("text", ["web = 3\n", "[web]\n", '"a b" = "tcp"\n', "web =\n"])
def test_a_wrong_file_is_said_to_be_wrong(text: str, tmp_path: Path) -> None:
    (tmp_path / "filters.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"filters\.toml"):
        config.load(tmp_path / "config.toml", {})


def test_commands_and_screen_know_them_and_the_configuration_goes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[filters]\nweb = "port 80"\n')
    path = tmp_path / "filters.toml"
    saved_filters.save(path, "web", "port 8080")
    saved_filters.save(path, "dns", "udp port 53")
    loaded = config.load(file, {})
    assert dict(loaded.filters) == {"web": "port 80", "dns": "udp port 53"}
    assert loaded.origins["filters.dns"] == str(path)
    read = filter_reader(loaded)
    assert (read.fixed, read.saved_file) == (frozenset({"web"}), path)
    assert run(["dump", "-X", "--config", str(file), "@dns"]) == 0
    assert "proto = 17 (UDP)" in capsys.readouterr().out


def test_a_file_in_another_encoding_is_told_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / saved_filters.FILE
    path.write_bytes(b'web = "user \xe9"\n')
    with pytest.raises(ConfigError, match="not TOML: 'utf-8' codec can't decode"):
        saved_filters.read(path)
    with pytest.raises(ConfigError, match="not TOML"):
        saved_filters.save(path, "dns", "port 53")
    assert path.read_bytes() == b'web = "user \xe9"\n'


def test_a_name_does_not_reach_the_terminal_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / saved_filters.FILE
    path.write_bytes(b'"a\\u001b[2J" = "any"\n')
    with pytest.raises(ConfigError, match=r"filters\.toml: a\[2J must be a name"):
        saved_filters.read(path)
