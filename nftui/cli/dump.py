"""`nftui dump`: filter, count and print stored flows, with nfdump's letters."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

import click

from nftui.cli.asking import answer_options, cluster_options, source_options, window_options

if TYPE_CHECKING:
    from nftui.engine.query.aggregate import Aggregation
    from nftui.engine.query.hiding import Hiding
    from nftui.engine.query.stages import Stage

_EPILOG = """\b
Examples:
  nftui dump -s ip/bytes -n 5                        top talkers of the default store
  nftui dump -t -1h -s dstport:p/flows/bytes tcp     the last hour, two orders
  nftui dump -r /var/lib/nftui 'src net 10/8 and dst port 443'
  nftui dump -t 'today 14:00..15:00' -o ndjson 'flags S and not flags A'
  nftui dump -s srcip --distinct dstip,dstport 'flags S and not flags A'     who scans
  nftui dump --series 5m/proto -t yesterday
  nftui dump -R flows/2026-10-01.parquet -O bytes -n 20 -o long
"""


_NAMED = ("raw", "csv", "ndjson", "json")
"""Formats that show elements without a column, by names that the configuration may add to."""


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@source_options
@cluster_options
@window_options
@click.option(
    "-s", "statistics", multiple=True, metavar="STAT[:p][/ORDER...]", help="Top N of a statistic; repeatable."
)
@click.option("-a", "by_tuple", is_flag=True, help="Sum up flows with equal protocol, addresses and ports.")
@click.option("-A", "elements", metavar="FIELDS", help="Sum up by these: srcip,dstport or srcip4/24,srcip6/64,proto.")
@click.option("-b", "pairs", is_flag=True, help="Sum up both directions of a connection.")
@click.option("-B", "guessed_pairs", is_flag=True, help="As -b, client first: guessed from the ports.")
@click.option("--initiator", is_flag=True, help="With -B: by SYN, service, port and time, and say by which.")
@click.option("--stitch", is_flag=True, help="Join the slices that an active timeout made of a flow.")
@click.option("--dedup", is_flag=True, help="Count a flow that several exporters saw once.")
@click.option("--gap", metavar="TIME", help="Longest pause for --stitch (60s) and --dedup (5s).")
@click.option("--bin", "bin_length", metavar="TIME", help="With -a, -A and -s: sums per 5m, 1h ...")
@click.option("--distinct", metavar="FIELD[,FIELD...]", help="With -s: how many different values each row has.")
@click.option("--series", metavar="STEP[/FIELD]", help="What passed per 30s, 1m, 1h ..., as in 5m/proto.")
@click.option("--summary", is_flag=True, help="Distributions of flow size, packet size and duration.")
@click.option(
    "-O",
    "order",
    metavar="ORDER",
    help="Order of a list: flows packets bytes pps bps bpp tstart tend duration; ibyte obyte ... of one direction.",
)
@click.option("-n", "--top", "top", type=click.IntRange(0), help="Rows; 0 for all. 10 for statistics, all else.")
@click.option("-c", "most", type=click.IntRange(1), help="Stop after so many flows that pass.")
@click.option(
    "-o",
    "--output",
    "form",
    metavar="FORMAT",
    help="line (default) long extended biline bilong raw csv ndjson json pipe nsel nel null fmt:...",
)
@click.option(
    "-w", "--write", "target", metavar="PATH", help="Write what passes as a Parquet file; PATH/ makes a store."
)
@click.option("-f", "--filter-file", "filter_file", type=click.Path(), help="Read the filter from a file.")
@click.option("--anonymize", "key", metavar="KEY", help="Replace addresses: file, 64 hex digits or 32 characters.")
@click.option("-I", "information", is_flag=True, help="Only sums by protocol, first and last, lost datagrams.")
@click.option("-Z", "check", is_flag=True, help="Check the filter and exit.")
@click.option("-X", "explain", is_flag=True, help="Say what the filter means, in words and SQL, and exit.")
@answer_options
@click.argument("filter_words", nargs=-1, metavar="[FILTER]...")
def dump(
    read: tuple[str, ...], ranges: tuple[str, ...], many: str | None,
    lake: str | None, sites: tuple[str, ...], backend: str | None, window: str | None, mode: str,
    statistics: tuple[str, ...], by_tuple: bool, elements: str | None, pairs: bool, guessed_pairs: bool,
    order: str | None, top: int | None, most: int | None, form: str | None, target: str | None,
    distinct: str | None, series: str | None, summary: bool,
    initiator: bool, stitch: bool, dedup: bool, gap: str | None, bin_length: str | None, key: str | None,
    filter_file: str | None, plain: bool, full_ipv6: bool, quiet: bool, information: bool, check: bool,
    explain: bool, unscaled: bool, config: str | None, utc: bool, zone: str | None, memory: str, threads: int,
    filter_words: tuple[str, ...],
) -> int:  # fmt: skip
    """Filter, aggregate and print stored flows, as nfdump does.

    The FILTER comes last: `nftui dump -s srcip/bytes 'proto tcp and dst port 443'`.
    """
    from nftui.cli.asking import asked_filter, asked_origin, asked_window, name_elements
    from nftui.engine.query.time import zone_of

    began = time.perf_counter()
    zone_info = zone_of(zone, utc)
    if config or form in _NAMED:
        name_elements(config)
    parsed = asked_filter(filter_words, filter_file, zone_info, config)
    if check:
        return 0
    if explain:
        from nftui.engine.query.explain import explanation

        sys.stdout.write(explanation(parsed, not unscaled) + "\n")
        if not statistics:
            return 0
    from nftui.cli.dumping import Answer, answer, explain_statistics

    asked = Answer(
        origin=asked_origin(read, ranges, many, lake, sites, backend),
        window=asked_window(window, mode, zone_info),
        filter=parsed,
        statistics=statistics,
        aggregation=_aggregation(by_tuple, elements, pairs, guessed_pairs, initiator),
        order=order,
        top=top,
        most=most,
        form=form,
        plain=plain,
        full_ipv6=full_ipv6,
        quiet=quiet,
        scaled=not unscaled,
        zone=zone_info,
        memory=memory,
        threads=threads,
        target=target,
        distinct=distinct,
        series=series,
        summary=summary,
        stages=_stages(stitch, dedup, gap),
        information=information,
        bin_ms=_bin_ms(bin_length),
        hiding=_hiding(key, elements, series, target),
    )
    return explain_statistics(asked) if explain else answer(asked, began)


def _bin_ms(length: str | None) -> int | None:
    if not length:
        return None
    from nftui.engine.query.bins import parse_bin

    return parse_bin(length)


def _aggregation(
    by_tuple: bool, elements: str | None, pairs: bool, guessed: bool, initiator: bool
) -> Aggregation | None:
    from nftui.errors import UsageError

    if initiator and not guessed:
        raise UsageError("--initiator says how -B is to guess: give it with -B")
    if not (by_tuple or elements or pairs or guessed):
        return None
    from nftui.engine.query.aggregate import BY_TUPLE, Bidirectional, parse_aggregation

    if elements and (pairs or guessed):
        raise UsageError("-A excludes -b and -B, which sum up by protocol, addresses and ports")
    if initiator:
        from nftui.engine.query.initiator import Initiated

        return Initiated()
    if pairs or guessed:
        return Bidirectional(guess=guessed)
    return parse_aggregation(elements) if elements else BY_TUPLE


def _hiding(key: str | None, elements: str | None, series: str | None, target: str | None) -> Hiding | None:
    """Only whole addresses can be replaced, and only what is printed."""
    if key is None:
        return None
    from nftui.cli.diagnostics import say
    from nftui.engine.anonymise import Anonymiser, read_key
    from nftui.engine.query.hiding import Hiding
    from nftui.errors import UsageError

    if target is not None:
        raise UsageError("--anonymize changes what is printed; nftui convert --anonymize writes files")
    if elements and re.search(r"ip[46]?/|net", elements):
        raise UsageError("--anonymize goes with whole addresses: take -A srcip, or convert with --anonymize first")
    if series and "/" in series:
        raise UsageError("--anonymize goes with a --series of sums: convert with --anonymize first")
    return Hiding(Anonymiser(read_key(key, say)))


def _stages(stitch: bool, dedup: bool, gap: str | None) -> tuple[Stage, ...]:
    """Copies go first: slices of different observers must not be joined."""
    from nftui.engine.query.numbers import duration
    from nftui.engine.query.slices import DEDUP_GAP_MS, STITCH_GAP_MS, Deduplicated, Stitched
    from nftui.errors import UsageError

    if gap is not None and not (stitch or dedup):
        raise UsageError("--gap says what --stitch and --dedup take together: give one of them")
    longest = None if gap is None else duration(gap + "s" if gap.isdecimal() else gap)
    if gap is not None and (longest is None or longest < 0 or longest.denominator != 1):
        raise UsageError(f"--gap {gap}: use a time such as 500ms, 30s or 2m")
    stages: list[Stage] = []
    if dedup:
        stages.append(Deduplicated(DEDUP_GAP_MS if longest is None else int(longest)))
    if stitch:
        stages.append(Stitched(STITCH_GAP_MS if longest is None else int(longest)))
    return tuple(stages)
