"""`nftui top`: the live tables as plain text, ndjson or csv, for pipes, scripts and terminals that can do no more."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from nftui.cli.diagnostics import say
from nftui.errors import NftuiError, UsageError

if TYPE_CHECKING:
    from nftui.config import Config
    from nftui.engine.health import Health
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot

_LOOK_SECONDS = 0.2
_CLEAR = "\x1b[H\x1b[2J"

EPILOG = """\b
Examples:
  nftui top                                  ten busiest hosts every two seconds, port 2055
  nftui top --view port -n 20 'src net 10.0.0.0/8'
  nftui top --view by:dstip -s flow_rate     any statistic of `nftui dump -s`, by flows per second
  nftui top -o ndjson -i 10 | jq -c 'select(.rate > 1e9)'
  nftui top -c 1 --interval 30 -o csv        half a minute, once
  nftui top --no-listen --store flows        what another collector writes
  nftui top --replay old/ --speed 60         stored flows as if they came now
  nftui top --clear                          on a terminal: each table in the place of the one before

Ctrl-C, SIGTERM and a closed pipe end it; what came is stored.
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--view", default="host", metavar="NAME", help="What the rows are; `by:STATISTIC` for others. [host]")
@click.option("-n", "rows", type=click.IntRange(1, 100_000), default=10, help="Rows. [10]")
@click.option("-s", "--sort", default="", metavar="COLUMN", help="Largest of this column first. [rate]")
@click.option("-i", "--interval", type=click.FloatRange(0.1, 86_400), default=2.0, metavar="S", help="Seconds. [2]")
@click.option("-c", "--count", type=click.IntRange(1), metavar="N", help="Stop after so many tables.")
@click.option("-o", "form", type=click.Choice(["text", "ndjson", "csv"]), default="text", help="Output. [text]")
@click.option("--unscaled", is_flag=True, help="Counters as sent, sampling not applied.")
@click.option("--clear", is_flag=True, help="Clear the terminal before each table.")
@click.option("--store", metavar="DIR", help="Store to write to, or to follow. [the user's data directory]")
@click.option("--listen", multiple=True, metavar="[HOST]:PORT", help="Where to listen; repeatable. [[::]:2055]")
@click.option("--no-listen", is_flag=True, help="Receive nothing.")
@click.option("--allow", multiple=True, metavar="CIDR|private|any", help="Who may send; repeatable. [private]")
@click.option("--replay", "recordings", multiple=True, metavar="PATH", help="Play stored flows as if they came now.")
@click.option("--speed", type=click.FloatRange(1, 1024), default=1, help="Of a replay. [1]")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Configuration file.")
@click.argument("filter_words", nargs=-1, metavar="[FILTER]...")
def top(
    view: str, rows: int, sort: str, interval: float, count: int | None, form: str, unscaled: bool, clear: bool,
    store: str | None, listen: tuple[str, ...], no_listen: bool, allow: tuple[str, ...], recordings: tuple[str, ...],
    speed: float, config: Path | None, filter_words: tuple[str, ...],
) -> int:  # fmt: skip
    """Print who talks now, every few seconds; collects and stores meanwhile."""
    if clear and not sys.stdout.isatty():
        raise UsageError("--clear is for a terminal; standard output is none")
    if no_listen and listen:
        raise UsageError("--listen and --no-listen exclude each other")
    if recordings and (listen or store):
        raise UsageError("--replay neither receives nor stores: without --listen and --store")
    from nftui import config as configuration
    from nftui.cli.asking import asked_filter
    from nftui.engine.live.snapshot import LiveRequest

    understood = asked_filter(filter_words, None, None, str(config) if config else None)
    merged = configuration.load(
        config,
        typed={
            "collector.listen": () if no_listen else listen or None,
            "collector.allow": allow or None,
            "store.path": store,
        },
    )
    request = LiveRequest(view, understood if understood.text else None, sort, limit=rows, scaled=not unscaled)
    _check(request)
    from nftui.cli.top_output import writer

    output = writer(form, shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
    with _answering(merged, recordings, speed) as part, _until_signal() as stopping:
        for number, snapshot in enumerate(_snapshots(part, request, interval, stopping)):
            # In one piece, so that a reader never sees half a table.
            sys.stdout.write((_CLEAR if clear else "") + output.table(snapshot))
            sys.stdout.flush()
            if count is not None and number + 1 >= count:
                break
    return 0


class _Part(Protocol):
    """What answers."""

    @property
    def ended(self) -> bool:
        """Nothing more will come."""
        ...

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """The live window now."""
        ...

    def health(self) -> Health:
        """Counters and state."""
        ...


def _check(request: LiveRequest) -> None:
    """Make sure that there are such a view and such a column. Raises UsageError."""
    from nftui.engine.clock import SystemClock
    from nftui.engine.live.snapshot import VIEWS
    from nftui.engine.live.window import LiveWindow
    from nftui.text import nearest

    try:
        columns = LiveWindow(SystemClock()).snapshot(request).columns
    except KeyError:
        near = nearest(request.view, VIEWS)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(VIEWS)} and by:STATISTIC"
        raise UsageError(f"no view {request.view!r}; {hint}") from None
    names = [column.name for column in columns if column.sortable]
    if request.sort and request.sort not in names:
        raise UsageError(f"no column {request.sort!r} to sort by; the view {request.view} has {', '.join(names)}")


@contextmanager
def _answering(config: Config, recordings: tuple[str, ...], speed: float) -> Iterator[_Part]:
    """The collector in this process, the viewer of another one's store, or a recording; stopped at the end.

    Raises:
        NftuiError: it could not start, or a thread of it gave up.
    """
    part: _Live | _Recorded = _Recorded(recordings, speed, config) if recordings else _Live(config)
    part.start()
    try:
        yield part
    finally:
        ended = part.stop()
    if not ended:
        raise NftuiError("a thread did not end in time; flows that it held are not stored")


class _Live:
    """The engine in this process or, if another one writes the store, its viewer."""

    ended = False

    def __init__(self, config: Config) -> None:
        from nftui.screens.source import LocalSource

        self._source = LocalSource(config)
        self.snapshot = self._source.snapshot
        self.health = self._source.health
        self.stop = self._source.stop

    def start(self) -> None:
        self._source.start()
        health = self.health()
        place = f"{health.store_root}, the store of {self._source.label.removeprefix('VIEWER of ')}"
        if self._source.label == "LIVE":
            place = f"{', '.join(health.listen) or 'nothing'}, storing in {health.store_root}"
            say(f"nftui: listening on {place}")
        else:
            say(f"nftui: following {place}")


class _Recorded:
    """Stored flows that are played."""

    def __init__(self, paths: tuple[str, ...], speed: float, config: Config) -> None:
        from nftui.engine.archive.formats import ArchiveFormats
        from nftui.engine.replay.playback import Playback

        self._playback = Playback(paths, speed, ArchiveFormats(), config)
        self.start = self._playback.start
        self.snapshot = self._playback.snapshot
        self.health = self._playback.health
        self.stop = self._playback.stop

    @property
    def ended(self) -> bool:
        """The last flow has come."""
        return self._playback.ended


@contextmanager
def _until_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C and the like set."""
    stopping = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda *_: stopping.set()) for number in numbers]
    try:
        yield stopping
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _snapshots(part: _Part, request: LiveRequest, interval: float, stopping: threading.Event) -> Iterator[LiveSnapshot]:
    """A snapshot per interval until a signal, the end of a recording, or a failed thread; troubles are told once."""
    told: set[str] = set()
    left = interval
    while True:
        ending = stopping.wait(min(left, _LOOK_SECONDS))
        left -= _LOOK_SECONDS
        over = part.ended
        if left > 0 and not (ending or over):
            continue
        health = part.health()
        for warning in [*health.warnings, *(f"{one.address} sends and is not allowed to" for one in health.refused)]:
            if warning not in told:
                told.add(warning)
                say(f"nftui: {warning}")
        if ending:
            return
        yield part.snapshot(request)
        if over:
            return
        failed = [worker for worker in health.workers if worker.status == "failed"]
        if failed:
            raise NftuiError(f"the {failed[0].name} thread failed: {failed[0].error}")
        left = interval
