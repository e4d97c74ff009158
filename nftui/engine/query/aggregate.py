"""Flows summed up into fewer flows: `-a`, `-A`, `-b`, `-B`.

The result has the columns of flows again, so that lists, orders and formats apply to it unchanged:

    keys                              as they are, or masked
    time_flow_start_ms, …_end_ms      first start, last end
    flows packets bytes out_…         sums, sampling applied (and so no sampling rate any more)
    tcp_flags                         all flags that were seen
    any other field                   the value that all flows of the group share, else null
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

from nftui.engine.query.grouping import Key, field_key
from nftui.engine.query.pieces import HALF, signed
from nftui.engine.query.sql import value_sql
from nftui.engine.query.statistics import RECORD, WITHOUT_FIELD
from nftui.engine.query.values import COUNTERS, MAX_SUM
from nftui.engine.schema import FIELDS
from nftui.errors import UsageError
from nftui.text import V4_PREFIX

_TIMES = {"time_flow_start_ms": "MIN", "time_flow_end_ms": "MAX", "time_received_ms": "MIN"}

_SUMS = ("time_flow_start_ms", "time_flow_end_ms", "flows", "packets", "bytes")
_RATES = ("pps", "bps", "bpp")

ELEMENTS: dict[str, tuple[str, str]] = {
    # name of -A: field, %-tag of the automatic format
    "proto": ("proto", "%pr"), "srcip": ("src_addr", "%sa"), "dstip": ("dst_addr", "%da"),
    "srcport": ("src_port", "%sp"), "dstport": ("dst_port", "%dp"), "srcmask": ("src_mask", "%smk"),
    "dstmask": ("dst_mask", "%dmk"), "srcvlan": ("src_vlan", "%svln"), "dstvlan": ("dst_vlan", "%dvln"),
    "srcas": ("src_as", "%sas"), "dstas": ("dst_as", "%das"), "nextas": ("next_as", "%nas"),
    "prevas": ("prev_as", "%pas"), "inif": ("in_if", "%in"), "outif": ("out_if", "%out"),
    "next": ("next_hop", "%nh"), "bgpnext": ("bgp_next_hop", "%nhb"), "insrcmac": ("in_src_mac", "%ismc"),
    "outdstmac": ("out_dst_mac", "%odmc"), "indstmac": ("in_dst_mac", "%idmc"), "outsrcmac": ("out_src_mac", "%osmc"),
    "tos": ("ip_tos", "%tos"), "srctos": ("ip_tos", "%stos"), "dsttos": ("dst_tos", "%dtos"),
    "router": ("sampler_address", "%ra"), "odid": ("observation_domain_id", "%odid"),
    "opid": ("observation_point_id", "%opid"), "xsrcip": ("post_nat_src_addr", "%xsa"),
    "xdstip": ("post_nat_dst_addr", "%xda"), "xsrcport": ("post_nat_src_port", "%xsp"),
    "xdstport": ("post_nat_dst_port", "%xdp"), "flags": ("tcp_flags", "%flg"), "ethertype": ("etype", "%eth"),
    "minttl": ("min_ttl", "%minttl"), "maxttl": ("max_ttl", "%maxttl"), "dir": ("direction", "%dir"),
    "fwdstat": ("forwarding_status", "%fwd"), "user": ("username", "%uname"), "app": ("application_name", "%nbnam"),
    "site": ("site", "%site"),
    **{f"mpls{i}": (f"mpls_{i}", f"%mpls{i}") for i in range(1, 11)},
}  # fmt: skip
"""Elements of `-A` (nfdump 1.7.1 and 1.7.8), beside masked addresses."""


class Aggregation(Protocol):
    """A way to sum flows up."""

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Fields that tell the groups apart."""
        ...

    @property
    def format(self) -> str:
        """The list format that suits, unless another is asked for."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Fields and values of a group, for formats that show everything."""
        ...

    def reads(self, fields: Iterable[str]) -> set[str]:
        """Fields of single flows that are needed for the given fields of groups."""
        ...

    @property
    def bucket(self) -> str:
        """SQL expression over a flow, UBIGINT: a hash that all flows of a group share."""
        ...

    def weight(self, counters: Sequence[str], scaled: bool) -> str:
        """SQL expression over a flow whose sum over a group is at least that of the group's counters together."""
        ...

    def sql(self, source: str, fields: Iterable[str], scaled: bool) -> str:
        """Relation of the groups, with the columns of the given fields, as FROM text."""
        ...


@dataclass(frozen=True, slots=True)
class ByKeys:
    """`-a` and `-A`: flows with equal keys become one.

    Attributes:
        keys: what they are told apart by.
        format: the list format that suits.
    """

    keys: tuple[Key, ...]
    format: str

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Fields of the keys."""
        return tuple(key.field for key in self.keys)

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys, times, sums and rates."""
        flags = ("tcp_flags",) if self.key_fields == RECORD else ()
        # With bins, the start is a key.
        return tuple(dict.fromkeys((*self.key_fields, *flags, *_SUMS, *_RATES)))

    def reads(self, fields: Iterable[str]) -> set[str]:
        """The fields themselves, the keys', and the sampling rate."""
        masks = {mask for key in self.keys for mask in _masks_in(key)}
        return {*fields, *self.key_fields, *masks, "sampling_rate"}

    @property
    def bucket(self) -> str:
        """Hash of the keys."""
        return f"hash({', '.join(column for key in self.keys for column in key.columns)})"

    def weight(self, counters: Sequence[str], scaled: bool) -> str:
        """What is summed up."""
        return value_sql(counters[0], scaled) if len(counters) == 1 else _positive_sql(counters, scaled)

    def sql(self, source: str, fields: Iterable[str], scaled: bool) -> str:
        """One GROUP BY over the keys' expressions."""
        columns = []
        for key in self.keys:
            names = FIELDS[key.field].physical
            columns += [f"{text} AS {name}" for text, name in zip(key.columns, names, strict=True)]
        for name in fields:
            if name not in self.key_fields:
                columns += summed_sql(name, scaled)
        by = ", ".join(column for key in self.keys for column in key.columns)
        return f"(SELECT {', '.join(columns)} FROM {source} GROUP BY {by}) AS flows_aggregated"  # noqa: S608


def _bounded_sum(value: str) -> str:
    """The sum as whole number of 63 bits; null if there is nothing to add (LEAST would pass over the null)."""
    return f"CAST(CASE WHEN SUM({value}) > {MAX_SUM} THEN {MAX_SUM} ELSE SUM({value}) END AS BIGINT)"


def summed_sql(name: str, scaled: bool) -> list[str]:
    """How a field that is no key is summed up."""
    if name in _TIMES:
        return [f"{_TIMES[name]}({name}) AS {name}"]
    if name in COUNTERS:
        return [f"{_bounded_sum(value_sql(name, scaled))} AS {name}"]
    if name == "flows":
        return [f"{_bounded_sum('flows')} AS flows"]
    if name == "tcp_flags":
        return ["BIT_OR(tcp_flags) AS tcp_flags"]
    if name == "sampling_rate":
        return ["CAST(NULL AS UINTEGER) AS sampling_rate"]
    return [
        f"CASE WHEN COUNT({c}) = COUNT(*) AND MIN({c}) = MAX({c}) THEN MIN({c}) END AS {c}"
        for c in FIELDS[name].physical
    ]


def _positive_sql(counters: Sequence[str], scaled: bool) -> str:
    """Sum of several counters of a flow, without those that are null or negative."""
    parts = (f"COALESCE(GREATEST({value_sql(name, scaled)}, 0), 0)" for name in counters)
    return f"CAST({' + CAST('.join(f'{part} AS HUGEINT)' for part in parts)}"


def _masks_in(key: Key) -> list[str]:
    return [mask for mask in ("src_mask", "dst_mask") if any(mask in column for column in key.columns)]


_MASKED = re.compile(r"(src|dst)ip([46])/(\d{1,3})")
_NET = re.compile(r"(src|dst)net")


def parse_aggregation(text: str) -> ByKeys:
    """Aggregation from `-A`, such as `srcip,dstport` or `srcip4/24,srcip6/64,proto`.

    Raises:
        UsageError: unknown element, with the nearest known one, or a prefix length that cannot be.
    """
    keys: dict[str, Key] = {}
    tags: dict[str, str] = {}
    lengths: dict[str, dict[str, int]] = {}
    for raw in text.split(","):
        name = raw.strip().lower()
        masked, net = _MASKED.fullmatch(name), _NET.fullmatch(name)
        if masked:
            side, version, length = masked[1], masked[2], int(masked[3])
            if length > (32 if version == "4" else 128):
                raise UsageError(f"-A {name}: the prefix is longer than the address")
            lengths.setdefault(side, {})[version] = length
            tags[f"{side}_addr"] = "%sa" if side == "src" else "%da"
            keys[f"{side}_addr"] = _prefix_key(f"{side}_addr", lengths[side])
        elif net:
            tags[f"{net[1]}_addr"] = "%sa" if net[1] == "src" else "%da"
            keys[f"{net[1]}_addr"] = _route_key(f"{net[1]}_addr", f"{net[1]}_mask")
        else:
            field, tag = _element(name)
            keys[field], tags[field] = field_key(field), tag
    fields = " ".join(tag for tag in tags.values() if tag)
    return ByKeys(tuple(keys.values()), f"fmt:%ts %td {fields} %pkt %byt %bps %bpp %fl")


def _element(name: str) -> tuple[str, str]:
    if name in ELEMENTS:
        return ELEMENTS[name]
    if name in FIELDS and FIELDS[name].groupable:
        return name, next((tag for field, tag in ELEMENTS.values() if field == name), "")
    if name in WITHOUT_FIELD:
        raise UsageError(f"-A {name}: {WITHOUT_FIELD[name]}")
    near = get_close_matches(name, ELEMENTS, 1)
    hint = f"; did you mean {near[0]}?" if near else f": use some of {' '.join(ELEMENTS)}"
    raise UsageError(f"unknown element {name!r} of -A{hint}")


_IS_V4 = f"{{high}} = 0 AND {{low}} BETWEEN {V4_PREFIX} AND {V4_PREFIX | 0xFFFFFFFF}"


def _prefix_key(field: str, lengths: dict[str, int]) -> Key:
    """Address masked to a length per IP version; a version without a length is kept whole."""
    high, low = FIELDS[field].physical
    v4 = _IS_V4.format(high=high, low=low)
    mask4 = -(1 << (32 - lengths["4"])) if "4" in lengths else -1
    whole = ((1 << lengths.get("6", 128)) - 1) << (128 - lengths.get("6", 128))
    mask6_high, mask6_low = signed(whole >> 64), signed(whole & (HALF - 1))
    return Key(
        field,
        (
            f"CASE WHEN {v4} THEN {high} ELSE {high} & {mask6_high} END",
            f"CASE WHEN {v4} THEN {low} & {mask4} ELSE {low} & {mask6_low} END",
        ),
    )


def _route_key(field: str, mask: str) -> Key:
    """Address masked to the prefix length that came with the flow; without one it is kept whole."""
    high, low = FIELDS[field].physical
    v4 = _IS_V4.format(high=high, low=low)
    host = f"CAST(1 AS BIGINT) << CAST({{bits}} - {mask} AS INTEGER)"
    in_low = f"({low} & -({host.format(bits=128)}))"
    in_high = f"({high} & -({host.format(bits=64)}))"
    key_high = (
        f"CASE WHEN {mask} >= 64 OR {mask} IS NULL OR {v4} THEN {high} WHEN {mask} = 0 THEN 0 "
        f"WHEN {mask} = 1 THEN {high} & {-(2**63)} ELSE {in_high} END"
    )
    key_low = (
        f"CASE WHEN {v4} AND {mask} < 32 THEN {low} & -({host.format(bits=32)}) "
        f"WHEN {v4} OR {mask} IS NULL OR {mask} >= 128 THEN {low} WHEN {mask} <= 64 THEN 0 "
        f"WHEN {mask} = 65 THEN {low} & {-(2**63)} ELSE {in_low} END"
    )
    return Key(field, (key_high, key_low))


BY_TUPLE = ByKeys(tuple(field_key(name) for name in RECORD), "line")
"""`-a`: the 5-tuple."""

_ENDS = (("src_addr_hi", "dst_addr_hi"), ("src_addr_lo", "dst_addr_lo"), ("src_port", "dst_port"))


@dataclass(frozen=True, slots=True)
class Bidirectional:
    """`-b` and `-B`: a flow and the one in the opposite direction become one; `out_…` counts the opposite one.

    The direction that was received first is the forward one; only TCP and UDP have opposite flows (nfdump).

    Attributes:
        guess: turn flows round whose ports look like those of a server that answers (nfdump's -B): the source
            port in a lower range than the destination port, of the ranges below 1024, 32768 and 49152.
        format: the list format that suits.
    """

    guess: bool
    format: str = "biline"

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The 5-tuple."""
        return RECORD

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys, times, sums of both directions and rates."""
        return (*RECORD, "tcp_flags", *_SUMS, "out_bytes", "out_packets", *_RATES)

    def reads(self, fields: Iterable[str]) -> set[str]:
        """The fields themselves, the 5-tuple, counters and time of reception."""
        return {*fields, *RECORD, *COUNTERS, "sampling_rate", "time_received_ms", "time_flow_start_ms"}

    @property
    def bucket(self) -> str:
        """Hash of both ends, whichever is the source."""
        ends = (", ".join(pair[side] for pair in _ENDS) for side in (0, 1))
        return f"xor({', '.join(f'hash({end})' for end in ends)})"

    def weight(self, counters: Sequence[str], scaled: bool) -> str:
        """What either direction may count, as it is not known yet which is the forward one."""
        if "flows" in counters:
            return "flows"
        counter = counters[0].removeprefix("out_")
        return _positive_sql((counter, f"out_{counter}"), scaled)

    def sql(self, source: str, fields: Iterable[str], scaled: bool) -> str:
        """Both directions under one key, then put the right way round."""
        less = (
            "src_addr_hi > dst_addr_hi OR (src_addr_hi = dst_addr_hi AND (src_addr_lo > dst_addr_lo OR "
            "(src_addr_lo = dst_addr_lo AND src_port > dst_port)))"
        )
        turned = f"CASE WHEN proto IN (6, 17) AND ({less}) THEN 1 ELSE 0 END AS turned"
        ends = ", ".join(
            f"CASE WHEN turned = 1 THEN {b if end == 'one' else a} ELSE {a if end == 'one' else b} END AS {end}_{i}"
            for i, (a, b) in enumerate(_ENDS)
            for end in ("one", "two")
        )
        keys = "proto, one_0, one_1, one_2, two_0, two_1, two_2"
        sums = ", ".join(
            f"SUM(CASE WHEN turned = {side} THEN {value_sql(counter, scaled)} END) AS {counter}_{side}"
            for counter in COUNTERS
            for side in (0, 1)
        )
        first = ", ".join(
            f"MIN(CASE WHEN turned = {side} THEN time_received_ms END) AS received_{side}, "
            f"MIN(CASE WHEN turned = {side} THEN time_flow_start_ms END) AS start_{side}"
            for side in (0, 1)
        )
        others = [
            column
            for name in fields
            if name not in RECORD and name not in COUNTERS
            for column in summed_sql(name, scaled)
        ]
        grouped = (
            f"SELECT {', '.join([keys, sums, first, *self._evidence(), *others])} FROM (SELECT *, {ends} FROM "  # noqa: S608
            f"(SELECT *, {turned} FROM {source}) AS flows_turned) AS flows_paired GROUP BY {keys}"
        )
        return f"({self._outermost(grouped, fields)}) AS flows_aggregated"

    def _evidence(self) -> list[str]:
        """Further sums over a pair, for `_directed`."""
        return []

    def _directed(self, grouped: str, fields: Iterable[str]) -> str:  # noqa: ARG002 - for those that add columns
        """The pairs with a column `forward`: 1 if end two is the source."""
        later = "received_0 IS NULL OR received_1 < received_0 OR (received_1 = received_0 AND start_1 < start_0)"
        forward = f"SELECT *, CASE WHEN {later} THEN 1 ELSE 0 END AS forward FROM ({grouped}) AS pairs"  # noqa: S608
        if self.guess:
            source_port, target_port = (f"(CASE WHEN forward = {side} THEN two_2 ELSE one_2 END)" for side in (1, 0))
            answer = " OR ".join(
                f"({source_port} < {limit} AND {target_port} >= {limit})" for limit in (1024, 32768, 49152)
            )
            turn = f"CASE WHEN proto IN (6, 17) AND ({answer}) THEN 1 - forward ELSE forward END AS forward"
            forward = f"SELECT * REPLACE ({turn}) FROM ({forward}) AS directed"  # noqa: S608
        return forward

    def _outermost(self, grouped: str, fields: Iterable[str]) -> str:
        """The groups with the forward direction's ends and counters in their places."""
        columns = ["proto"]
        for index, (source, target) in enumerate(_ENDS):
            columns.append(f"CASE WHEN forward = 1 THEN two_{index} ELSE one_{index} END AS {source}")
            columns.append(f"CASE WHEN forward = 1 THEN one_{index} ELSE two_{index} END AS {target}")
        for counter in ("packets", "bytes"):
            for name, side in ((counter, 0), (f"out_{counter}", 1)):
                with_turn = [f"{counter}_{side ^ turn}" for turn in (0, 1)]
                against = [f"out_{counter}_{side ^ 1 ^ turn}" for turn in (0, 1)]
                both = [f"COALESCE({a}, 0) + COALESCE({b}, 0)" for a, b in zip(with_turn, against, strict=True)]
                whole = f"CASE WHEN forward = 1 THEN {both[1]} ELSE {both[0]} END"
                columns.append(f"CAST(LEAST({whole}, {MAX_SUM}) AS BIGINT) AS {name}")
        columns += [
            column for name in fields if name not in RECORD and name not in COUNTERS for column in FIELDS[name].physical
        ]
        return f"SELECT {', '.join(columns)} FROM ({self._directed(grouped, fields)}) AS ended"  # noqa: S608
