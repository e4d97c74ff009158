"""`nftui replay`: stored flows to a collector, as nfreplay sends them."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import click

from nftui.cli.asking import lake_options, source_options, window_options

if TYPE_CHECKING:
    from nftui.engine.replay.replay import Replay

_INTERRUPTED = 130
_BY = {"received": "time_received_ms", "start": "time_flow_start_ms", "end": "time_flow_end_ms"}

_EPILOG = """\b
Examples:
  nftui replay -H 192.0.2.9 -p 9995                      the default store, in real time, as IPFIX
  nftui replay -r nfcapd.202610011200 -z 20 -v 9         five minutes in fifteen seconds
  nftui replay -t yesterday --fast --shift now 'proto tcp'
  nftui replay -r flows/ -u 100 -v 5                     100 microseconds between datagrams
"""


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@source_options
@lake_options
@window_options
@click.option("-H", "--host", default="127.0.0.1", show_default=True, help="The collector.")
@click.option("-p", "--port", type=click.IntRange(1, 65535), default=9995, show_default=True, help="Its port.")
@click.option(
    "-v", "version", type=click.Choice(["5", "9", "10"]), default="10", show_default=True, help="10 is IPFIX."
)
@click.option("-z", "factor", type=click.FloatRange(0, min_open=True), default=1.0, help="So many times as fast.")
@click.option("--fast", is_flag=True, help="As fast as possible.")
@click.option(
    "-u", "apart", type=click.IntRange(0), default=0, metavar="USEC", help="Fast, with this between datagrams."
)
@click.option("-c", "most", type=click.IntRange(1), help="Stop after so many flows.")
@click.option("--by", type=click.Choice(list(_BY)), default="received", show_default=True, help="Time to go by.")
@click.option("--shift", type=click.Choice(["now"]), help="Move all times so that the first flow is one of now.")
@click.option("-f", "--filter-file", "filter_file", type=click.Path(), help="Read the filter from a file.")
@click.option("--utc", is_flag=True, help="Times in UTC.")
@click.option("--zone", metavar="NAME", help="Times in a zone such as Europe/Zurich.")
@click.option("-q", "quiet", is_flag=True, help="No summary.")
@click.argument("filter_words", nargs=-1, metavar="[FILTER]...")
def replay(
    read: tuple[str, ...], ranges: tuple[str, ...], many: str | None, lake: str | None, sites: tuple[str, ...],
    window: str | None, mode: str, host: str, port: int, version: str, factor: float, fast: bool, apart: int,
    most: int | None, by: str, shift: str | None, filter_file: str | None, utc: bool, zone: str | None, quiet: bool,
    filter_words: tuple[str, ...],
) -> int:  # fmt: skip
    """Send stored flows to a collector as NetFlow v5, v9 or IPFIX.

    In real time as they were received, unless -z, --fast or -u say otherwise. IPFIX keeps the exporter's address,
    NAT and all else that has an element; what v5 and v9 cannot carry is counted.
    """
    from nftui.cli.asking import asked_filter, asked_origin, asked_window, report_skipped
    from nftui.engine.clock import SystemClock
    from nftui.engine.query.query import Query
    from nftui.engine.query.session import Interrupted, Session
    from nftui.engine.query.time import zone_of
    from nftui.engine.replay.replay import Replay, Speed
    from nftui.engine.replay.sending import Sender
    from nftui.engine.replay.stored import in_order

    zone_info = zone_of(zone, utc)
    parsed = asked_filter(filter_words, filter_file, zone_info)
    when = asked_window(window, mode, zone_info)
    sources = asked_origin(read, ranges, many, lake, sites).sources(when)
    session = Session(sources)
    began = time.monotonic()
    speed = Speed(None if fast or apart else factor, apart, _BY[by], shift is not None)
    sender = Sender(host, port)
    work = Replay(int(version), sender, speed, SystemClock())

    def stop(*_: object) -> None:
        work.stop()
        session.interrupt()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        query = Query(session, parsed, when, most=most)
        complete = work.run(in_order(query, session, speed.by, most is not None))
    except Interrupted:
        complete = False
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        session.close()
        sender.close()
    if not quiet:
        _summary(work, time.monotonic() - began)
    skipped = report_skipped(sources)
    return skipped if complete else _INTERRUPTED


def _summary(work: Replay, seconds: float) -> None:
    from nftui.cli.diagnostics import say
    from nftui.engine.replay.replay import VERSIONS

    counts = work.sender.counts
    say(
        f"nftui: {work.flows} flows in {counts.get('datagrams.sent', 0)} datagrams sent to {work.sender.target} "
        f"as {VERSIONS[work.version]} in {seconds:.1f} s"
    )
    others = {name: n for name, n in counts.items() if not name.endswith(".sent")}
    for name, amount in sorted({**others, **work.counts}.items()):
        say(f"nftui: {name}: {amount}")
