"""The application over the fake source, for tests under a pseudo-terminal.

Arguments: `--ticks N` seconds of traffic that arrive while it runs, one per snapshot; `--no-diff`; `--hostile`;
`--rate N` flows per second; `--flush FILE` written by `stop`, as a store would be;
`--break-after SECONDS` raises an exception that nobody catches; `--theme`, `--ascii` and `--low-bandwidth` are the
program's own.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fake_source import HOSTILE, FakeSource, flows

from nftui.app import AppOptions, NftuiApp
from nftui.engine.batch import TextColumn
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.screens.lifeline import Lifeline


class TickingSource(FakeSource):
    """Another second of traffic with each snapshot, as long as there are ticks."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(seconds=0 if options.hostile else 40, rate=options.rate)
        self._ticks = options.ticks
        self._flush: str = options.flush
        if options.hostile:
            self._add_hostile()

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        if self._ticks > 0:
            self._ticks -= 1
            self.advance()
        return super().snapshot(request)

    def stop(self) -> bool:
        if self._flush and not self.closed:
            time.sleep(0.3)
            Path(self._flush).write_text("flushed")
        return super().stop()

    def _add_hostile(self) -> None:
        for second in range(3):
            self.clock.advance(1)
            batch = flows(second, 50, self.clock.now_ms())
            for name in ("application_name", "username", "in_if_name"):
                batch.text[name] = TextColumn(batch.columns["proto"].astype("i4") * 0, [HOSTILE])
            self.add(batch)
        self.warnings = (HOSTILE,)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ticks", type=int, default=0)
    parser.add_argument("--rate", type=int, default=400)
    parser.add_argument("--no-diff", action="store_true")
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--flush", default="")
    parser.add_argument("--break-after", type=float, default=0)
    parser.add_argument("--theme", default="")
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--low-bandwidth", action="store_true")
    options = parser.parse_args()
    source = TickingSource(options)
    app = NftuiApp(
        source,
        AppOptions(
            options.theme, frame_diff=not options.no_diff, ascii_only=options.ascii, low_bandwidth=options.low_bandwidth
        ),
    )
    app.lifeline = Lifeline(app.leave, source.stop)
    app.lifeline.watch()
    if options.break_after:
        app.call_later(app.set_timer, options.break_after, lambda: {}[source])  # a KeyError in the event loop
    try:
        app.run()
    finally:
        source.stop()
        app.lifeline.release()
    if app.failure is not None:
        print(app.failure)
        return app.failure.exit_code
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
