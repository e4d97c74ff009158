"""Every input that fuzzing found, and the ones it began with, is survived (A22)."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fuzz"))

from check_exports import datagrams_of, packed
from run import CORPUS
from seeds import seeds
from targets import TARGETS


def inputs(target: str) -> list[Path]:
    return sorted((CORPUS / target).glob("*.bin"))


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_of_a_target_are_survived_and_something_comes_out(target: str) -> None:
    assert sum(TARGETS[target].check(path.read_bytes()) for path in inputs(target)) > 0


def test_each_folder_of_inputs_belongs_to_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)


def test_inputs_are_lists_of_datagrams() -> None:
    datagrams = [b"\x00\x09abc", b"\x00\x09", b"\x00\x09" + bytes(300)]
    assert datagrams_of(packed(datagrams, b"\x00\x09"), b"\x00\x09") == datagrams


def test_the_first_inputs_are_the_same_bytes_in_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    first = seeds()
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + 100_000)
    second = seeds()
    different = [
        f"{target}/{name}" for target in first for name in first[target] if first[target][name] != second[target][name]
    ]
    assert different == []
    missing = {target: set(found) - {path.stem for path in inputs(target)} for target, found in first.items()}
    assert not any(missing.values()), missing
