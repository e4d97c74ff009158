"""`nftui probe`: softflowd's place. Meters an interface or a capture file and exports flows."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from nftui.cli.diagnostics import say
from nftui.errors import ListenError, PartialAnswer, UsageError

if TYPE_CHECKING:
    from nftui.engine.clock import Clock
    from nftui.engine.control import ControlServer
    from nftui.engine.service_manager import ServiceManager
    from nftui.probe.capture_file import CaptureFile
    from nftui.probe.export import ExportConfig, UdpExporter
    from nftui.probe.live import CaptureConfig, LiveProbe
    from nftui.probe.outputs import Output
    from nftui.probe.probe import Probe, ProbeConfig
    from nftui.probe.timeouts import Timeouts

EPILOG = """\b
Examples:
  nftui probe -i eth0 -n 192.0.2.10:2055           export IPFIX to a collector
  nftui probe -i eth0 -n gw:2055 -v 5 -m 65536     as softflowd does
  nftui probe -i eth0 -i eth1 -l /var/lib/nftui    two interfaces, straight into a store
  nftui probe -i any -n [2001:db8::1]:2055 -b      all interfaces, both directions in one record
  nftui probe -r day.pcap                          statistics of a capture file
  nftui probe -r day.pcap.gz -n 127.0.0.1:2055 'tcp port 443'
  nftui probe -i eth0 -t udp=30s -t maxlife=5m     other timeouts

\b
Timeouts and their defaults, in the form 90, 10m or 1h30m:
  tcp 1h  tcp.rst 2m  tcp.fin 5m  udp 5m  icmp 5m  general 1h  maxlife 1w  expint 60
  active 0 (off; 60 with -l): slices of long flows

Capturing needs CAP_NET_RAW; everything is given up once the sockets are open. `nftui ctl` talks to the probe.
"""


@click.command(epilog=EPILOG)
@click.option(
    "-i", "--interface", "interfaces", multiple=True, metavar="[IDX:]NAME", help="Interface, or any; repeatable."
)
@click.option("-r", "--read", "capture", metavar="FILE", help="Capture file, pcap or pcapng, also gzip; - for stdin.")
@click.option("-n", "--export", "targets", metavar="HOST:PORT[,...]", help="Collectors, at most 16.")
@click.option(
    "-v",
    "--version",
    "version",
    type=click.Choice(["5", "9", "10"]),
    default="10",
    show_default=True,
    help="Export version; 10 is IPFIX.",
)
@click.option("-l", "--store", metavar="DIR", help="Write flows to a store.")
@click.option(
    "-t", "--timeout", "timeouts", multiple=True, metavar="NAME=TIME", help="A timeout, see below; repeatable."
)
@click.option("-m", "--max-flows", type=int, default=8192, show_default=True, help="Flows in the cache.")
@click.option(
    "-T",
    "--track",
    type=click.Choice(["ip", "proto", "full", "vlan", "ether"]),
    default="full",
    show_default=True,
    help="What tells flows apart.",
)
@click.option("-s", "--sampling", metavar="N", help="Meter 1 packet of N; 1/N means the same.")
@click.option("-c", "--ctl", "control", metavar="SOCKET", help="Control socket; none for none.")
@click.option("-b", "--biflow", is_flag=True, help="Both directions in one record (IPFIX, store).")
@click.option("-6", "track_v6", is_flag=True, help="Track IPv6 although NetFlow v5 cannot export it.")
@click.option("--balance", is_flag=True, help="Share flows among the collectors instead of copying them.")
@click.option("-L", "--hop-limit", type=int, help="TTL or hop limit of export datagrams.")
@click.option("-S", "--source", default="", metavar="ADDRESS|IFACE", help="Send exports from here.")
@click.option("-x", "--mpls", type=click.IntRange(0, 10), default=0, help="MPLS labels in a record.")
@click.option("--domain", type=int, default=0, help="Observation domain, or source id.")
@click.option(
    "--refresh-datagrams", type=click.IntRange(1), default=64, show_default=True, help="Templates again after."
)
@click.option(
    "--refresh-seconds",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Templates again after so many seconds.",
)
@click.option(
    "--fragments",
    type=click.Choice(["join", "separate"]),
    default="join",
    show_default=True,
    help="Later fragments get the ports of the first, or a flow without ports, as in softflowd.",
)
@click.option("--inside", multiple=True, type=click.Choice(["gre", "vxlan"]), help="Meter what a tunnel carries.")
@click.option("-N", "--no-promiscuous", is_flag=True, help="Only packets for this host.")
@click.option("-C", "--snaplen", type=int, help="Bytes kept of each packet. [128, with --inside 256]")
@click.option("-B", "--ring", type=int, metavar="BYTES", help="Ring of each interface. [48 MiB]")
@click.option("--engine", type=click.Choice(["auto", "ring", "scapy"]), default="auto", help="How to capture.")
@click.option("--processes", is_flag=True, help="Name the local process of a flow in dump-flows.")
@click.option("--seconds", type=float, metavar="N", help="Stop after this time.")
@click.option("-q", "--quiet", is_flag=True, help="No statistics at the end of a file.")
@click.option(
    "-a",
    "-d",
    is_flag=True,
    hidden=True,
    expose_value=False,
    help="softflowd's: capture times are always used, and we always stay in the foreground.",
)
@click.argument("expression", nargs=-1)
def probe(
    interfaces: tuple[str, ...], capture: str | None, targets: str | None, version: str, store: str | None,
    timeouts: tuple[str, ...], max_flows: int, track: str, sampling: str | None, control: str | None, biflow: bool,
    track_v6: bool, balance: bool, hop_limit: int | None, source: str, mpls: int, domain: int, refresh_datagrams: int,
    refresh_seconds: int, fragments: str, inside: tuple[str, ...], no_promiscuous: bool, snaplen: int | None,
    ring: int | None, engine: Literal["auto", "ring", "scapy"], processes: bool, seconds: float | None, quiet: bool,
    expression: tuple[str, ...],
) -> int:  # fmt: skip
    """Meter an interface (-i) or a capture file (-r), and export the flows.

    EXPRESSION is a packet filter in the language of pcap-filter(7).
    """
    from nftui.probe.privileges import one_thread

    one_thread()
    from nftui.probe.export import ExportConfig, parse_targets
    from nftui.probe.live import SNAPLEN, TUNNEL_SNAPLEN, CaptureConfig
    from nftui.probe.meter import MeterConfig
    from nftui.probe.parse import Level
    from nftui.probe.probe import ProbeConfig
    from nftui.probe.ring import RING_BYTES

    if bool(interfaces) == bool(capture):
        raise UsageError("either -i INTERFACE or -r FILE is needed")
    rate = parse_sampling(sampling)
    export = targets and ExportConfig(
        parse_targets(targets), int(version), balance, hop_limit, source, rate, refresh_datagrams, refresh_seconds,
        domain, paced=bool(capture),
    )  # fmt: skip
    if biflow and version != "10" and targets:
        raise UsageError("-b needs IPFIX, -v 10: other versions have no reverse counters")
    without_v6 = bool(targets) and version == "5" and not track_v6 and not store
    if without_v6:
        say("nftui: NetFlow v5 cannot carry IPv6: IPv6 packets count as non-IP (-6 tracks them, -v 10 exports them)")
    meter = MeterConfig(
        Level(track), parse_timeouts(timeouts, bool(store and interfaces)), max_flows, rate, not without_v6,
        fragments == "join", "gre" in inside, "vxlan" in inside,
    )  # fmt: skip
    config = ProbeConfig(meter, biflow, mpls, domain)
    outputs = _OutputMaker(export or None, store, live=not capture)
    if capture:
        return _read(capture, config, outputs, " ".join(expression), quiet)
    names, numbers = parse_interfaces(interfaces)
    captured = CaptureConfig(
        names, " ".join(expression), not no_promiscuous, snaplen or (TUNNEL_SNAPLEN if inside else SNAPLEN),
        ring or RING_BYTES, engine, numbers,
    )  # fmt: skip
    return _capture(captured, config, outputs, control, processes, seconds)


def parse_interfaces(texts: Sequence[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names, and the numbers that records are to carry, of `[IDX:]NAME`."""
    names, numbers = [], {}
    for text in texts:
        number, colon, name = text.partition(":")
        if colon and number.isdigit() and name:
            numbers[name] = int(number) & 0xFFFF_FFFF
        else:
            name = text
        names.append(name)
    return tuple(names), numbers


def parse_sampling(text: str | None) -> int:
    """Rate of `N` or `1/N`. Raises UsageError."""
    if text is None:
        return 1
    number = text.removeprefix("1/").removeprefix("1:")
    if not number.isdigit() or not 1 <= int(number) <= 1 << 31:
        raise UsageError(f"sampling {text!r}: expected N or 1/N")
    return int(number)


def parse_timeouts(settings: Sequence[str], into_store: bool) -> Timeouts:
    """Defaults with the settings applied; a store gets slices of long flows, so that they are seen while they last."""
    from nftui.probe.timeouts import Timeouts

    timeouts = Timeouts(active=60, expint=5) if into_store else Timeouts()
    for setting in settings:
        timeouts = timeouts.with_setting(setting)
    return timeouts


class _OutputMaker:
    """Makes the outputs when the time at which metering began is known.

    Attributes:
        exporter: the exporter that was made, if any.
    """

    def __init__(self, export: ExportConfig | None, store: str | None, live: bool) -> None:
        self._export = export
        self._store = store
        self._live = live
        self.exporter: UdpExporter | None = None

    def open_exporter(self, started_ms: int) -> None:
        """Open the export sockets; binding one to an interface may need the right to."""
        from nftui.probe.export import UdpExporter

        if self._export is not None:
            self.exporter = UdpExporter(self._export, started_ms)

    def make(self, started_ms: int) -> list[Output]:
        """All outputs, the exporter unless it is open already."""
        if self.exporter is None:
            self.open_exporter(started_ms)
        outputs: list[Output] = [self.exporter] if self.exporter is not None else []
        if self._store:
            from nftui.probe.store_output import StoreOutput

            outputs.append(StoreOutput(Path(self._store), self._live))
        return outputs


def _read(name: str, config: ProbeConfig, outputs: _OutputMaker, expression: str, quiet: bool) -> int:
    from nftui.probe.capture_file import CaptureFile
    from nftui.probe.probe import read_capture
    from nftui.probe.report import statistics_text

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    capture = CaptureFile(name)
    with _progress(capture) as told:
        done = read_capture(capture, config, outputs.make, expression, stopping, told)
    capture.close()
    if not quiet:
        click.echo(statistics_text(done.statistics(), live=False), nl=False)
    if capture.skipped:
        say(f"nftui: {capture.skipped} packets of unsupported link types were passed over")
    if capture.damage:
        raise PartialAnswer(f"{name}: {capture.damage}")
    return 0


class _progress:  # noqa: N801
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, capture: CaptureFile) -> None:
        shown = sys.stderr.isatty() and capture.size > 0
        self._bar = click.progressbar(length=capture.size, label="reading", file=sys.stderr) if shown else None
        self._done = 0

    def __enter__(self) -> Callable[[int], None] | None:
        if self._bar is None:
            return None
        self._bar.__enter__()
        return self._move

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def _move(self, position: int) -> None:
        if self._bar is not None:
            self._bar.update(position - self._done)
            self._done = position


def _capture(
    captured: CaptureConfig, config: ProbeConfig, outputs: _OutputMaker, control: str | None, processes: bool,
    seconds: float | None,
) -> int:  # fmt: skip
    from nftui.engine.clock import SystemClock
    from nftui.engine.service_manager import ServiceManager
    from nftui.probe.live import LiveProbe, open_sources
    from nftui.probe.privileges import drop_rights
    from nftui.probe.probe import Probe
    from nftui.probe.processes import ProcessNames

    clock = SystemClock()
    started = clock.now_ms()
    sources = open_sources(captured, clock)
    server: ControlServer | None = None
    try:
        outputs.open_exporter(started)
        drop_rights()
        made = outputs.make(started)
        meter = Probe(config, made, live=True, started_ms=started, clock=clock)
        if outputs.exporter is not None:
            meter.ignore(outputs.exporter.endpoints)
        if processes:
            meter.owners = ProcessNames(clock).name
        running = LiveProbe(meter, sources, clock)
        ending = _Ending(seconds)
        server = _serve(meter, ending, control)
        say(f"nftui: capturing on {', '.join(captured.interfaces)}")
        manager = ServiceManager()
        manager.tell(READY=1, STATUS=f"capturing on {', '.join(captured.interfaces)}")
        threading.Thread(target=ending.tell, args=(manager,), name="nftui-notify", daemon=True).start()
        running.run(ending.stopping)
        manager.tell(STOPPING=1)
        meter.finish(ending.export)
        _say_end(running, meter, clock)
    finally:
        if server is not None:
            server.close()
        for source in sources:
            source.close()
    return 0


def _say_end(running: LiveProbe, meter: Probe, clock: Clock) -> None:
    running.check()
    s = meter.statistics()
    lost = sum(c.dropped for c in s.captures)
    say(
        f"nftui: {s.packets} packets in {(clock.now_ms() - s.started_ms) / 1000:.0f} s, {s.expired} flows, "
        f"{s.export.records} records exported, {lost} packets dropped by the kernel"
    )


class _Ending:
    """How the probe is told to end."""

    def __init__(self, seconds: float | None) -> None:
        from nftui.cli.stop_signals import StopSignals
        from nftui.engine.supervisor import StopEvent

        self.stopping = StopEvent()  # asked by the loop that captures, and by nobody else
        self.ended = threading.Event()
        self.export = True
        StopSignals(self._stop)
        if seconds is not None:
            timer = threading.Timer(seconds, self._stop)
            timer.daemon = True
            timer.start()

    def tell(self, manager: ServiceManager) -> None:
        """Tell systemd that metering moves, as long as it does. Body of a thread."""
        most = manager.watchdog_seconds
        while most is not None:
            if self.stopping.silent_seconds < most / 2:
                manager.tell(WATCHDOG=1)
            time.sleep(min(1.0, most / 4))

    def leave(self, export: bool) -> None:
        """End; without exporting what is in the cache if so wished."""
        self.export = export
        self._stop()

    def _stop(self) -> None:
        self.stopping.set()
        self.ended.set()


def default_control() -> Path:
    """Where a probe's control socket is unless it is told otherwise."""
    if os.geteuid() == 0:
        return Path("/run/nftui-probe.ctl")
    import platformdirs

    return Path(platformdirs.user_runtime_dir("nftui", appauthor=False, ensure_exists=True)) / "probe.ctl"


def _trace(meter: Probe, on: bool) -> None:
    meter.trace = (lambda line: say(f"nftui: {line}")) if on else None


def _serve(meter: Probe, ending: _Ending, path: str | None) -> ControlServer | None:
    from nftui.engine.control import ControlServer, ask
    from nftui.engine.supervisor import Worker
    from nftui.errors import BackendError
    from nftui.probe.commands import Commands

    if path == "none":
        return None
    place = Path(path) if path else default_control()
    try:
        ask(place, "help", timeout=1.0)
    except BackendError:
        pass
    else:
        raise ListenError(f"a probe already answers at {place}; -c PATH for another control socket")
    commands = Commands(meter, ending.leave, lambda on: _trace(meter, on))
    server = ControlServer(place, commands.answerers())
    server.open()
    Worker("control", lambda _: server.run(ending.ended)).start()
    return server
