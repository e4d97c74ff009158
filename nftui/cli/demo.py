"""`nftui demo`: the program at work on traffic of a made-up company, without root, router or configuration."""

from __future__ import annotations

import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nftui.cli.diagnostics import say
from nftui.errors import NftuiError, NoTerminal

if TYPE_CHECKING:
    from nftui.config import Config
    from nftui.demo.exporters import Exported, Exporters
    from nftui.demo.readback import Stored
    from nftui.engine.engine import Engine

_HEADLESS_SECONDS = 10.0
_ARRIVE_SECONDS = 5.0
"""After the last datagram was sent, so long may the collector take to decode it."""

EPILOG = """\b
Examples:
  nftui demo                           the screen, about 400 flows a second
  nftui demo --rate 5000 --seed 7      busier, and another company
  nftui demo --headless --seconds 20   no screen: collect, then print what came
  nftui demo --store flows             keep the flows for `nftui dump -r flows`

Three exporters on loopback (NetFlow v5, v9 and IPFIX) send to a collector in the same process. Without a terminal
the demo is headless; it ends with 0 only if every exported flow was found in the store.
"""


@click.command(epilog=EPILOG)
@click.option("--rate", type=click.FloatRange(1, 50_000), default=400.0, metavar="N", help="Flows per second. [400]")
@click.option("--seed", type=click.IntRange(min=0), default=1, metavar="N", help="Which made-up company. [1]")
@click.option("--headless", is_flag=True, help="No screen: collect for a while, print tables, check the store.")
@click.option("--seconds", type=click.FloatRange(0, 86_400), metavar="N", help="Length of a headless run. [10]")
@click.option("--store", metavar="DIR", help="Keep the flows here. [a temporary directory]")
def demo(rate: float, seed: int, headless: bool, seconds: float | None, store: str | None) -> int:
    """Show nftui at work on generated traffic: no root, no router, nothing to configure."""
    from nftui.config import CollectorConfig, Config, StoreConfig

    if not headless and seconds is None:
        headless = not _has_terminal()
    with ExitStack() as undo:
        root = store or undo.enter_context(tempfile.TemporaryDirectory(prefix="nftui-demo-"))
        config = Config(CollectorConfig(listen=(f"127.0.0.1:{_free_port()}",)), StoreConfig(path=root))
        if headless or seconds is not None:
            return _headless(config, rate, seed, _HEADLESS_SECONDS if seconds is None else seconds)
        return _screen(config, rate, seed, store, undo.close)


def _free_port() -> int:
    """A UDP port that nobody has at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _has_terminal() -> bool:
    from nftui.cli.tui import require_terminal

    try:
        require_terminal()
    except NoTerminal:
        say("nftui: no terminal for the screen, so the demo is headless")
        return False
    return True


def _exporters(engine: Engine, rate: float, seed: int) -> Exporters:
    from nftui.demo.exporters import Exporters

    host, _, port = engine.health().listen[0].rpartition(":")
    exporters = Exporters((host, int(port)), rate, seed)
    exporters.start()
    return exporters


def _screen(config: Config, rate: float, seed: int, store: str | None, clean_up: Callable[[], None]) -> int:
    from nftui.app import AppOptions
    from nftui.cli.tui import run_screen, speaks_unicode

    started: list[Exporters] = []
    options = AppOptions(ascii_only=not speaks_unicode())
    code = run_screen(config, options, lambda engine: started.append(_exporters(engine, rate, seed)), clean_up)
    for exporters in started:
        exporters.stop()
    if store:
        say(f"nftui: the flows are in {store}: nftui dump -r {store} -s srcip/bytes")
    return code


def _headless(config: Config, rate: float, seed: int, seconds: float) -> int:
    from nftui.engine.engine import Engine

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    engine = Engine(config, live=False)
    engine.start()
    try:
        say(f"nftui: collecting on {engine.health().listen[0]} for {seconds:g} s, about {rate:g} flows/s")
        exporters = _exporters(engine, rate, seed)
        stopping.wait(seconds)
        exporters.stop()
        exported = exporters.exported()
        _wait_for(engine, sum(one.flows for one in exported))
    finally:
        ended = engine.stop()
    if exporters.error is not None:
        raise NftuiError(f"sending ended early: {exporters.error}")
    if not ended:
        raise NftuiError("a thread did not end in time; flows that it held are not stored")
    return _print(config.store.root, exported, engine)


def _wait_for(engine: Engine, flows: int) -> None:
    """Until the collector has decoded so many flows, or it can be said that they are lost."""
    end = time.monotonic() + _ARRIVE_SECONDS
    while engine.ledger.snapshot().get("flows.in", 0) < flows and time.monotonic() < end:
        time.sleep(0.02)


def _print(root: Path, exported: Sequence[Exported], engine: Engine) -> int:
    """Tables of what came, read back from the store, and the verdict as exit code."""
    from nftui.demo.readback import read_back

    stored = read_back(root)
    _print_exporters(exported, stored)
    _print_talkers(stored)
    counts = engine.ledger.snapshot()
    _print_table(
        "Collector",
        ("counter", "amount"),
        [(name, f"{amount:,}") for name, amount in sorted(counts.items()) if amount],
    )
    wrong = [
        f"{one.address} exported {one.flows} flows, the store has {stored.of(one.address)[0]}"
        for one in exported
        if (one.flows, one.packets, one.octets) != stored.of(one.address)
    ]
    for line in wrong:
        say(f"nftui: {line}")
    if wrong:
        return NftuiError.exit_code
    click.echo(f"\nEvery one of {sum(one.flows for one in exported):,} exported flows is in the store.")
    return 0


def _print_exporters(exported: Sequence[Exported], stored: Stored) -> None:
    rows = [
        (one.address, one.protocol, f"{one.datagrams:,}", f"{one.flows:,}", f"{stored.of(one.address)[0]:,}",
         f"{stored.of(one.address)[1]:,}", f"{stored.of(one.address)[2]:,}")
        for one in exported
    ]  # fmt: skip
    titles = ("exporter", "protocol", "datagrams", "exported", "stored", "packets", "bytes")
    _print_table("Exporters", titles, rows)


def _print_talkers(stored: Stored) -> None:
    rows = [(one.address, f"{one.flows:,}", f"{one.packets:,}", f"{one.octets:,}") for one in stored.talkers]
    _print_table("Top talkers, by bytes sent", ("source", "flows", "packets", "bytes"), rows)


def _print_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for number, header in enumerate(headers):
        numeric = bool(rows) and rows[0][number].replace(",", "").isdigit()
        table.add_column(header, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # plain: markup would read :a: in an address
    width = None if sys.stdout.isatty() else 100
    Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width).print(table)
