"""A recording as a source of the live screens: `nftui --replay PATH`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nftui.screens.source import Answering, Collector, Past, PlaybackControl, ProbeControl, open_past

if TYPE_CHECKING:
    from nftui.config import Config
    from nftui.engine.replay.playback import Playback
    from nftui.probe.metered import MeteredCaptures


class RecordedSource(Answering):
    """Stored flows, or files of other tools, as if they came now.

    Args:
        paths: stores, directories and files, as for `nftui dump -r`.
        speed: seconds of the recording per second.
        config: what the watch looks for.
        loop: begin anew after the end.
    """

    def __init__(self, paths: Sequence[str], speed: float, config: Config | None = None, loop: bool = False) -> None:
        super().__init__()
        self._loop = loop
        self._metered: MeteredCaptures | None = None
        self._config = config
        self._paths = paths
        self._speed = speed
        self._playing: Playback | None = None

    @property
    def label(self) -> str:
        """How fast it plays, or that it does not."""
        if self._playing is None:
            return "REPLAY"
        if self._playing.ended:
            return "REPLAY ended"
        clock = self._playing.clock
        words = ["REPLAY", f"{clock.speed:g}x"]
        if self._playing.loop:
            words.append("loop")
        if not clock.running and clock.now_ms():
            words.append("halted")
        return " ".join(words)

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
        from nftui.probe.metered import MeteredCaptures

        metered = self._metered = MeteredCaptures()
        self._paths = [metered.flows_of(path) for path in self._paths]
        part = Playback(self._paths, self._speed, ArchiveFormats(), self._config)
        part.loop = self._loop
        part.start()
        self._part = self._playing = part

    def stop(self) -> bool:
        """Let go of everything."""
        ended = super().stop()
        if self._metered is not None:
            self._metered.remove()
        return ended

    def past(self) -> Past | None:
        """The files of the recording."""
        return open_past(self._paths)

    @property
    def begun_ms(self) -> int | None:
        """When the first flow was received."""
        return self._playing.begun_ms if self._playing is not None else None

    def pause(self) -> None:
        """Stand still, or go on."""
        part = self._recording()
        if not part.ended:
            part.clock.run(not part.clock.running)

    def change_speed(self, factor: float) -> float:
        """Multiply the speed."""
        clock = self._recording().clock
        clock.set_speed(clock.speed * factor)
        return clock.speed

    def seek(self, to_ms: int) -> None:
        """Go on from another time."""
        self._recording().seek(to_ms)

    def step(self, seconds: float) -> None:
        """Halt, a little later or earlier."""
        self._recording().step(seconds)

    def repeat(self) -> bool:
        """Loop, or do not."""
        part = self._recording()
        part.loop = not part.loop
        if part.loop and part.ended:
            part.seek(0)
        return part.loop

    @property
    def collector(self) -> Collector | None:
        """Nobody sends to a recording."""
        return None

    def _recording(self) -> Playback:
        assert self._playing is not None, "start comes first"
        return self._playing
