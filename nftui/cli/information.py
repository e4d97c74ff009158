"""`nftui dump -I`: how many flows, packets and bytes there are, by protocol, in nfdump's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nftui.text import clean

if TYPE_CHECKING:
    from nftui.cli.output import Output
    from nftui.engine.query.flow_session import FlowSession
    from nftui.engine.query.query import Query, Ranking

_CLASSES = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp"}
_LOST = "sequence.lost"


def write_information(query: Query, session: FlowSession, out: Output) -> None:
    """Write sums over what passes, and what the footers say about lost datagrams.

    Args:
        query: which flows, and in which direction they count.
        session: the files.
        out: where to.
    """
    from nftui.engine.query.statistics import parse_statistic

    [ranking] = query.rank(parse_statistic("proto"), None)
    idents, lost = _footers(session)
    out.write(f"Ident: {', '.join(sorted(idents)) or 'none'}")
    for measure in ("flows", "packets", "bytes"):
        sums = _by_class(ranking, measure)
        out.write(f"{measure.capitalize()}: {sum(sums.values())}")
        for name, amount in sums.items():
            out.write(f"{measure.capitalize()}_{name}: {amount}")
    first, last = ranking.totals.first_ms or 0, ranking.totals.last_ms or 0
    for title, value in (
        ("First", first // 1000), ("Last", last // 1000), ("msec_first", first % 1000), ("msec_last", last % 1000),
        ("Sequence failures", lost),
    ):  # fmt: skip
        out.write(f"{title}: {value}")
    out.flush()


def _by_class(ranking: Ranking, measure: str) -> dict[str, int]:
    sums = dict.fromkeys(("tcp", "udp", "icmp", "other"), 0)
    for group in ranking.groups:
        proto = group.key[0]
        sums[_CLASSES.get(proto, "other") if isinstance(proto, int) else "other"] += getattr(group.totals, measure)
    return sums


def _footers(session: FlowSession) -> tuple[set[str], int]:
    """Idents, and the number of datagrams that were lost on the way to the collector."""
    idents, lost = set(), 0
    for value in session.said("nftui", list(session.sources.files)).values():
        try:
            about = json.loads(value)
            ident, here = clean(str(about.get("ident", "none"))), int(about.get("notes", {}).get(_LOST, 0))
        except (ValueError, AttributeError, TypeError):
            continue  # a Parquet file of somebody else; damaged ones are named by the query
        idents.add(ident)
        lost += here
    return idents, lost
