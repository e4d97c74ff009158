"""A lake as a history or a query on a cluster asks about it: which files, and sessions over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nftui.engine.history.values import TimeRange
from nftui.engine.lake.listing import LakeFile, list_files
from nftui.engine.lake.place import Place
from nftui.engine.query.sources import Sources
from nftui.engine.spark.connection import Connection
from nftui.engine.spark.session import REMOTE, ClusterSession

if TYPE_CHECKING:
    from nftui.engine.spark.address import Address

_MOST_DAMAGED = 10_000


class LakeOnCluster:
    """The sealed files of a lake, and the cluster that reads them.

    What is not sealed yet is with the collectors: it is in no answer. Thread-safe as its sessions are.

    Args:
        address: the cluster's Connect server.
        place: the lake.
        sites: whose flows; of all sites if empty.
    """

    def __init__(self, address: Address, place: Place, sites: Sequence[str] = ()) -> None:
        self.connection = Connection(address)
        self._place = place
        self._sites = tuple(sites)
        self._damaged: dict[str, str] = {}

    def sources(self, *ranges: TimeRange) -> Sources:
        """Files that may hold flows of any of the ranges; all without one.

        Raises:
            BackendError: the lake cannot be listed.
            UsageError: there is no such site or directory.
        """
        return self._sources([(within.start_ms, within.end_ms) for within in ranges] or [(None, None)])

    def window(self, start_ms: int | None, end_ms: int | None) -> Sources:
        """Files that may hold flows of a window, UTC ms, inclusive, open where None; errors as for `sources`."""
        return self._sources([(start_ms, end_ms)])

    def session(self, sources: Sources) -> ClusterSession:
        """Queries over some of the files. Raises BackendError when the cluster is away."""
        return ClusterSession(sources, self.connection, lambda: [self._path(file) for file in self._listed(None, None)])

    def remember(self, skipped: Sequence[tuple[str, str]]) -> None:
        """Leave out files that a question found damaged: sealed files do not change."""
        for path, reason in skipped[: _MOST_DAMAGED - len(self._damaged)]:
            if reason == "damaged":
                self._damaged[path] = reason

    def forget(self, everything: bool = False) -> None:
        """Nothing is kept here."""

    def close(self) -> None:
        """End the session on the cluster."""
        self.connection.close()

    def _sources(self, windows: Sequence[tuple[int | None, int | None]]) -> Sources:
        found = {file.file.file: file for window in windows for file in self._listed(*window)}
        # By time and not by site: who asks for the first and the last hour takes them from the ends.
        ordered = sorted(found.values(), key=lambda file: (file.file.name.slot_ms, file.site, file.file))
        sources = Sources()
        for path in map(self._path, ordered):
            if path in self._damaged:
                sources.skipped.append((path, self._damaged[path]))
            else:
                sources.files.append(path)
        return sources

    def _listed(self, start_ms: int | None, end_ms: int | None) -> Iterator[LakeFile]:
        yield from list_files(self._place, self._sites, start_ms, end_ms)

    def _path(self, file: LakeFile) -> str:
        return REMOTE + file.file.file if self._place.remote else file.file.file
