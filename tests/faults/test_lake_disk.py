"""A lake whose disk is full: nothing half made is left, and the rest comes when there is room."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakes import bring, lake_ids, write_slots

from nftui.engine.lake.files import cause, explained
from nftui.engine.lake.place import parse_place


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a few files."""
    if os.geteuid():
        pytest.skip("mounting a tmpfs needs root")
    folder = tmp_path / "lake"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(tmp_path: Path, small: Path) -> None:
    store, place = tmp_path / "store", parse_place(str(small))
    expected = write_slots(store, 0, 8)
    with pytest.raises(OSError, match="No space left") as caught:
        bring(store, place)
    assert caught.value.errno == errno.ENOSPC
    assert cause(caught.value) == "full"
    assert explained(place, caught.value).startswith(f"lake {small}: it is full: ")
    seen = lake_ids(place)
    assert 0 < len(seen) < len(expected)
    assert seen == expected[: len(seen)]
    assert not list(small.rglob("*.tmp"))
    subprocess.run(["mount", "-o", "remount,size=1m", small], check=True)
    assert bring(store, place)["lake.uploaded"] == 8 - len(seen) // 60
    assert lake_ids(place) == expected
