"""Small JSON files of a store that keep over a restart what a collector knows: `STORE/_state/NAME`.

They are caches: a file that is damaged, too large or of a newer format is left out and replaced by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nftui.engine.store.disk import make_directory, sync_directory
from nftui.engine.store.layout import TEMPORARY

STATE = "_state"
_DEPTH_ERRORS = (ValueError, RecursionError)
_NUMBERS_AT_ONCE = 4096


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
        self._written = b""  # digest of the content

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
        """Replace the file, atomically and durably, if the content is another; False when the disk refused.

        Args:
            document: what `json_pieces` takes.
        """
        length, digest = 0, hashlib.blake2b(digest_size=16)
        for piece in json_pieces(document):
            length += len(piece)
            digest.update(piece)
        if digest.digest() == self._written:
            return True
        if length > self._most_bytes:
            return False
        temporary = self._root / TEMPORARY / f".{self._path.name}.tmp"
        try:
            for directory in (temporary.parent, self._path.parent):
                make_directory(directory, self._root)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, self._mode)
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(json_pieces(document))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
            sync_directory(self._path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            return False
        self._written = digest.digest()
        return True


def json_pieces(document: object) -> Iterator[bytes]:
    """JSON text of a document in pieces; arrays of NumPy, as values of objects, are lists of numbers.

    As one text a state of the watch took 30 MB for a moment, most of it a Python object for each number.
    """
    if isinstance(document, dict):
        separator = b"{"
        for key, value in document.items():
            yield separator + json.dumps(key).encode() + b":"
            yield from json_pieces(value)
            separator = b","
        yield b"}" if document else b"{}"
    elif isinstance(document, np.ndarray):
        yield b"["
        for start in range(0, len(document), _NUMBERS_AT_ONCE):
            numbers = document[start : start + _NUMBERS_AT_ONCE].tolist()
            yield (b"," if start else b"") + json.dumps(numbers, separators=(",", ":"))[1:-1].encode()
        yield b"]"
    else:
        yield json.dumps(document, separators=(",", ":")).encode()
