"""What `nftui dump` writes for `--series` and `--summary`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nftui.cli.output import MACHINE, Output, Presentation, without_header
from nftui.engine.query.distributions import find_distributions
from nftui.engine.query.format_distributions import distribution_lines, distribution_records
from nftui.engine.query.format_machine import Value, csv_line, json_text
from nftui.engine.query.format_series import series_lines, series_records, series_summary, summary_records
from nftui.engine.query.query import Query, Totals
from nftui.engine.query.series import SeriesRequest, find_series, parse_series
from nftui.engine.query.session import Session
from nftui.errors import UsageError


def check_measuring_format(option: str, form: str | None) -> str:
    """The format of an answer that is not a list: text, csv or ndjson. Raises UsageError for a list's."""
    if form is None:
        return "line"
    if form not in {"line", "csv", "ndjson", "json"}:
        raise UsageError(f"{option} has no format {form!r}: leave -o out for a table, or use csv or ndjson")
    return form


def write_measures(
    query: Query, session: Session, series: str | None, summary: bool, how: Presentation, out: Output
) -> Totals | None:
    """Write what `--series` and `--summary` ask for.

    Args:
        query: which flows.
        session: where they are.
        series: value of `--series`, or None.
        summary: whether distributions are asked for.
        how: format.
        out: where to.

    Returns:
        Sums over all flows that passed, or None if nothing was asked for.
    """
    totals = _write_series(query, session, parse_series(series), how, out) if series else None
    return _write_distributions(query, session, how, out) if summary else totals


def _write_series(query: Query, session: Session, request: SeriesRequest, how: Presentation, out: Output) -> Totals:
    """The bins, then the distribution of each series over them."""
    series = find_series(session, query, request, how.style.scaled, how.limit)
    if how.form in MACHINE:
        _write_records(series_records(series), how, out)
        if how.form != "csv" and not how.quiet:
            _write_records(summary_records(series), how, out)
    elif not series.lines:
        out.write("No matching flows")
    else:
        lines = series_lines(series, how.style)
        for line in without_header(lines, 1) if how.quiet else lines:
            out.write(line)
        if not how.quiet:
            for line in series_summary(series, how.style):
                out.write(line)
    return series.totals


def _write_distributions(query: Query, session: Session, how: Presentation, out: Output) -> Totals:
    """A table for each distribution."""
    found = find_distributions(session, query, how.style.scaled)
    if how.form in MACHINE:
        _write_records(distribution_records(found), how, out)
    elif not found.buckets:
        out.write("No matching flows")
    else:
        for line in distribution_lines(found, how.style):
            out.write(line)
    return found.totals


def _write_records(records: Iterable[Mapping[str, Value]], how: Presentation, out: Output) -> None:
    for number, record in enumerate(records):
        if how.form == "csv":
            if number == 0 and not how.quiet:
                out.write(csv_line(record))
            out.write(csv_line(record.values()))
        else:
            out.write(json_text({name: value for name, value in record.items() if value is not None}))
