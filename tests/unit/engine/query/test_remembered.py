"""What is remembered of files is forgotten when any of them changes."""

import os
from pathlib import Path

import pytest

from nftui.engine.query.remembered import remembered


class Asked:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


def two_files(folder: Path) -> list[str]:
    paths = [folder / "a", folder / "b"]
    for path in paths:
        path.write_text("flows")
    return [str(path) for path in paths]


def test_equal_files_are_asked_once(tmp_path: Path) -> None:
    paths, asked = two_files(tmp_path), Asked()
    assert [remembered("rows", paths, asked) for _ in range(3)] == [1, 1, 1]
    assert remembered("columns", paths, asked) == 2
    assert remembered("rows", paths[:1], asked) == 3


def test_a_file_that_changes_is_asked_again(tmp_path: Path) -> None:
    paths, asked = two_files(tmp_path), Asked()
    remembered("rows", paths, asked)
    os.utime(paths[1], ns=(1, 1))
    assert remembered("rows", paths, asked) == 2
    Path(paths[0]).write_text("more flows")
    assert remembered("rows", paths, asked) == 3


def test_a_file_with_another_in_its_place_is_asked_again(tmp_path: Path) -> None:
    paths, asked = two_files(tmp_path), Asked()
    remembered("rows", paths, asked)
    (tmp_path / "c").write_text("other")
    was = os.stat(paths[0]).st_mtime_ns
    os.replace(tmp_path / "c", paths[0])
    os.utime(paths[0], ns=(was, was))
    assert remembered("rows", paths, asked) == 2


def test_neither_files_that_are_gone_nor_errors_are_remembered(tmp_path: Path) -> None:
    paths, asked = two_files(tmp_path), Asked()
    os.unlink(paths[0])
    assert [remembered("rows", paths, asked) for _ in range(2)] == [1, 2]

    def fail() -> int:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        remembered("rows", paths[1:], fail)
    assert remembered("rows", paths[1:], asked) == 3
