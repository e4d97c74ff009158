"""What `nftui dump` writes for `--series` and `--summary`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nftui.cli.output import MACHINE, Output, Presentation, without_header
from nftui.engine.query.distributions import Distributions, find_distributions
from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.format_distributions import distribution_lines, distribution_records
from nftui.engine.query.format_machine import Value, csv_line, json_text
from nftui.engine.query.format_series import series_lines, series_records, series_summary, summary_records
from nftui.engine.query.query import Query, Totals
from nftui.engine.query.series import Series, find_series, parse_series
from nftui.errors import UsageError


def check_measuring_format(option: str, form: str | None) -> str:
    """The format of an answer that is not a list: text, csv or ndjson. Raises UsageError for a list's."""
    if form is None:
        return "line"
    if form not in {"line", "csv", "ndjson", "json"}:
        raise UsageError(f"{option} has no format {form!r}: leave -o out for a table, or use csv or ndjson")
    return form


@dataclass(frozen=True, slots=True)
class Measures:
    """What `--series` and `--summary` found.

    Attributes:
        series: bins and series, if they were asked for.
        distributions: distributions, if they were asked for.
        totals: sums over all flows that passed.
    """

    series: Series | None
    distributions: Distributions | None
    totals: Totals


def find_measures(query: Query, session: FlowSession, series: str | None, summary: bool, how: Presentation) -> Measures:
    """Ask for what `--series` (its value, or None) and `--summary` want; one of them is there."""
    scaled = how.style.scaled
    found = find_series(session, query, parse_series(series), scaled, how.limit) if series else None
    distributions = find_distributions(session, query, scaled) if summary else None
    known = distributions or found
    assert known is not None
    return Measures(found, distributions, known.totals)


def write_measures(measures: Measures, how: Presentation, out: Output) -> None:
    """Write what was found."""
    if measures.series is not None:
        _write_series(measures.series, how, out)
    if measures.distributions is not None:
        _write_distributions(measures.distributions, how, out)


def _write_series(series: Series, how: Presentation, out: Output) -> None:
    """The bins, then the distribution of each series over them."""
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


def _write_distributions(found: Distributions, how: Presentation, out: Output) -> None:
    """A table for each distribution."""
    if how.form in MACHINE:
        _write_records(distribution_records(found), how, out)
    elif not found.buckets:
        out.write("No matching flows")
    else:
        for line in distribution_lines(found, how.style):
            out.write(line)


def _write_records(records: Iterable[Mapping[str, Value]], how: Presentation, out: Output) -> None:
    for number, record in enumerate(records):
        if how.form == "csv":
            if number == 0 and not how.quiet:
                out.write(csv_line(record))
            out.write(csv_line(record.values()))
        else:
            out.write(json_text({name: value for name, value in record.items() if value is not None}))
