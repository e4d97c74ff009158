"""A checksum over every byte of a sealed file, kept in the file itself.

Parquet's own checksums cover the content of its pages, not their headers, the Bloom filters and the footer; a flipped
bit there can give a wrong answer without an error. So the footer has one more key, `nftui.checksum`, with the CRC-32
of the whole file as it is with eight zeros in the place of the digits. Readers of Parquet ignore keys they don't know.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import BinaryIO

KEY = "nftui.checksum"
PLACE = "crc32:00000000"
"""Value of the key while the file is written."""
_DIGITS = 8
_BLOCK = 1 << 20
_FOOTER_BYTES = 8 << 20
_TAIL = 8  # length of the footer and "PAR1"
# Thrift puts the length of the value between key and value: no text, such as that of the other keys, has it there.
_STAMP = re.compile(rb"nftui\.checksum\x18\x0ecrc32:([0-9a-f]{8})")


def stamp(path: Path) -> None:
    """Write the checksum into a file whose footer has `KEY` with the value `PLACE`.

    Raises:
        OSError: the disk failed.
        ValueError: the footer has no place for it.
    """
    with path.open("r+b") as file:
        place = _place(file)
        if place is None:
            raise ValueError(f"{path}: no place for a checksum")
        digest = _digest(file, place)
        file.seek(place)
        file.write(b"%08x" % digest)


def check(path: Path) -> bool | None:
    """Whether a file is as it was written; None if it has no checksum, as files of version 0.1. Raises OSError."""
    with path.open("rb") as file:
        place = _place(file)
        if place is None:
            return None
        file.seek(place)
        said = file.read(_DIGITS)
        return said == b"%08x" % _digest(file, place)


def _place(file: BinaryIO) -> int | None:
    """Offset of the digits."""
    size = file.seek(0, os.SEEK_END)
    if size < _TAIL:
        return None
    file.seek(size - _TAIL)
    start = max(0, size - _TAIL - min(int.from_bytes(file.read(4), "little"), _FOOTER_BYTES))
    file.seek(start)
    stamps = list(_STAMP.finditer(file.read()))
    return start + stamps[-1].start(1) if stamps else None


def _digest(file: BinaryIO, place: int) -> int:
    """CRC-32 of the file with zeros as the digits."""
    file.seek(0)
    digest = 0
    left = place
    while left and (block := file.read(min(left, _BLOCK))):
        digest = zlib.crc32(block, digest)
        left -= len(block)
    digest = zlib.crc32(b"0" * _DIGITS, digest)
    file.seek(place + _DIGITS)
    while block := file.read(_BLOCK):
        digest = zlib.crc32(block, digest)
    return digest
