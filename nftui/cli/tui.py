"""The bare `nftui`: collector and screen in one process, or a viewer of a store that another process writes."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nftui.cli.asking import cluster_options
from nftui.errors import NftuiError, NoTerminal, UsageError

if TYPE_CHECKING:
    from nftui.app import AppOptions
    from nftui.config import Config
    from nftui.engine.engine import Engine
    from nftui.probe.embedded import EmbeddedProbe
    from nftui.screens.filter_reader import FilterReader
    from nftui.screens.source import Past, Source

_FRAMES = "120"
"""Frames per second at most. A key that comes right after a frame waits for up to two of Textual's usual 60."""

EPILOG = """\b
Examples:
  nftui                               listen on port 2055, keep flows in the user's store
  nftui --listen :9995 --store flows  another port and another directory
  nftui --allow 198.51.100.0/24       believe exporters of this network too
  nftui --filter 'port 443'           start with a filter
  nftui --probe eth0 --no-listen      meter this host's own traffic
  nftui --no-listen --store flows     only look at what another collector writes
  nftui --replay old/ --speed 60      play a store, nfcapd or ft- files, or a capture
  nftui --backend sc://spark1:15002 --lake /mnt/lake    the past of a lake, read by a Spark cluster
"""


@click.command(epilog=EPILOG)
@click.option("--store", metavar="DIR", help="Store to write to, or to follow. [the user's data directory]")
@click.option("--listen", multiple=True, metavar="[HOST]:PORT", help="Where to listen; repeatable. [[::]:2055]")
@click.option("--no-listen", is_flag=True, help="Receive nothing.")
@click.option("--allow", multiple=True, metavar="CIDR|private|any", help="Who may send; repeatable. [private]")
@click.option("--probe", "interfaces", multiple=True, metavar="IFACE", help="Meter an interface, or any; repeatable.")
@click.option("--replay", "recordings", multiple=True, metavar="PATH", help="Play stored flows as if they came now.")
@click.option("--speed", type=click.FloatRange(1, 1024), default=1, help="Of a replay; { and } change it. [1]")
@click.option("--loop", is_flag=True, help="Begin a replay anew after its end; R changes it.")
@cluster_options
@click.option("--filter", "filter_text", metavar="EXPR", help="Filter to start with.")
@click.option("--theme", metavar="NAME", help="Colours: nftui-dark, nftui-light, nftui-mono, nftui-contrast…")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Configuration file.")
@click.option("--fresh", is_flag=True, help="Begin anew: not with the view, filter and order of the last time.")
@click.option("--read-only", is_flag=True, help="Refuse every action that changes something beyond the screen.")
@click.option("--low-bandwidth", is_flag=True, help="Fewer refreshes, no trends and bars, fewer colours.")
@click.option("--no-diff", is_flag=True, help="Send whole widgets to the terminal, not only what changed.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal; F2 changes it.")
@click.option("--ascii", "ascii_only", is_flag=True, help="No characters beyond ASCII in charts.")
def tui(
    store: str | None,
    listen: tuple[str, ...],
    no_listen: bool,
    allow: tuple[str, ...],
    interfaces: tuple[str, ...],
    recordings: tuple[str, ...],
    speed: float,
    loop: bool,
    lake: str | None,
    sites: tuple[str, ...],
    backend: str | None,
    filter_text: str | None,
    theme: str | None,
    config: Path | None,
    fresh: bool,
    read_only: bool,
    low_bandwidth: bool,
    no_diff: bool,
    no_mouse: bool,
    ascii_only: bool,
) -> int:
    """Live top talkers; collects and stores meanwhile."""
    gc.disable()  # until the first frame is out: imports leave nothing to collect, and looking for it costs 30 ms
    require_terminal()
    if no_listen and listen:
        raise UsageError("--listen and --no-listen exclude each other")
    if recordings and (listen or interfaces or store):
        raise UsageError("--replay neither receives nor stores: without --listen, --probe and --store")
    past = lake_past(lake, sites, backend, bool(recordings))
    from nftui import config as configuration

    merged = configuration.load(
        config,
        typed={
            "collector.listen": () if no_listen else listen or None,
            "collector.allow": allow or None,
            "store.path": store,
            "ui.theme": theme,
            "ui.filter": filter_text,
            "ui.low_bandwidth": low_bandwidth or None,
            "ui.read_only": read_only or None,
            "ui.mouse": False if no_mouse else None,
            "ui.ascii": ascii_only or None,
        },
    )
    from nftui.app import AppOptions
    from nftui.screens.session import Session
    from nftui.screens.session import default_path as session_file

    options = AppOptions(
        theme=merged.ui.theme,
        filter=merged.ui.filter.strip(),
        frame_diff=not no_diff,
        mouse=merged.ui.mouse,
        ascii_only=merged.ui.ascii or not speaks_unicode(),
        keys=merged.keys,
        low_bandwidth=merged.ui.low_bandwidth,
        read_only=merged.ui.read_only,
        session=Session() if recordings else Session(session_file(), fresh),
        typed=frozenset(name for name, value in (("theme", theme), ("filter", filter_text)) if value is not None),
        bell=merged.watch.bell,
        geo=(merged.geo.country, merged.geo.asn),
    )
    if recordings:
        from nftui.screens.recording import RecordedSource

        return show(RecordedSource(recordings, speed, merged, loop), options, filter_reader(merged))
    if not interfaces:
        return run_screen(merged, options, past=past)
    from nftui.probe.privileges import one_thread

    one_thread()
    from nftui.probe.embedded import open_probe

    probe = open_probe(interfaces)
    try:
        return run_screen(merged, options, meter=probe, past=past)
    finally:
        probe.close()


def lake_past(
    lake: str | None, sites: tuple[str, ...], backend: str | None, recorded: bool
) -> Callable[[], Past] | None:
    """What opens the past of a lake; None where none is named.

    Args:
        lake: its URI.
        sites: of it.
        backend: what reads it.
        recorded: whether recordings are played.

    Raises:
        UsageError: they do not go together, or one of them cannot be understood.
    """
    if not (lake or sites or backend):
        return None
    from nftui.cli.asking import asked_lake

    if recorded:
        raise UsageError("--replay shows recordings: without --lake, --site and --backend")
    asked = asked_lake(lake, sites, backend, False)
    assert asked is not None
    if asked.backend is None:
        raise UsageError("--lake on the screen goes with --backend: say which cluster reads it")
    address, place = asked.backend, asked.place

    def open_past() -> Past:
        from nftui.engine.history.history import History
        from nftui.engine.spark.holdings import LakeOnCluster

        found = LakeOnCluster(address, place, asked.sites)
        return History(holdings=found, sessions=found.session)

    return open_past


def require_terminal() -> None:
    """Make sure that a screen can be shown, and that its keys are answered soon: before Textual is loaded.

    Raises:
        NoTerminal: input or output is not a terminal, or one that cannot place text.
    """
    os.environ.setdefault("TEXTUAL_FPS", _FRAMES)
    if in_browser():
        return
    instead = "`nftui collect` collects without a screen, `nftui dump` prints what is stored"
    # Textual draws on standard error, so that standard output could be a pipe; nobody expects that of a screen.
    for name, stream in (("input", sys.__stdin__), ("output", sys.__stdout__), ("error", sys.__stderr__)):
        if stream is None or not stream.isatty():
            raise NoTerminal(f"the screen needs a terminal, and standard {name} is none; {instead}")
    if os.environ.get("TERM", "") in {"", "dumb"}:
        raise NoTerminal(f"the screen needs a terminal that can place text, and TERM says there is none; {instead}")


def run_screen(
    config: Config,
    options: AppOptions,
    on_start: Callable[[Engine], None] | None = None,
    on_stop: Callable[[], None] | None = None,
    meter: EmbeddedProbe | None = None,
    past: Callable[[], Past] | None = None,
) -> int:
    """Show the live screen until the user leaves.

    Args:
        config: collector and store.
        options: how the screen looks.
        on_start: called in a worker thread once the engine runs, for those who feed it.
        on_stop: called once the engine has stopped, however the screen ends; maybe in another thread.
        meter: a probe whose flows the engine takes.
        past: opens what the screen asks about the past, in the place of the store.

    Returns:
        Exit code.

    Raises:
        NftuiError: the engine could not start, or the filter is bad.
    """
    from nftui.screens.source import LocalSource

    return show(LocalSource(config, on_start, meter, past), options, filter_reader(config), on_stop)


def show(
    source: Source, options: AppOptions, read_filter: FilterReader, on_stop: Callable[[], None] | None = None
) -> int:
    """Show the screens of a source until the user leaves; arguments and errors as for `run_screen`."""
    from nftui.app import NftuiApp
    from nftui.cli.diagnostics import say
    from nftui.engine.memory import limit_heaps, use_system_allocator
    from nftui.engine.query.spill import forget_spilled
    from nftui.screens.lifeline import Lifeline
    from nftui.screens.turns import run_first

    use_system_allocator()
    limit_heaps()  # before the first thread
    if options.filter:
        read_filter(options.filter)
    app = NftuiApp(source, options, read_filter)
    if options.theme and options.theme not in app.available_themes:
        raise UsageError(f"no theme {options.theme!r}; known are {', '.join(sorted(app.available_themes))}")

    def stop() -> bool:
        app.remember()
        ended = source.stop()
        forget_spilled()  # a terminal that hangs up ends the process at once
        if on_stop is not None:
            on_stop()
        return ended

    app.lifeline = Lifeline(app.leave, stop)
    app.lifeline.watch()
    faulthandler.enable()  # a crash in a library's own code says where
    try:
        run_first(app.run_async(mouse=options.mouse))
    finally:
        ended = stop()
        app.lifeline.release()
    if isinstance(app.failure, NftuiError):
        raise app.failure
    if app.return_code == 128 + signal.SIGTERM:
        say("nftui: ended by SIGTERM")
    if not ended:
        raise NftuiError("a thread did not end in time; flows that it held are not stored")
    return app.return_code or 0


def filter_reader(config: Config) -> FilterReader:
    """What understands filters typed on the screen: the configuration's names, and no host names."""
    from nftui.screens.filter_history import default_path
    from nftui.screens.filter_reader import FilterReader

    def exporter(name: str) -> list[tuple[int, int]] | None:
        from nftui.cli.asking import named_exporters  # loads the parser, which no screen needs to start

        return named_exporters(config.collector.sources).get(name.lower())

    fixed = frozenset(name for name in config.filters if config.origins[f"filters.{name}"] != str(config.saved_file))
    return FilterReader(config.filters, exporter, fixed, config.saved_file, default_path())


def speaks_unicode() -> bool:
    """Whether the terminal is told to take characters beyond ASCII: by the locale, in Python's words.

    For the locales C and POSIX Python takes UTF-8, and may say so in LC_CTYPE (PEP 538, 540); the terminal need not.
    """
    encoding = getattr(sys.__stderr__, "encoding", "") or ""
    own = os.environ.get("LC_CTYPE", "C.UTF-8") != "C.UTF-8"
    said = os.environ.get("LC_ALL") or ("" if own else os.environ.get("LANG", ""))
    return in_browser() or ("utf" in encoding.lower() and said not in {"C", "POSIX"})


def in_browser() -> bool:
    """Whether `nftui serve` has started this process: its screen is drawn by a browser, not by a terminal."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")
