"""What `nftui dump` does once its options are understood: run the queries, write the answer."""

from __future__ import annotations

import signal
import sys
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import tzinfo

from nftui.cli.asking import report_skipped
from nftui.cli.diagnostics import say
from nftui.cli.output import MACHINE, Output, Presentation, check_format, write_flows, write_statistic, write_summary
from nftui.cli.progress import Progress
from nftui.engine.query.aggregate import Aggregation
from nftui.engine.query.distinct import count_distinct, parse_distinct
from nftui.engine.query.orders import Order, parse_order
from nftui.engine.query.parser import Filter
from nftui.engine.query.query import Query
from nftui.engine.query.save import save_flows
from nftui.engine.query.session import Interrupted, Session
from nftui.engine.query.sources import find_sources
from nftui.engine.query.statistics import StatisticRequest, parse_statistic
from nftui.engine.query.style import Style
from nftui.engine.query.time import Window
from nftui.errors import UsageError

DEFAULT_TOP = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What is asked for; see the options of `nftui dump`."""

    paths: list[str]
    ranges: bool
    window: Window
    filter: Filter
    statistics: tuple[str, ...]
    aggregation: Aggregation | None
    order: str | None
    top: int | None
    most: int | None
    form: str | None
    plain: bool
    full_ipv6: bool
    quiet: bool
    scaled: bool
    zone: tzinfo | None
    memory: str
    threads: int
    target: str | None
    distinct: str | None
    series: str | None
    summary: bool

    def __post_init__(self) -> None:
        """Raise UsageError for options that exclude each other."""
        measured = "--series" if self.series else "--summary" if self.summary else ""
        listed = [
            ("-s", self.statistics), ("-a, -A, -b and -B", self.aggregation), ("-O", self.order), ("-w", self.target),
        ]  # fmt: skip
        for option, given in listed if measured else ():
            if given:
                raise UsageError(f"{measured} excludes {option}: it measures single flows")
        if self.target == "-":
            raise UsageError("-w needs the name of a file or, with a slash at its end, of a store")
        if self.distinct and not self.statistics:
            raise UsageError("--distinct counts for each row of a statistic: give one with -s")


def answer(asked: Answer, began: float) -> int:
    """Run and print.

    Args:
        asked: the options.
        began: `time.perf_counter()` when the command began.

    Returns:
        Exit code: 0, or 3 if files had to be skipped.
    """
    form = asked.form or (asked.aggregation.format if asked.aggregation else "line")
    check_format(form)
    if asked.series or asked.summary:
        from nftui.cli.measuring import check_measuring_format

        form = check_measuring_format("--series" if asked.series else "--summary", asked.form)
    requests = [parse_statistic(text) for text in asked.statistics]
    order = parse_order(asked.order) if asked.order else None
    aggregation = asked.aggregation
    if aggregation is not None and requests:
        if any(request.statistic for request in requests):
            say("nftui: -s of a field counts single flows: -a, -A, -b and -B change nothing")
        records = [request for request in requests if request.statistic is None]
        order = records[0].orders[0] if records else order
        requests = [request for request in requests if request.statistic is not None]
        aggregation = aggregation if records else None
    default = DEFAULT_TOP if asked.statistics or asked.series else 0
    limit = (asked.top if asked.top is not None else default) or None
    style = Style(asked.plain, asked.full_ipv6, asked.zone, asked.scaled)
    how = Presentation(form, style, asked.quiet, limit, aggregation)
    sources = find_sources(asked.paths, asked.window.start_ms, asked.window.end_ms, asked.ranges)
    session = Session(sources, asked.memory, asked.threads)
    previous = signal.signal(signal.SIGINT, lambda *_: session.interrupt())
    try:
        with Progress(session) if not sys.stdout.isatty() else nullcontext():
            query = Query(session, asked.filter, asked.window, asked.scaled, asked.most, aggregation)
            if asked.target is not None:
                written = save_flows(query, session, asked.target, aggregation, asked.scaled)
                say(f"nftui: {written} records written to {asked.target}")
            interrupted = asked.target is None and _write(asked, query, session, requests, order, how, began)
    finally:
        signal.signal(signal.SIGINT, previous)
        session.close()
    skipped = report_skipped(sources)
    if interrupted:
        say("nftui: interrupted: the answer is partial")
        return Interrupted.exit_code
    return skipped


def _write(
    asked: Answer,
    query: Query,
    session: Session,
    requests: list[StatisticRequest],
    order: Order | None,
    how: Presentation,
    began: float,
) -> bool:
    """Ask and write; whether it was interrupted in the middle of a list."""
    out = Output()
    listed, totals = None, None
    distinct = parse_distinct(asked.distinct) if asked.distinct else []
    for request in requests:
        rankings = query.rank(request, how.limit)
        counted = [count_distinct(session, query, request, ranking, distinct) for ranking in rankings]
        write_statistic(request, rankings, how, out, counted)
        totals = rankings[0].totals
    if asked.series or asked.summary:
        from nftui.cli.measuring import write_measures

        totals = write_measures(query, session, asked.series, asked.summary, how, out)
    if how.aggregation is not None or not (requests or asked.series or asked.summary):
        listed = write_flows(query, session, order, how, out)
        totals = listed.totals if listed.complete or listed.interrupted else None
    interrupted = listed is not None and listed.interrupted
    if not how.quiet and how.form not in MACHINE:
        write_summary(query, session, totals or query.totals(), how, out, began, interrupted)
    out.flush()
    return interrupted


def explain_statistics(asked: Answer) -> int:
    """Say what statistics are answered from, and show their SQL (-X)."""
    with closing(
        Session(find_sources(asked.paths, asked.window.start_ms, asked.window.end_ms, asked.ranges))
    ) as session:
        query = Query(session, asked.filter, asked.window, asked.scaled, asked.most)
        for text in asked.statistics:
            request = parse_statistic(text)
            sys.stdout.write(f"\n-s {text}: {query.plan(request).text}\n  {query.statement(request)}\n")
    return 0
