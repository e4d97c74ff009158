"""Which files are of another tool, when their flows were, and what opens them.

Files are told by their first bytes, in directories by their names where those say enough: a year of nfcapd's files is
a hundred thousand names, and opening each would take longer than many questions.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nftui.engine.archive.archive import Archive

_NFDUMP = (b"\x0c\xa5", b"\xa5\x0c")
_FLOW_TOOLS = b"\xcf\x10"
_PARQUET = b"PAR1"
_CAPTURES = (
    b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x0a\x0d\x0d\x0a",
)  # fmt: skip
_IPFIX = b"\x00\x0a"
_IPFIX_HEADER = 16
_FOOTER = 1 << 20
"""Bytes at the end of a Parquet file that are searched for names of columns."""

_NFCAPD_NAME = re.compile(r"nfcapd\.(\d{12}|\d{14})(?:[+-]\d{4})?$")
_FLOW_TOOLS_NAME = re.compile(r"(?:ft|tmp)-v\d\d\.(\d{4}-\d\d-\d\d\.\d{6})([+-]\d{4})$")
_UNFINISHED = "nfcapd.current"

NAME_MARGIN_MS = 2 * 86_400_000
"""How far flows may lie from the time in a file's name: zones that the name does not tell, long flows, old clocks."""


def open_archive(path: str) -> Archive:
    """The reader of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is of no known format.
    """
    kind = _kind(path)
    if kind == "nfdump":
        return _open_nfdump(path)
    if kind == "flow-tools":
        from nftui.engine.archive.flow_tools import FlowToolsFile

        return FlowToolsFile(path)
    if kind == "datagrams":
        from nftui.engine.archive.datagrams import DatagramFile

        return DatagramFile(path)
    if kind == "goflow2":
        from nftui.engine.archive.goflow2 import Goflow2File

        return Goflow2File(path)
    raise ValueError(f"{path}: no file of flows")


def name_span(path: str) -> tuple[int, int] | None:
    """When the file of a name was begun, and the same time again; UTC ms, None if the name does not tell.

    nfcapd writes local time, flow-tools tells its zone.
    """
    name = os.path.basename(path)
    found = _NFCAPD_NAME.match(name)
    with contextlib.suppress(ValueError, OverflowError):
        if found:
            form = "%Y%m%d%H%M%S" if len(found[1]) == 14 else "%Y%m%d%H%M"
            begun = int(time.mktime(time.strptime(found[1], form))) * 1000
            return begun, begun
        found = _FLOW_TOOLS_NAME.match(name)
        if found:
            begun = int(datetime.strptime(found[1] + found[2], "%Y-%m-%d.%H%M%S%z").timestamp()) * 1000
            return begun, begun
    return None


class ArchiveFormats:
    """All known formats, for `nftui.engine.query.sources.find_sources`."""

    def recognise(self, path: str) -> bool:
        """Whether a file is of a known format, by its first bytes; False for one that cannot be read."""
        with contextlib.suppress(OSError):
            return bool(_kind(path))
        return False

    def below(self, folder: str) -> list[str]:
        """Such files below a directory, in order of their names."""
        return sorted(path for path in _files_below(folder) if name_span(path) is not None or self.recognise(path))

    def may_hold(self, path: str, start_ms: int | None, end_ms: int | None) -> bool:
        """Whether a file may hold flows of a window, as far as its name and its statistics tell."""
        if start_ms is None and end_ms is None:
            return True
        span = name_span(path)
        if span is not None and not _meets((span[0] - NAME_MARGIN_MS, span[1] + NAME_MARGIN_MS), start_ms, end_ms):
            return False
        if _kind(path) != "nfdump":
            return True
        span = open_archive(path).span()
        return span is None or _meets(span, start_ms, end_ms)

    def open(self, path: str) -> Archive:
        """The reader of a file. Raises OSError."""
        try:
            return open_archive(path)
        except ValueError:
            raise OSError(0, "no file of flows any more", path) from None


def _meets(span: tuple[int, int], start_ms: int | None, end_ms: int | None) -> bool:
    return (end_ms is None or span[0] <= end_ms) and (start_ms is None or span[1] >= start_ms)


def _open_nfdump(path: str) -> Archive:
    with open(path, "rb") as file:
        head = file.read(4)
    layout = int.from_bytes(head[2:4], "little" if head[:2] == _NFDUMP[0] else "big")
    if layout == 1:
        from nftui.engine.archive.nfdump_v1_file import NfdumpV1File

        return NfdumpV1File(path)
    from nftui.engine.archive.nfdump_file import NfdumpFile

    return NfdumpFile(path)


def _kind(path: str) -> str:
    """Family of formats that a file is of; empty if none."""
    with open(path, "rb") as file:
        head = file.read(_IPFIX_HEADER)
        if head[:2] in _NFDUMP:
            return "nfdump"
        if head[:2] == _FLOW_TOOLS:
            return "flow-tools"
        if head[:4] in _CAPTURES:
            return "datagrams"
        if head[:2] == _IPFIX and len(head) == _IPFIX_HEADER and int.from_bytes(head[2:4], "big") >= _IPFIX_HEADER:
            return "datagrams"
        if head[:4] == _PARQUET:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _FOOTER))
            return "goflow2" if _is_of_goflow2(file.read()) else ""
    return ""


def _is_of_goflow2(footer: bytes) -> bool:
    """Whether the names of columns in a Parquet footer are goflow2's and not those of a store."""
    from nftui.engine.archive.goflow2 import MARKS, OUR_MARK

    return OUR_MARK not in footer and any(mark in footer for mark in MARKS)


def _files_below(folder: str) -> Iterator[str]:
    """Files below a directory; names that begin with `_` or `.` are somebody's work in progress."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] in "_." or entry.name.startswith(_UNFINISHED):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(entry.path)
            elif entry.is_file():
                yield entry.path
