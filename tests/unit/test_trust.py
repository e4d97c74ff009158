"""Files that decide what nftui does: who may write them, who may read a key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from store_samples import NOON_MS, sample_flows

from nftui.cli.main import run
from nftui.config import load
from nftui.engine.anonymise import read_key
from nftui.engine.clock import ManualClock
from nftui.engine.store.writer import StoreWriter
from nftui.errors import PermissionDenied

KEY = "0x" + "ab" * 32


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("[store]\nrotate = 60\n")
    return path


def test_settings_that_everybody_may_write_are_refused_with_77(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.chmod(0o602)
    with pytest.raises(PermissionDenied, match=f"chmod o-w {settings}"):
        load(settings)
    assert run(["collect", "--config", str(settings), "-l", str(tmp_path / "s"), "-p", "9995"]) == 77
    assert capsys.readouterr().err == (
        f"nftui: {settings}: everybody may write this file, so it is not read; chmod o-w {settings}\n"
    )
    assert not (tmp_path / "s").exists()


def test_settings_that_a_group_may_write_are_read_with_a_caution(settings: Path) -> None:
    settings.chmod(0o660)
    found = load(settings)
    assert found.store.rotate == 60
    assert found.cautions == (f"{settings}: its group may write this file; chmod g-w {settings} if that is not wanted",)
    settings.chmod(0o644)
    assert load(settings).cautions == ()


@pytest.mark.parametrize(
    ("mode", "words"), [(0o600, []), (0o640, ["read this key"]), (0o664, ["write", "read this key"])]
)
def test_a_key_that_others_may_read_or_write(tmp_path: Path, mode: int, words: list[str]) -> None:
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(mode)
    said: list[str] = []
    assert read_key(str(path), said.append) == bytes.fromhex(KEY[2:])
    assert len(said) == len(words)
    assert all(word in line for word, line in zip(words, said, strict=True))


def test_a_key_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(0o666)
    with pytest.raises(PermissionDenied, match="everybody may write"):
        read_key(str(path))


def test_files_of_a_store_are_never_for_everybody(tmp_path: Path) -> None:
    clock = ManualClock(NOON_MS)
    before = os.umask(0)
    try:
        writer = StoreWriter(tmp_path, 60, clock)
        writer.open()
        writer.append(sample_flows(0, 10))
        clock.advance(1)
        writer.tick()
        live = [path for path in (tmp_path / "_live").iterdir() if path.stat().st_mode & 0o777 != 0o640]
        writer.close()
    finally:
        os.umask(before)
    assert live == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".parquet" for path in files)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files if path.stat().st_mode & 0o777 != 0o640} == {}
