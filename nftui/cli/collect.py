"""`nftui collect`: nfcapd's place, in the foreground, without a screen."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nftui.cli.diagnostics import Herald
from nftui.cli.nfcapd_letters import accept_letters, last_store
from nftui.cli.stop_signals import StopSignals

if TYPE_CHECKING:
    from nftui.config import Config
    from nftui.engine.engine import Engine
    from nftui.engine.health import Health
    from nftui.engine.ingest.capture_file import ExportFile
    from nftui.engine.ingest.slot_totals import SlotReport
    from nftui.engine.service_manager import ServiceManager

_LOOK_SECONDS = 0.25
_STATUS_SECONDS = 1.0
_PATIENCE_SECONDS = 1.0
_LAST_WORDS_SECONDS = 0.3
_SOURCES = frozenset({"receive", "streams"})
_ESSENTIAL = _SOURCES | {"store"}
"""Threads without which nothing is collected: when one has given up, the end is better. The others are told."""
_REFUSED = " sends and is not allowed to; --allow lets it in"

EPILOG = """\b
Examples:
  nftui collect                                  every address, port 2055, the user's store
  nftui collect -p 9995 -l /var/lib/nftui -t 60  one port, one directory, slots of a minute
  nftui collect -p 2055 -p 4739 --allow any      two ports, believe everybody
  nftui collect -n 'gw1,192.0.2.1' -n 'dc,198.51.100.0/24;2001:db8::/32'
  nftui collect -p 2055 -p tcp://:4739           datagrams, and IPFIX over TCP
  nftui collect -p 239.0.0.9%eth0:2055           a multicast group, on an interface
  nftui collect -s 1000 -s 192.0.2.0/24=512      sampling rates of who announces none
  nftui collect -R 198.51.100.7/9995             send every datagram on to another collector
  nftui collect --keep 'not net 10.0.0.0/8' --rate-limit 5000
  nftui collect --metrics 9100                   http://127.0.0.1:9100/metrics for Prometheus
  nftui collect -l flows -f exports.pcap         from a capture, with the capture's times
  nftui collect --expire-size 100G --expire-age 8w   remove the oldest flows beyond that, every ten minutes
  nftui collect -x 'archive %d/%f'               run a command for each finished file

One line per slot goes to standard error. SIGTERM, SIGINT and SIGHUP store what came and end with 0; one more, half a
second later, ends at once.
"""


@click.command(epilog=EPILOG)
@click.option(
    "-p",
    "--listen",
    multiple=True,
    metavar="[tcp://][HOST:]PORT",
    help="Where to listen; repeatable. tcp:// for connections; HOST may be a multicast GROUP[%IFACE]. [[::]:2055]",
)
@click.option("-b", "--bind", metavar="HOST", default="", help="Address for a --listen without one.")
@click.option(
    "-l",
    "-w",
    "--store",
    multiple=True,
    metavar="DIR",
    callback=last_store,
    help="Store to write to. [the user's data directory]",
)
@click.option("-t", "--rotate", type=int, metavar="SECONDS", help="Length of a slot, aligned. [300]")
@click.option("-I", "--ident", metavar="TEXT", help="Name of this collector, kept in every file. [none]")
@click.option(
    "-n",
    "--source",
    "sources",
    multiple=True,
    metavar="IDENT,CIDR[;CIDR...]",
    help="A named exporter; repeatable. Only these may send, unless --allow says more.",
)
@click.option("--allow", multiple=True, metavar="CIDR|private|any", help="Who may send; repeatable. [private]")
@click.option(
    "-s",
    "--sampling",
    multiple=True,
    metavar="[CIDR=]RATE",
    help="Rate of exporters that announce none; -RATE: whatever they announce. With CIDR= of these; repeatable.",
)
@click.option("--rate-limit", type=int, metavar="N", help="Datagrams per second taken from one exporter. [no limit]")
@click.option("--keep", metavar="FILTER", help="Store only flows that match.")
@click.option("--drop", metavar="FILTER", help="Do not store flows that match.")
@click.option("-R", "--forward", multiple=True, metavar="HOST/PORT", help="Send every datagram on; up to 8.")
@click.option("--metrics", metavar="[HOST:]PORT", help="Serve OpenMetrics over HTTP; without HOST on loopback. [off]")
@click.option("-B", "--receive-buffer", type=int, metavar="BYTES", help="Kernel buffer to ask for. [64 MiB]")
@click.option(
    "-x", "--on-seal", metavar="COMMAND", help="Run for each file: %d dir, %f file, %t and %u time, %i ident."
)
@click.option("--expire-size", metavar="SIZE", help="Most that the store may take on disk: 500M, 100G. [no limit]")
@click.option("--expire-age", metavar="AGE", help="Oldest flows that are kept: 12H, 31d, 8w. [no limit]")
@click.option("-f", "--read-pcap", type=click.Path(path_type=Path), metavar="PCAP", help="Decode a capture of exports.")
@click.option("--ctl", "control", metavar="SOCKET", help="Control socket. [DIR/.control.sock]")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Configuration file.")
@click.option("--seconds", type=float, metavar="N", help="Stop after this time.")
@accept_letters
def collect(
    listen: tuple[str, ...],
    bind: str,
    store: str | None,
    rotate: int | None,
    ident: str | None,
    sources: tuple[str, ...],
    allow: tuple[str, ...],
    sampling: tuple[str, ...],
    rate_limit: int | None,
    keep: str | None,
    drop: str | None,
    forward: tuple[str, ...],
    metrics: str | None,
    receive_buffer: int | None,
    on_seal: str | None,
    expire_size: str | None,
    expire_age: str | None,
    read_pcap: Path | None,
    control: str | None,
    config: Path | None,
    seconds: float | None,
) -> int:
    """Receive NetFlow, IPFIX and sFlow and store the flows, until stopped."""
    from nftui import config as configuration
    from nftui.engine.ingest.sampling import parse_sampling
    from nftui.engine.ingest.udp import parse_endpoint

    rate, rates = parse_sampling(sampling)
    places = [parse_endpoint(text, bind).label for text in listen or (("2055",) if bind else ())]
    merged = configuration.load(
        config,
        typed={
            "collector.listen": () if read_pcap else places or None,
            "collector.allow": allow or None,
            "collector.sources": sources or None,
            "collector.sampling": rate,
            "collector.sampling_of": rates or None,
            "collector.rate_limit": rate_limit,
            "collector.filter": _filter(keep, drop),
            "collector.forward": forward or None,
            "collector.metrics": metrics,
            "collector.receive_buffer": receive_buffer,
            "collector.control": control,
            "store.path": store,
            "store.rotate": rotate,
            "store.ident": ident,
            "store.on_seal": on_seal,
            "store.expire_size": expire_size,
            "store.expire_age": expire_age,
        },
    )
    return _run(merged, read_pcap, seconds)


def _filter(keep: str | None, drop: str | None) -> str | None:
    """One filter of both options, None if there is neither."""
    if drop is None:
        return keep
    return f"not ({drop})" if keep is None else f"({keep}) and not ({drop})"


def _run(config: Config, capture: Path | None, seconds: float | None) -> int:
    from nftui.engine.memory import use_system_allocator

    use_system_allocator()
    from nftui.engine.engine import Engine
    from nftui.engine.ingest.capture_file import ExportFile
    from nftui.engine.service_manager import ServiceManager

    file = ExportFile(capture) if capture is not None else None
    herald, manager, signals = Herald(), ServiceManager(), StopSignals()
    engine = Engine(config, live=False, on_slot=lambda report: herald.say(slot_line(config.store.ident, report)))
    code = 70
    try:
        engine.start()
        try:
            health = engine.health()
            for warning in (*config.cautions, *health.warnings):
                herald.say(f"nftui: {warning}")
            if file is not None:
                _read(engine, file, signals)
            else:
                herald.say(f"nftui: listening on {', '.join(health.listen)}, storing in {health.store_root}")
                if engine.metrics_url:
                    herald.say(f"nftui: metrics on {engine.metrics_url}")
                manager.tell(READY=1, STATUS=f"listening on {', '.join(health.listen)}")
                _wait(engine, signals, seconds, herald, manager)
        finally:
            manager.tell(STOPPING=1, STATUS="storing what came")
            ended = signals.join(
                engine.stop,
                _PATIENCE_SECONDS,
                lambda: herald.say("nftui: storing what came; one more signal ends at once"),
            )
        code = _say_end(engine, ended, herald)
    finally:
        # Standard error that takes no line must not keep the process from ending: nothing is left to be done.
        if not herald.close(_LAST_WORDS_SECONDS):
            os._exit(code)
    return code


def _say_end(engine: Engine, ended: bool, herald: Herald) -> int:
    """Tell what was not stored and which threads failed; the exit code."""
    if not ended and (left := engine.ledger.snapshot().get("flows.in_memory", 0)):
        herald.say(f"nftui: the store did not take {left} flows in time; they are lost")
    failed = [worker for worker in engine.health().workers if worker.status == "failed"]
    for worker in failed:
        herald.say(f"nftui: the {worker.name} thread failed: {worker.error}")
    return 0 if ended and not failed else 70


def _wait(engine: Engine, signals: StopSignals, seconds: float | None, herald: Herald, manager: ServiceManager) -> None:
    """Until a signal, the time is over, or a thread has given up; what goes wrong meanwhile is told once."""
    end = None if seconds is None else time.monotonic() + seconds
    told: set[str] = set()
    traced: set[str] = set()
    ending = False
    tell_at = 0.0
    while not ending:
        ending = signals.wait(_LOOK_SECONDS) or (end is not None and time.monotonic() >= end)
        health = engine.health()
        now = set(_troubles(health))
        for trouble in sorted(now - told):
            herald.say(f"nftui: {trouble}")
        traces = set(engine.traces())
        for trace in traces - traced:
            herald.say(trace)
        traced = traces
        refusals = {trouble for trouble in told if trouble.endswith(_REFUSED)}
        told = now | refusals  # a disk that fails again is told again, a sender is not
        ending |= any(worker.status == "failed" and worker.name in _ESSENTIAL for worker in health.workers)
        if time.monotonic() >= tell_at:
            tell_at = time.monotonic() + _STATUS_SECONDS
            _tell(manager, health)


def _tell(manager: ServiceManager, health: Health) -> None:
    """Tell systemd how it is, and that it moves: while reception hangs there is no sign of life.

    A store that hangs is no reason to be restarted: its flows wait in memory, where a restart would lose them.
    """
    most = manager.watchdog_seconds
    hanging = [w.name for w in health.workers if most and w.name in _SOURCES and w.silent_seconds > most / 2]
    trouble = f"; {health.warnings[0]}" if health.warnings else ""
    status = f"{health.rates.flows:.0f} flows/s, {health.counts.get('flows.stored', 0)} flows stored{trouble}"
    manager.tell(STATUS=status, **({} if hanging else {"WATCHDOG": 1}))


def _troubles(health: Health) -> list[str]:
    found = [f"the {worker.name} thread: {worker.error}" for worker in health.workers if worker.error]
    if health.store is not None and health.store.error:
        found.append(health.store.error)
    return found + [f"{one.address}{_REFUSED}" for one in health.refused]


def _read(engine: Engine, file: ExportFile, signals: StopSignals) -> None:
    for block in file.blocks(engine.session):
        if signals.is_set():
            return
        engine.feed(block)
    engine.ledger.commit(file.counts)


def slot_line(ident: str, report: SlotReport) -> str:
    """The line that nfcapd writes for a slot, and after it whatever was lost, by kind.

    "Bad Packets" are datagrams that were received and not decoded.
    """
    from nftui.engine.counters import total

    counts = report.counts
    line = (
        f"Ident: '{ident}' Flows: {report.flows}, Packets: {report.packets}, Bytes: {report.bytes}, "
        f"Sequence Errors: {counts.get('sequence.lost', 0)}, Bad Packets: {total(counts, 'datagrams.rejected')}"
    )
    lost = [
        f"{name}: {amount}"
        for prefix in ("kernel.dropped", "datagrams.dropped", "records.skipped", "flows.filtered", "flows.failed")
        for name, amount in sorted(counts.items())
        if amount and (name == prefix or name.startswith(prefix + "."))
    ]
    return ", ".join([line, *lost])
