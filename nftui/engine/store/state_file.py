"""Small JSON files of a store that keep over a restart what a collector knows: `STORE/_state/NAME`.

They are caches: a file that is damaged, too large or of a newer format is left out and replaced by the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from nftui.engine.store.disk import make_directory, sync_directory
from nftui.engine.store.layout import TEMPORARY

STATE = "_state"
_DEPTH_ERRORS = (ValueError, RecursionError)


class StateFile:
    """One such file. Only the process that holds the store's lock writes it.

    Args:
        root: directory of the store.
        name: of the file.
        most_bytes: a larger file is neither read nor written.
        mode: permissions.
    """

    def __init__(self, root: Path, name: str, most_bytes: int, mode: int = 0o640) -> None:
        self._root = root
        self._path = root / STATE / name
        self._most_bytes = most_bytes
        self._mode = mode
        self._written = b""

    def read(self) -> object:
        """What the file holds, None when there is none; an empty string when it cannot be used."""
        try:
            # Whatever lies there, such as a pipe, must not hold up the program.
            with open(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                raw = file.read(self._most_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError:
            return ""
        if len(raw) > self._most_bytes:
            return ""
        try:
            document = json.loads(raw)
        except _DEPTH_ERRORS:
            return ""
        return "" if document is None else document

    def write(self, document: object) -> bool:
        """Replace the file, atomically and durably, if the content is another; False when the disk refused."""
        raw = json.dumps(document, separators=(",", ":")).encode()
        if raw == self._written:
            return True
        if len(raw) > self._most_bytes:
            return False
        temporary = self._root / TEMPORARY / f".{self._path.name}.tmp"
        try:
            for directory in (temporary.parent, self._path.parent):
                make_directory(directory, self._root)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, self._mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
            sync_directory(self._path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            return False
        self._written = raw
        return True
