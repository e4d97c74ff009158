"""A lake in a bucket of an S3 service, through Arrow.

An object appears when its upload is complete, so no temporary names are needed. Arrow completes an upload also when
its stream is merely dropped, whatever has been written until then. Two things follow: a local file is read through
a memory map, so that a disk that fails ends the process by a signal instead of publishing half of a file; and any
other error in between ends it at once. Who uploads leaves the signals that end a process alone, see `nftui.cli.upload`.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyarrow import fs

from nftui.engine.lake.files import Entry
from nftui.engine.lake.place import Place

_PIECE = 4 << 20
_CONNECT_SECONDS = 5
_SILENT_SECONDS = 15
_ATTEMPTS = 2
_UNFINISHED = 70
_PAGE = 1000
"""Objects in one answer of the service: larger listings are no picture of one moment."""


class BucketFiles:
    """Objects below a bucket and prefix. Credentials come from the environment, or as AWS's tools have them.

    Args:
        place: where.
    """

    def __init__(self, place: Place) -> None:
        settings: dict[str, Any] = {
            "scheme": place.scheme, "connect_timeout": _CONNECT_SECONDS, "request_timeout": _SILENT_SECONDS,
            "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS), "background_writes": False,
        }  # fmt: skip
        if place.endpoint:
            settings["endpoint_override"] = place.endpoint
        region = place.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if region or place.endpoint:
            settings["region"] = region or "us-east-1"
        try:
            self._system = fs.S3FileSystem(allow_delayed_open=True, **settings)  # type: ignore[call-arg]
        except TypeError:  # Arrow before that option: small files take three requests instead of one
            self._system = fs.S3FileSystem(**settings)

    def names(self, directory: str) -> list[str]:
        """See `LakeFiles`."""
        found = self._system.get_file_info(fs.FileSelector(directory, allow_not_found=True))
        return [info.base_name for info in found]

    def walk(self, directory: str) -> list[Entry]:
        """See `LakeFiles`. Several pages are asked for until two answers are the same."""
        before: list[Entry] | None = None
        while True:
            selector = fs.FileSelector(directory, allow_not_found=True, recursive=True)
            found = sorted(_entry(info) for info in self._system.get_file_info(selector) if info.is_file)
            if len(found) < _PAGE or found == before:
                return found
            before = found

    def state(self, path: str) -> Entry | None:
        """See `LakeFiles`."""
        info = self._system.get_file_info(path)
        return _entry(info) if info.is_file else None

    def end(self, path: str, count: int) -> bytes:
        """See `LakeFiles`."""
        with self._system.open_input_file(path) as file:
            size = file.size()
            file.seek(max(0, size - count))
            return bytes(file.read(count))

    def put(self, source: Path, path: str, alive: Callable[[int], None]) -> None:
        """See `LakeFiles`. The size that the service has is compared at the end."""
        with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            size = len(content)
            stream = self._system.open_output_stream(path, metadata={"Content-Type": "application/vnd.apache.parquet"})
            try:
                for start in range(0, size, _PIECE):
                    stream.write(content[start : start + _PIECE])
                    alive(min(_PIECE, size - start))
                stream.close()
            except OSError:
                raise  # of the service: Arrow gives this upload up
            except BaseException:
                os._exit(_UNFINISHED)
        there = self.state(path)
        if there is None or there.size != size:
            raise OSError(f"{size} bytes were sent, {there.size if there else 0} are there")

    def mark(self, path: str) -> None:
        """See `LakeFiles`."""
        with self._system.open_output_stream(path):
            pass

    def move(self, path: str, target: str) -> None:
        """See `LakeFiles`. For a moment there are both."""
        self._system.copy_file(path, target)
        self.delete(path)

    def delete(self, path: str) -> None:
        """See `LakeFiles`."""
        with contextlib.suppress(FileNotFoundError):
            self._system.delete_file(path)

    def fetch(self, path: str, target: Path) -> None:
        """See `LakeFiles`."""
        with (
            self._system.open_input_file(path) as file,
            open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as copy,
        ):
            while piece := file.read(_PIECE):
                copy.write(piece)


def _entry(info: fs.FileInfo) -> Entry:
    return Entry(info.path, info.size or 0, info.mtime.timestamp() if info.mtime else 0.0)
