"""Who opened a connection, and how that is known: `-B --initiator`.

What says so, the strongest first; only where it says nothing, or the same of both ends, the next is asked:

    element     the exporter says which end began (element 239, RFC 5103)
    syn         SYN without ACK from one end only; or, with both directions seen, SYN from one end only
    handshake   both directions have SYN: the one that was seen first
    service     a port that is known as a service's, at one end only, is the server's
    port        ports in different ranges, below 1024, 32768, 49152 or above: the lower one is the server's (nfdump)
    time        the direction that began first
    received    the direction that was received first
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nftui.engine.query.aggregate import Bidirectional
from nftui.engine.query.names import SERVICE_PORTS
from nftui.engine.schema import FIELDS

_CODES = {word: number for number, word in FIELDS["initiator"].names}
_OTHER_SIDE = 16
_SYN, _SYN_ACK = 2, 18
_RANGES = (1024, 32768, 49152)


@dataclass(frozen=True, slots=True)
class Initiated(Bidirectional):
    """`-B --initiator`: both directions of a connection in one, the initiator first."""

    guess: bool = True
    format: str = "fmt:%ts %td %pr %sap <-> %dap %opkt %ipkt %obyt %ibyt %fl %initiator"

    @property
    def columns(self) -> tuple[str, ...]:
        """As for `-B`, with the reason."""
        # Not super(): a dataclass with slots is another class than the one that the compiler saw.
        return (*Bidirectional.columns.fget(self), "initiator")  # type: ignore[attr-defined]

    def reads(self, fields: Iterable[str]) -> set[str]:
        """As for `-B`, with what is asked."""
        return Bidirectional.reads(self, fields) | {"tcp_flags", "biflow_direction"}

    def _evidence(self) -> list[str]:
        """What each side says; side 0 are the flows whose source is end one."""
        out = []
        for side in (0, 1):
            mine, theirs = f"turned = {side}", f"turned = {1 - side}"
            said = f"({mine} AND biflow_direction = 1) OR ({theirs} AND biflow_direction = 2)"
            out += [
                f"COALESCE(BOOL_OR({said}), FALSE) AS said_{side}",
                f"COALESCE(BOOL_OR({mine} AND proto = 6 AND (tcp_flags & {_SYN_ACK}) = {_SYN}), FALSE) AS alone_{side}",
                f"COALESCE(BOOL_OR({mine} AND proto = 6 AND (tcp_flags & {_SYN}) > 0), FALSE) AS syn_{side}",
            ]
        return out

    def _directed(self, grouped: str, fields: Iterable[str]) -> str:
        """The pairs with `forward`, and the reason for it."""
        services = ", ".join(str(port) for port in sorted(set(SERVICE_PORTS.values())))
        both = "received_0 IS NOT NULL AND received_1 IS NOT NULL"
        ranged = [f"CASE {' '.join(f'WHEN {end}_2 < {top} THEN {top}' for top in _RANGES)} ELSE 65536 END"
                  for end in ("one", "two")]  # fmt: skip
        # The end with the service answers: the other one is the initiator, and side 1 is that of end two.
        served = [f"COALESCE({end}_2 IN ({services}), FALSE)" for end in ("one", "two")]
        votes = [
            ("element", "said_0 <> said_1", "said_1"),
            ("syn", "alone_0 <> alone_1", "alone_1"),
            ("syn", f"{both} AND syn_0 <> syn_1", "syn_1"),
            ("handshake", "syn_0 AND syn_1 AND start_0 <> start_1", "start_1 < start_0"),
            ("service", f"{served[0]} <> {served[1]}", served[0]),
            ("port", f"one_2 IS NOT NULL AND two_2 IS NOT NULL AND {ranged[0]} <> {ranged[1]}",
             f"{ranged[0]} < {ranged[1]}"),
            ("time", f"{both} AND start_0 <> start_1", "start_1 < start_0"),
        ]  # fmt: skip
        cases = " ".join(
            f"WHEN {condition} THEN {_CODES[word]} + CASE WHEN {second} THEN {_OTHER_SIDE} ELSE 0 END"
            for word, condition, second in votes
        )
        later = "received_0 IS NULL OR received_1 < received_0"
        last = f"{_CODES['received']} + CASE WHEN {later} THEN {_OTHER_SIDE} ELSE 0 END"
        vote = (
            f"SELECT *, CASE WHEN proto NOT IN (6, 17) THEN 0 {cases} ELSE {last} END AS vote FROM ({grouped}) AS pairs"  # noqa: S608
        )
        reason = f"CAST(NULLIF(vote % {_OTHER_SIDE}, 0) AS UTINYINT) AS initiator"
        replaced = f" REPLACE ({reason})" if "initiator" in set(fields) else ""
        return (
            f"SELECT *{replaced}, CASE WHEN vote >= {_OTHER_SIDE} THEN 1 ELSE 0 END AS forward FROM ({vote}) AS voted"  # noqa: S608
        )
