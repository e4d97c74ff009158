"""What `nftui dump` does once its options are understood: run the queries, write the answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from nftui.cli.asking import Origin, report_skipped
from nftui.cli.diagnostics import say
from nftui.cli.interruption import Interruption
from nftui.cli.output import (
    MACHINE,
    Listed,
    Output,
    Presentation,
    Table,
    check_format,
    partial_text,
    write_flows,
    write_partial,
    write_statistic,
    write_summary,
)
from nftui.cli.progress import Progress
from nftui.engine.query.flow_session import FlowSession, Interrupted
from nftui.engine.query.format_text import FORMATS
from nftui.engine.query.orders import Direction, Order, parse_order
from nftui.engine.query.query import Query, Ranking, Totals
from nftui.engine.query.session import Session
from nftui.engine.query.stages import Stage
from nftui.engine.query.statistics import StatisticRequest, parse_statistic
from nftui.engine.query.style import Style
from nftui.engine.query.time import Window
from nftui.errors import UsageError

if TYPE_CHECKING:
    from nftui.cli.measuring import Measures
    from nftui.engine.query.aggregate import Aggregation
    from nftui.engine.query.distinct import DistinctCounts
    from nftui.engine.query.filters import Filter
    from nftui.engine.query.hiding import Hiding

DEFAULT_TOP = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What is asked for; see the options of `nftui dump`."""

    origin: Origin
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
    stages: tuple[Stage, ...] = ()
    bin_ms: int | None = None
    information: bool = False
    hiding: Hiding | None = None

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
        if self.bin_ms is None:
            return
        from nftui.engine.query.aggregate import Bidirectional

        if measured or self.distinct or isinstance(self.aggregation, Bidirectional):
            raise UsageError("--bin goes with -a, -A and -s, without --distinct; --series has bins of its own")
        if self.aggregation is None and not self.statistics:
            raise UsageError("--bin says over which times to sum up: give -a, -A or -s")


def answer(asked: Answer, began: float) -> int:
    """Run and print.

    Args:
        asked: the options.
        began: `time.perf_counter()` when the command began.

    Returns:
        Exit code: 0, 3 if files had to be skipped, 130 if the answer is partial because of Ctrl-C.
    """
    form = asked.form or (asked.aggregation.format if asked.aggregation else "line")
    # nfdump's `long6` is `long` with whole addresses.
    full = form.endswith("6") and form[:-1] in FORMATS
    form = form[:-1] if full else form
    check_format(form)
    if asked.series or asked.summary:
        from nftui.cli.measuring import check_measuring_format

        form = check_measuring_format("--series" if asked.series else "--summary", asked.form)
    questions = _questions(asked)
    style = Style(asked.plain, asked.full_ipv6 or full, asked.zone, asked.scaled)
    default = DEFAULT_TOP if asked.statistics or asked.series else 0
    limit = (asked.top if asked.top is not None else default) or None
    how = Presentation(form, style, asked.quiet, limit, questions.aggregation, asked.hiding)
    with (
        _opened(asked) as session,
        Progress(session) as progress,
        Interruption(session, progress.clear) as interruption,
    ):
        sources = session.sources
        query = Query(
            session, asked.filter, asked.window, asked.scaled, asked.most, questions.aggregation, asked.stages
        )
        if asked.target is not None:
            from nftui.engine.query.save import save_flows

            written = save_flows(query, session, asked.target, questions.aggregation, asked.scaled)
            say(f"nftui: {written} records written to {asked.target}")
            return report_skipped(sources)
        out = Output(progress.end)
        if asked.information:
            from nftui.cli.information import write_information

            write_information(_both(asked, questions, query, session, how), session, out)
            return report_skipped(sources)
        answers = interruption.answer(lambda: _ask(asked, questions, query, session, how, out, interruption))
        _write(answers, session, how, out, began, interruption)
    skipped = report_skipped(sources)
    if interruption.reach or (answers.listed and answers.listed.interrupted):
        say("nftui: interrupted: the answer is partial")
        return Interrupted.exit_code
    return skipped


@contextmanager
def _opened(asked: Answer) -> Iterator[FlowSession]:
    """A session over the files that are asked about: in this process, or on the cluster that was named."""
    window, lake = asked.window, asked.origin.lake
    if lake is not None and lake.backend is not None:
        from nftui.engine.spark.holdings import LakeOnCluster

        cluster = LakeOnCluster(lake.backend, lake.place, lake.sites)
        with closing(cluster), closing(cluster.session(cluster.window(window.start_ms, window.end_ms))) as session:
            yield session
        return
    with closing(Session(asked.origin.sources(window), asked.memory, asked.threads)) as session:
        yield session


@dataclass(frozen=True, slots=True)
class _Questions:
    """What is asked of the flows that pass.

    Attributes:
        requests: statistics.
        aggregation: how flows are summed up before they are listed, if they are.
        order: order of the list.
        listing: whether there is a list at all.
    """

    requests: list[StatisticRequest]
    aggregation: Aggregation | None
    order: Order | None
    listing: bool


def _questions(asked: Answer) -> _Questions:
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
    if asked.bin_ms is not None and aggregation is not None:
        from nftui.engine.query.aggregate import ByKeys
        from nftui.engine.query.bins import per_bin

        assert isinstance(aggregation, ByKeys)
        aggregation = per_bin(aggregation)
    listing = aggregation is not None or not (requests or asked.series or asked.summary)
    return _Questions(requests, aggregation, order, listing)


@dataclass(frozen=True, slots=True)
class _Answers:
    """What was found.

    Attributes:
        tables: requests with their rankings and the distinct counts beside them.
        measures: what `--series` or `--summary` found.
        listed: what a list had in it; it is written already.
        totals: sums over all flows that passed, as far as they are known.
        whole: gives them otherwise.
    """

    tables: list[Table]
    measures: Measures | None
    listed: Listed | None
    totals: Totals | None
    whole: Query


def _ask(
    asked: Answer,
    questions: _Questions,
    query: Query,
    session: FlowSession,
    how: Presentation,
    out: Output,
    interruption: Interruption,
) -> _Answers:
    """Ask for everything; only lists are written as they come."""
    totals, measures, listed = None, None, None
    both = _both(asked, questions, query, session, how)
    if asked.bin_ms is not None:
        from nftui.engine.query.bins import check_bins

        check_bins(query, asked.bin_ms)
        totals = both.totals()
    asking = _query(asked, questions, query, session, Direction.IN)
    tables = _rank(asked, questions, query, session, how.limit, None if both is query else both)
    if tables and totals is None and tables[0].rankings[0].order.direction is Direction.BOTH:
        totals = tables[0].rankings[0].totals
    if asked.series or asked.summary:
        from nftui.cli.measuring import find_measures

        measures = find_measures(asking, session, asked.series, asked.summary, how)
        totals = measures.totals
    if questions.listing:
        for table in tables:
            write_statistic(table, how, out)
        tables = []
        whole = None
        if questions.aggregation is not None and how.form in {"csv", "ndjson", "json"}:
            whole = totals = totals or both.totals()
        listed = write_flows(asking, session, questions.order, how, out, interruption.reach, whole)
        if totals is None and both is query and (listed.complete or listed.interrupted):
            totals = listed.totals
    return _Answers(tables, measures, listed, totals, both)


def _both(asked: Answer, questions: _Questions, query: Query, session: FlowSession, how: Presentation) -> Query:
    """The query that counts both directions: another one only if exporters report the opposite one and it matters."""
    from nftui.engine.query.directions import Directed, reported

    if not questions.requests and (how.form in MACHINE or how.quiet or asked.series or asked.summary):
        return query
    if not reported(session):
        return query
    stages = (*asked.stages, Directed(Direction.BOTH))
    return Query(session, asked.filter, query.window, asked.scaled, asked.most, questions.aggregation, stages)


def _query(asked: Answer, questions: _Questions, query: Query, session: FlowSession, direction: Direction) -> Query:
    """The query for a direction, cut into bins if there are any."""
    stages = list(asked.stages)
    if direction is not Direction.IN:
        from nftui.engine.query.directions import Directed

        stages.append(Directed(direction))
    if asked.bin_ms is not None:
        from nftui.engine.query.bins import Binned

        stages.append(Binned(asked.bin_ms, query.window, asked.scaled))
    if len(stages) == len(asked.stages):
        return query
    return Query(session, asked.filter, query.window, asked.scaled, asked.most, questions.aggregation, stages)


def _rank(
    asked: Answer, questions: _Questions, query: Query, session: FlowSession, limit: int | None, both: Query | None
) -> list[Table]:
    """Tables of the statistics, each ranking in the direction that its order asks for.

    Args:
        asked: the options.
        questions: with the statistics.
        query: which flows.
        session: where they are.
        limit: groups per ranking; None for all.
        both: counts both directions, if exporters report the opposite one, too.
    """
    requests = questions.requests
    found: list[list[list[Ranking]]] = [[[] for _ in request.orders] for request in requests]
    for direction in Direction:
        places = [(i, j) for i, r in enumerate(requests) for j, o in enumerate(r.orders) if o.direction is direction]
        if not places:
            continue
        counted = Direction.IN if direction is Direction.BOTH and both is None else direction
        wanted = [replace(requests[i], orders=(requests[i].orders[j],)) for i, j in places]
        of_direction = _query(asked, questions, query, session, counted)
        for (i, j), rankings in zip(places, _rankings(asked, wanted, of_direction, session, limit), strict=True):
            found[i][j] = rankings
            if both is not None and direction is not Direction.BOTH and asked.bin_ms is None:
                # Shares are those of all that passed, in both directions.
                found[i][j] = [replace(ranking, totals=both.totals()) for ranking in rankings]
    tables = []
    for request, by_order in zip(requests, found, strict=True):
        some = [ranking for rankings in by_order for ranking in rankings]
        tables.append(Table(request, some, _distinct(asked, request, some, query, session)))
    return tables


def _rankings(
    asked: Answer, requests: list[StatisticRequest], query: Query, session: FlowSession, limit: int | None
) -> list[list[Ranking]]:
    """The rankings of each request, of which each has one order."""
    if not requests:
        return []
    if asked.bin_ms is not None:
        from nftui.engine.query.bins import rank_bins

        return [rank_bins(session, query, request, limit, asked.scaled)[0] for request in requests]
    from nftui.engine.query.together import rank_together

    return rank_together(session, query, requests, limit, asked.scaled)


def _distinct(
    asked: Answer, request: StatisticRequest, rankings: list[Ranking], query: Query, session: FlowSession
) -> list[list[DistinctCounts]]:
    if not asked.distinct:
        return [[] for _ in rankings]
    from nftui.engine.query.distinct import count_distinct, parse_distinct

    wanted = parse_distinct(asked.distinct)
    return [count_distinct(session, query, request, ranking, wanted) for ranking in rankings]


def _write(
    answers: _Answers,
    session: FlowSession,
    how: Presentation,
    out: Output,
    began: float,
    interruption: Interruption,
) -> None:
    for table in answers.tables:
        write_statistic(table, how, out)
    if answers.measures is not None:
        from nftui.cli.measuring import write_measures

        write_measures(answers.measures, how, out)
    cut = answers.listed is not None and answers.listed.interrupted
    if how.form in MACHINE:
        if (interruption.reach or cut) and not (how.form == "json" and answers.listed):
            write_partial(how, out, interruption.reach)
    elif not how.quiet:
        listed = answers.listed.totals if answers.listed and cut else None
        totals = answers.totals or listed or answers.whole.totals()
        write_summary(answers.whole, session, totals, how, out, began, partial_text(interruption.reach, cut))
    out.flush()


def explain_statistics(asked: Answer) -> int:
    """Say what statistics are answered from, and show their SQL (-X)."""
    with _opened(asked) as session:
        query = Query(session, asked.filter, asked.window, asked.scaled, asked.most, stages=asked.stages)
        for text in asked.statistics:
            request = parse_statistic(text)
            sys.stdout.write(f"\n-s {text}: {query.plan(request).text}\n  {query.statement(request)}\n")
    return 0
