"""`nftui dump`: filter, count and print stored flows, with nfdump's letters."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from nftui.cli.asking import answer_options

if TYPE_CHECKING:
    from nftui.engine.query.aggregate import Aggregation

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


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-r", "--read", "read", multiple=True, metavar="PATH", help="Store, directory of Parquet, or file.")
@click.option("-R", "ranges", multiple=True, metavar="PATH", help="Directory, DIR/FIRST, or DIR/FIRST:LAST.")
@click.option("-M", "many", metavar="DIRS", help="/any/a:b:c: the same -r or -R in several directories.")
@click.option(
    "-t", "--time", "window", metavar="WINDOW", help="2026/10/01.12-2026/10/01.14, -1h, 'today 14:00..15:00', +10, -10."
)
@click.option(
    "--window",
    "mode",
    type=click.Choice(["overlap", "inside", "start", "end"]),
    default="overlap",
    show_default=True,
    help="Which flows belong to the window; nfdump's is inside.",
)
@click.option(
    "-s", "statistics", multiple=True, metavar="STAT[:p][/ORDER...]", help="Top N of a statistic; repeatable."
)
@click.option("-a", "by_tuple", is_flag=True, help="Sum up flows with equal protocol, addresses and ports.")
@click.option("-A", "elements", metavar="FIELDS", help="Sum up by these: srcip,dstport or srcip4/24,srcip6/64,proto.")
@click.option("-b", "pairs", is_flag=True, help="Sum up both directions of a connection.")
@click.option("-B", "guessed_pairs", is_flag=True, help="As -b, client first: guessed from the ports.")
@click.option("--distinct", metavar="FIELD[,FIELD...]", help="With -s: how many different values each row has.")
@click.option("--series", metavar="STEP[/FIELD]", help="What passed per 30s, 1m, 1h ..., as in 5m/proto.")
@click.option("--summary", is_flag=True, help="Distributions of flow size, packet size and duration.")
@click.option(
    "-O", "order", metavar="ORDER", help="Order of a list: flows packets bytes pps bps bpp tstart tend duration."
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
@click.option("-Z", "check", is_flag=True, help="Check the filter and exit.")
@click.option("-X", "explain", is_flag=True, help="Say what the filter means, in words and SQL, and exit.")
@answer_options
@click.argument("filter_words", nargs=-1, metavar="[FILTER]...")
def dump(
    read: tuple[str, ...], ranges: tuple[str, ...], many: str | None, window: str | None, mode: str,
    statistics: tuple[str, ...], by_tuple: bool, elements: str | None, pairs: bool, guessed_pairs: bool,
    order: str | None, top: int | None, most: int | None, form: str | None, target: str | None,
    distinct: str | None, series: str | None, summary: bool,
    filter_file: str | None, plain: bool, full_ipv6: bool, quiet: bool, check: bool, explain: bool, unscaled: bool,
    utc: bool, zone: str | None, memory: str, threads: int, filter_words: tuple[str, ...],
) -> int:  # fmt: skip
    """Filter, aggregate and print stored flows, as nfdump does.

    The FILTER comes last: `nftui dump -s srcip/bytes 'proto tcp and dst port 443'`.
    """
    from nftui.cli.asking import asked_filter, asked_paths, asked_window
    from nftui.engine.query.time import zone_of

    began = time.perf_counter()
    zone_info = zone_of(zone, utc)
    parsed = asked_filter(filter_words, filter_file, zone_info)
    if check:
        return 0
    if explain:
        from nftui.engine.query.explain import explanation

        sys.stdout.write(explanation(parsed, not unscaled) + "\n")
        if not statistics:
            return 0
    from nftui.cli.dumping import Answer, answer, explain_statistics

    asked = Answer(
        paths=asked_paths(read, ranges, many),
        ranges=bool(ranges),
        window=asked_window(window, mode, zone_info),
        filter=parsed,
        statistics=statistics,
        aggregation=_aggregation(by_tuple, elements, pairs, guessed_pairs),
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
    )
    return explain_statistics(asked) if explain else answer(asked, began)


def _aggregation(by_tuple: bool, elements: str | None, pairs: bool, guessed: bool) -> Aggregation | None:
    if not (by_tuple or elements or pairs or guessed):
        return None
    from nftui.engine.query.aggregate import BY_TUPLE, Bidirectional, parse_aggregation
    from nftui.errors import UsageError

    if elements and (pairs or guessed):
        raise UsageError("-A excludes -b and -B, which sum up by protocol, addresses and ports")
    if pairs or guessed:
        return Bidirectional(guess=guessed)
    return parse_aggregation(elements) if elements else BY_TUPLE
