"""What a check ends with when the program did what it never may, and a place for inputs that are files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from nftui.text import clean


class BrokenPromise(Exception):
    """The program did what it never may."""


def harmless(text: str) -> bool:
    """Whether a text has nothing in it that `nftui.text.clean` removes."""
    return clean(text, len(text) + 1) == text.rstrip("\x00 ")


_MEMORY = Path("/dev/shm")  # noqa: S108 - only where the directory is made, under a name of its own
_folder = tempfile.TemporaryDirectory(prefix="nftui-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None)


def file_of(data: bytes, name: str = "input") -> Path:
    """A file with the content, in memory where the system has such a place; the next input replaces it."""
    path = Path(_folder.name) / name
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path
