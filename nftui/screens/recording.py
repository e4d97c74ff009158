"""A recording as a source of the live screens: `nftui --replay PATH`."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nftui.errors import UsageError
from nftui.screens.source import PlaybackControl, ProbeControl

if TYPE_CHECKING:
    from nftui.engine.batch import FlowBatch
    from nftui.engine.decode.status import ExporterStatus
    from nftui.engine.health import Health
    from nftui.engine.ingest.allow import Refused
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.engine.replay.playback import Playback


class RecordedSource:
    """Stored flows, or files of other tools, as if they came now.

    Args:
        paths: stores, directories and files, as for `nftui dump -r`.
        speed: seconds of the recording per second.
    """

    def __init__(self, paths: Sequence[str], speed: float) -> None:
        self._paths = paths
        self._speed = speed
        self._part: Playback | None = None

    @property
    def label(self) -> str:
        """How fast it plays, or that it does not."""
        if self._part is None:
            return "REPLAY"
        if self._part.ended:
            return "REPLAY ended"
        clock = self._part.clock
        return f"REPLAY {clock.speed:g}x" if clock.running or not clock.now_ms() else f"REPLAY {clock.speed:g}x halted"

    @property
    def probe(self) -> ProbeControl | None:
        """No probe meters here."""
        return None

    @property
    def playback(self) -> PlaybackControl | None:
        """The recording."""
        return self

    def start(self) -> None:
        """Open the recording."""
        from nftui.engine.archive.formats import ArchiveFormats
        from nftui.engine.replay.playback import Playback

        gc.freeze()
        gc.enable()  # the command line had switched it off for the start
        part = Playback(self._paths, self._speed, ArchiveFormats())
        part.start()
        self._part = part

    def pause(self) -> None:
        """Stand still, or go on."""
        part = self._running()
        if not part.ended:
            part.clock.run(not part.clock.running)

    def change_speed(self, factor: float) -> float:
        """Multiply the speed."""
        clock = self._running().clock
        clock.set_speed(clock.speed * factor)
        return clock.speed

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The window at the recording's time."""
        return self._running().snapshot(request)

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """One record of the window."""
        return self._running().flow(key)

    def health(self) -> Health:
        """What has come so far."""
        return self._running().health()

    def exporters(self) -> Sequence[ExporterStatus]:
        """None: a recording has flows only."""
        return self._running().exporters()

    def refused(self) -> Sequence[Refused]:
        """None."""
        return self._running().refused()

    def allow(self, text: str) -> None:
        """Refused: nobody sends to a recording. Raises UsageError."""
        raise UsageError(f"{text}: nobody sends to a recording")

    def stop(self) -> bool:
        """End; False when not done in time."""
        return self._part.stop() if self._part is not None else True

    def _running(self) -> Playback:
        assert self._part is not None, "start comes first"
        return self._part
