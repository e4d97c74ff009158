"""The file that keeps exporters' templates over a restart: `STORE/_state/templates.json`.

It is a cache: without it exporters send their templates again after some minutes. A file that is damaged, too large
or of a newer format is left out and replaced by the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from nftui.engine.decode.saved import Document
from nftui.engine.store.disk import make_directory, sync_directory
from nftui.engine.store.layout import TEMPORARY

STATE = "_state"
_NAME = "templates.json"
_DEPTH_ERRORS = (ValueError, RecursionError)


class TemplateFile:
    """The file of one store. Only the process that holds the store's lock writes it.

    Args:
        root: directory of the store.
        most_bytes: a larger file is not read.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        self._root = root
        self._path = root / STATE / _NAME
        self._most_bytes = most_bytes
        self._written = b""

    def read(self) -> object:
        """What the file holds, None when there is none; an empty string when it cannot be used."""
        try:
            with self._path.open("rb") as file:
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

    def write(self, document: Document) -> bool:
        """Replace the file, atomically and durably, if the content is another; False when the disk refused."""
        raw = json.dumps(document, separators=(",", ":")).encode()
        if raw == self._written:
            return True
        temporary = self._root / TEMPORARY / f".{_NAME}.tmp"
        try:
            for directory in (temporary.parent, self._path.parent):
                make_directory(directory, self._root)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
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
