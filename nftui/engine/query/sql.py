"""Filter tree to SQL: the compiler for stored flows.

Only a small subset is written, which DuckDB, Spark and ClickHouse answer alike: comparisons, BETWEEN, IN, AND,
OR, NOT, IS NULL, CASE, + - * / % &, CAST to DOUBLE, FLOOR, LOWER and LIKE.

A leaf on an absent field must be false, but SQL's is unknown. Unknown counts as false in WHERE, AND and OR, so
only negation needs care: it is pushed down to the leaves and each negated leaf admits the nulls of its fields.
Leaves stay plain comparisons of columns, so that the engine can skip files and row groups by them.
"""

from __future__ import annotations

from dataclasses import dataclass

from nftui.engine.query import tree
from nftui.engine.query.filters import Filter
from nftui.engine.query.pieces import Piece, pieces, prefix_groups
from nftui.engine.query.values import BITS_PER_BYTE_MS, COUNTERS, MAX_COUNTER, MAX_RATE, SECOND_MS, nullable
from nftui.engine.schema import FIELDS, NON_NULL

MANY = 16
"""Address ranges above which a list becomes a table: each comparison of a chain of ORs costs 1 ns per flow, a
look-up in a table about 20."""


@dataclass(frozen=True, slots=True)
class KeyTable:
    """Keys of a long address list that must be a table (high BIGINT, low BIGINT) when the query runs."""

    name: str
    keys: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Where:
    """A condition in SQL.

    Attributes:
        text: the expression for WHERE.
        tables: tables that it names.
        fields: registry fields that it reads.
    """

    text: str
    tables: tuple[KeyTable, ...]
    fields: tuple[str, ...]


def sql(filter: Filter, scaled: bool = True) -> str:  # noqa: A002 - the contract's name
    """The filter as one self-contained WHERE expression over the store's columns."""
    return _Writer(scaled).node(filter.tree, True)


def compile_where(filter: Filter, scaled: bool = True, prefix: str = "list") -> Where:  # noqa: A002
    """The filter as a WHERE expression in which long address lists are tables, named from `prefix` on."""
    writer = _Writer(scaled, prefix)
    text = writer.node(filter.tree, True)
    return Where(text, tuple(writer.tables), filter.fields)


def value_sql(name: str, scaled: bool = True) -> str:
    """SQL expression of a value of `values.VALUES`."""
    start, end = "time_flow_start_ms", "time_flow_end_ms"
    if name in COUNTERS:
        return scaled_sql(name) if scaled else name
    if name == "duration":
        return f"({end} - {start})"
    if name in {"pps", "bps"}:
        counter, factor = ("packets", SECOND_MS) if name == "pps" else ("bytes", BITS_PER_BYTE_MS)
        amount = f"CAST({value_sql(counter, scaled)} AS DOUBLE) * {factor}"
        rate = f"FLOOR({amount} / ({end} - {start}))"
        return f"CASE WHEN {end} > {start} THEN {rate} WHEN {counter} IS NOT NULL THEN 0.0 END"
    if name == "bpp":
        known = "packets IS NOT NULL AND bytes IS NOT NULL"
        return f"CASE WHEN packets > 0 THEN FLOOR(CAST(bytes AS DOUBLE) / packets) WHEN {known} THEN 0.0 END"
    if name == "port_code":
        return "dst_port % 256"
    return name


def scaled_sql(counter: str, rate: str = "sampling_rate") -> str:
    """A counter times the sampling rate of its record; an unknown rate is 1."""
    bounded = f"CASE WHEN {counter} > {MAX_COUNTER} THEN {MAX_COUNTER} ELSE {counter} END"
    factor = f"CASE WHEN {rate} > {MAX_RATE} THEN {MAX_RATE} ELSE {rate} END"
    return f"CASE WHEN {rate} > 1 THEN ({bounded}) * ({factor}) ELSE {counter} END"


def address_equals(field: str, value: int) -> str:
    """Condition for one address."""
    return " OR ".join(_piece(field, piece) for piece in pieces((value, value)))


class _Writer:
    """Writes one condition; long lists become tables if there is a `prefix` for their names."""

    def __init__(self, scaled: bool, prefix: str = "") -> None:
        self._scaled = scaled
        self._prefix = prefix
        self.tables: list[KeyTable] = []

    def node(self, node: tree.Node, wanted: bool) -> str:
        """Expression that is TRUE exactly where the node has the wanted truth value."""
        match node:
            case tree.All(parts):
                return self._joined(parts, " AND " if wanted else " OR ", wanted)
            case tree.Any(parts):
                return self._joined(parts, " OR " if wanted else " AND ", wanted)
            case tree.Not(part):
                return self.node(part, not wanted)
            case tree.Always(value):
                return "TRUE" if value is wanted else "FALSE"
            case tree.Numbers(value, spans):
                return self._numbers(value, spans, wanted)
            case tree.Addresses(field, blocks):
                return self._negatable(field, self._addresses(field, blocks), wanted)
            case tree.Bits(field, mask, bits):
                return self._negatable(field, f"({field} & {mask}) = {bits}", wanted)
            case tree.Text(field, pattern, how):
                return self._negatable(field, f"LOWER({field}) LIKE {_like(pattern, how)} ESCAPE '!'", wanted)
            case tree.Ordered(field, other):
                if wanted:
                    return f"{field} <= {other}"
                missing = "".join(f"{name} IS NULL OR " for name in (field, other) if name not in NON_NULL)
                return f"({missing}{field} > {other})"
            case tree.Present(field):
                column = FIELDS[field].physical[0]
                return f"{column} IS {'NOT ' if wanted else ''}NULL"

    def _joined(self, parts: tuple[tree.Node, ...], word: str, wanted: bool) -> str:
        return "(" + word.join(self.node(part, wanted) for part in parts) + ")"

    def _negatable(self, field: str, text: str, wanted: bool) -> str:
        if wanted:
            return text
        if field in NON_NULL:
            return f"NOT ({text})"
        return f"({FIELDS[field].physical[0]} IS NULL OR NOT ({text}))"

    def _numbers(self, value: str, spans: tuple[tree.Span, ...], wanted: bool) -> str:
        whole = value not in {"pps", "bps", "bpp"}
        expression = value_sql(value, self._scaled)
        if wanted or not whole:
            inside = _spans(expression, spans, whole)
        else:
            inside = _spans(expression, tree.complement(spans), whole)
        if wanted:
            if inside == "TRUE":
                known = [f"{FIELDS[name].physical[0]} IS NOT NULL" for name in nullable(value)]
                return "(" + " AND ".join(known) + ")" if known else "TRUE"
            return inside
        if not whole:
            inside = f"NOT ({inside})"
        missing = "".join(f"{FIELDS[name].physical[0]} IS NULL OR " for name in nullable(value))
        return f"({missing}{inside})" if missing else inside

    def _addresses(self, field: str, blocks: tuple[tree.Block, ...]) -> str:
        if self._prefix and len(blocks) > MANY:
            return self._looked_up(field, blocks)
        found = [_piece(field, piece) for block in blocks for piece in pieces(block)]
        return "(" + " OR ".join(found) + ")" if found else "FALSE"

    def _looked_up(self, field: str, blocks: tuple[tree.Block, ...]) -> str:
        high, low = FIELDS[field].physical
        found = []
        for group in prefix_groups(blocks):
            table = self._table(group.keys)
            key = f"{_masked(high, group.high_mask)}, {_masked(low, group.low_mask)}"
            found.append(f"({key}) IN (SELECT (high, low) FROM {table})")  # noqa: S608 - own names
        return "(" + " OR ".join(found) + ")"

    def _table(self, keys: list[tuple[int, int]]) -> str:
        for table in self.tables:
            if table.keys == keys:
                return table.name
        self.tables.append(KeyTable(f"{self._prefix}_{len(self.tables)}", keys))
        return self.tables[-1].name


def _masked(column: str, mask: int) -> str:
    return column if mask == -1 else f"({column} & {mask})"


def _piece(field: str, piece: Piece) -> str:
    high, low = FIELDS[field].physical
    text = _between(high, *piece.high)
    if piece.low is None:
        return text
    return f"({_between(low, *piece.low)} AND {text})"


def _between(column: str, first: int, last: int) -> str:
    return f"{column} = {first}" if first == last else f"{column} BETWEEN {first} AND {last}"


def _spans(expression: str, spans: tuple[tree.Span, ...], whole: bool) -> str:
    """Membership of a number in ranges; `whole` says that it is an int64."""
    single: list[str] = []
    parts: list[str] = []
    for low, high in _in_int64(spans) if whole else spans:
        if low is None and high is None:
            return "TRUE"
        if low is not None and low == high:
            single.append(_literal(low, whole))
        elif low is None or high is None:
            sign, bound = ("<=", high) if low is None else (">=", low)
            assert bound is not None
            parts.append(f"{expression} {sign} {_literal(bound, whole)}")
        else:
            parts.append(f"{expression} BETWEEN {_literal(low, whole)} AND {_literal(high, whole)}")
    if len(single) == 1:
        parts.append(f"{expression} = {single[0]}")
    elif single:
        parts.append(f"{expression} IN ({', '.join(single)})")
    if not parts:
        return "FALSE"
    return parts[0] if len(parts) == 1 else "(" + " OR ".join(parts) + ")"


def _in_int64(spans: tuple[tree.Span, ...]) -> list[tree.Span]:
    """Without bounds that no int64 reaches: some engines refuse such literals."""
    least, most = -(2**63), 2**63 - 1
    out: list[tree.Span] = []
    for low, high in spans:
        if (low is not None and low > most) or (high is not None and high < least):
            continue
        out.append((None if low is None or low <= least else low, None if high is None or high >= most else high))
    return out


def _literal(number: int, whole: bool) -> str:
    return str(number) if whole else repr(float(number))


def _like(pattern: str, how: tree.Match) -> str:
    escaped = pattern.replace("!", "!!").replace("%", "!%").replace("_", "!_").replace("'", "''")
    before = "%" if how in {tree.Match.SUFFIX, tree.Match.CONTAINS} else ""
    after = "%" if how in {tree.Match.PREFIX, tree.Match.CONTAINS} else ""
    return f"'{before}{escaped}{after}'"
