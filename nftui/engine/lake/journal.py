"""What a store has brought to a lake: one stem a line, added when the file and all that goes with it are there.

    STORE/_state/lake-<digest of place and site>.journal

It saves questions and is no promise: a file whose line was lost is found in the lake and not sent again. A file of
the journal that is not in the lake any more was removed there, by age or by somebody, and stays away.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from nftui.engine.lake.place import Place
from nftui.engine.store import disk
from nftui.engine.store.layout import parse_stem

STATE = "_state"
_SPARE = 1000
"""Lines of files that the store does not have any more, before the journal is written anew."""


class Journal:
    """The stems in the journal of one store, lake and site.

    Args:
        store: the local store.
        place: the lake.
        site: name of the site.
    """

    def __init__(self, store: Path, place: Place, site: str) -> None:
        digest = hashlib.sha256(f"{place.endpoint}\n{place.site_root(site)}".encode()).hexdigest()[:16]
        self._store = store
        self._path = store / STATE / f"lake-{digest}.journal"
        self._stamp: tuple[int, int, int] | None = None
        self._stems: set[str] = set()

    def stems(self) -> Collection[str]:
        """All stems, read again if another process has changed them. Raises OSError."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            self._stamp, self._stems = None, set()
            return self._stems
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
        if stamp != self._stamp:
            # Nothing but stems counts: a line that a crash has cut, or somebody has written, is none.
            lines = self._path.read_text(encoding="ascii", errors="replace").split("\n")[:-1]
            self._stamp, self._stems = stamp, {line for line in lines if parse_stem(line) is not None}
        return self._stems

    def add(self, stem: str) -> None:
        """A file is in the lake. Raises OSError."""
        disk.make_directory(self._path.parent, self._store)
        # After a newline of its own: what a crash has left of a line before must not spoil this one.
        line = f"\n{stem}\n".encode()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def forget(self, kept: Collection[str]) -> None:
        """Write it anew if many of its files are not in the store any more. For the only writer. Raises OSError."""
        stems = self.stems()
        left = [stem for stem in stems if stem in kept]
        if len(stems) - len(left) < _SPARE:
            return
        temporary = self._path.with_suffix(".tmp")
        disk.make_file(temporary)
        try:
            temporary.write_text("".join(f"{stem}\n" for stem in sorted(left)), encoding="ascii")
            disk.sync_file(temporary)
            os.rename(temporary, self._path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
