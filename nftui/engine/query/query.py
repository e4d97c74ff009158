"""A question to stored flows: which flows, in which window; asked for lists, totals and statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from nftui.engine.query import tree
from nftui.engine.query.addresses import address_value
from nftui.engine.query.contest import Contest, first_groups
from nftui.engine.query.directions import reported
from nftui.engine.query.filters import Filter
from nftui.engine.query.flow_session import FlowSession, Part
from nftui.engine.query.grouping import PLAIN_SUMS, Grouped, Key, by_either, by_keys, field_key, with_rollups
from nftui.engine.query.orders import Direction, Order
from nftui.engine.query.parquet import parquet_sql
from nftui.engine.query.planner import Plan, make_plan
from nftui.engine.query.rollup import ANSWERS, MINUTE, is_small, read_sql, rows_sql
from nftui.engine.query.sql import MANY, compile_where, value_sql
from nftui.engine.query.stages import Stage, read_by
from nftui.engine.query.statistics import RECORD, StatisticRequest
from nftui.engine.query.time import Mode, Window
from nftui.engine.schema import FIELDS, PHYSICAL

if TYPE_CHECKING:
    from nftui.engine.query.aggregate import Aggregation

_START, _END = "time_flow_start_ms", "time_flow_end_ms"
_MINUTES = ("time_flow_start_ms", "proto")
_SUMMED = (_START, _END, "flows", "packets", "bytes", "sampling_rate")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over flows.

    Attributes:
        first_ms: earliest start, UTC ms; None without flows.
        last_ms: latest end.
        flows: sum of the records' flows.
        packets: sum, scaled as the query says.
        bytes: sum, scaled as the query says.
        records: number of records.
    """

    first_ms: int | None
    last_ms: int | None
    flows: int
    packets: int
    bytes: int
    records: int


EMPTY = Totals(None, None, 0, 0, 0, 0)


class Sums:
    """Totals of flows, gathered while they pass by."""

    def __init__(self) -> None:
        self.totals = EMPTY

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Count rows of `Query.flows`."""
        was = self.totals
        starts, ends, flows, packets, octets = list(zip(*(row[-5:] for row in rows), strict=True))
        first, last = min(starts), max(ends)
        self.totals = Totals(
            first if was.first_ms is None else min(first, was.first_ms),
            last if was.last_ms is None else max(last, was.last_ms),
            was.flows + sum(flows),
            was.packets + sum(n for n in packets if n),
            was.bytes + sum(n for n in octets if n),
            was.records + len(rows),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Flows summed up under one key.

    Attributes:
        key: values of the key's fields, addresses as 128-bit integers, None where the flows lack the field.
        totals: their sums.
    """

    key: tuple[int | str | None, ...]
    totals: Totals


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first groups in one order.

    Attributes:
        fields: registry fields of the keys.
        order: what they are ordered by.
        groups: the groups, first to last.
        totals: sums over all flows that passed, each counted once.
    """

    fields: tuple[str, ...]
    order: Order
    groups: list[Group]
    totals: Totals


class Query:
    """Flows that pass a filter in a window.

    Args:
        session: where they are.
        filter: which ones.
        window: when.
        scaled: apply sampling rates to bytes and packets, in conditions and in results.
        most: look at no more than that many flows that pass, the first ones by time of reception (nfdump's -c).
        aggregation: sum flows up before they are listed.
        stages: steps between the flows that pass and everything else.
    """

    def __init__(
        self,
        session: FlowSession,
        filter: Filter,  # noqa: A002 - the field's name for it
        window: Window = Window(),  # noqa: B008
        scaled: bool = True,
        most: int | None = None,
        aggregation: Aggregation | None = None,
        stages: Sequence[Stage] = (),
    ) -> None:
        self._session = session
        self._scaled = scaled
        self._most = most
        self._aggregation = aggregation
        self._stages = tuple(stages)
        self.window = self._absolute(window)
        self._demand = "the filter looks at single flows" if filter.tree != tree.Always(True) else ""
        if most is not None:
            self._demand = "so many flows and no more are asked for"
        for stage in stages:
            self._demand = stage.reason
        # Each branch would decode files of other tools again, and none can skip any.
        whole = bool(session.sources.foreign)
        trees = [filter.tree] if whole else _alternatives(filter.tree)
        parts = [Filter(filter.text, part) for part in trees]
        self._few = _names_addresses(filter.tree)
        self._branches = [compile_where(part, scaled, session.next_table()) for part in parts]
        for where in self._branches:
            for table in where.tables:
                session.add_table(table)

    @property
    def staged(self) -> bool:
        """Whether flows are worked on before they are listed, so that none can be given before all are known."""
        return bool(self._stages)

    @property
    def takes_everything(self) -> bool:
        """Whether every flow passes."""
        return not self._demand and self.window.start_ms is None and self.window.end_ms is None

    def totals(self) -> Totals:
        """Sums over all flows that pass."""
        [ranking] = self._rankings(
            ("proto",), (Order("flows", False),), 1, ("proto",), self._by((field_key("proto"),)), ("proto",)
        )
        return ranking.totals

    def minutes(self) -> list[Group]:
        """Sums by the minute in which flows start (UTC ms) and protocol, in that order."""
        keys = (Key("time_flow_start_ms", (MINUTE,)), field_key("proto"))
        order = (Order("tstart", True),)
        [ranking] = self._rankings(_MINUTES, order, None, _MINUTES, self._by(keys), ("minute",))
        return sorted(ranking.groups, key=lambda group: [(value is None, value) for value in group.key])

    def plan(self, request: StatisticRequest) -> Plan:
        """What the answer to a statistic is made from."""
        return self._plan(_answered_by(request))

    def rank(self, request: StatisticRequest, limit: int | None) -> list[Ranking]:
        """The first groups of a statistic, once per order.

        Args:
            request: what `-s` asked for.
            limit: groups per ranking; None for all.
        """
        more = ("proto",) if request.per_protocol and request.statistic else ()
        ends = request.statistic.fields if request.statistic else ()
        fields: tuple[str, ...] = (*ends[:1], *more) if ends else RECORD
        if len(ends) > 1:
            return self._rankings(
                fields,
                request.orders,
                limit,
                (*ends, *more),
                lambda s: by_either(s, "TRUE", ends, more, self._scaled),
                _answered_by(request),
            )
        keys = [field_key(name) for name in fields]
        return self._rankings(fields, request.orders, limit, fields, self._by(keys), _answered_by(request))

    def group(
        self, keys: Sequence[Key], fields: tuple[str, ...], orders: Sequence[Order], limit: int | None
    ) -> list[Ranking]:
        """The first groups by any keys, once per order; `fields` are what the keys are computed from."""
        return self._rankings(tuple(key.field for key in keys), orders, limit, fields, self._by(keys))

    def flows(
        self, columns: Sequence[str], fields: Sequence[str], order: Order | None, limit: int | None
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Single flows, in portions; each row ends with the five columns that `Sums` takes.

        Args:
            columns: SQL expressions to select.
            fields: registry fields that they read.
            order: None for the order of reception: then files are read one after the other, and no more than needed.
            limit: flows at most.
        """
        if self._aggregation is not None:
            yield from self._groups(self._aggregation, columns, fields, order, limit)
            return
        order = self._counted(order)
        opposite = order.opposite if order else set()
        needed = {*fields, *_SUMMED, *opposite, "time_received_ms", "src_port"}
        sums = [_START, _END, "flows", value_sql("packets", self._scaled), value_sql("bytes", self._scaled)]
        by = [order.flow_sql(self._scaled)] if order else []
        by += ["time_received_ms", _START, "src_port"]
        # Where a list is cut, flows that differ in anything that is shown are in the same order whoever sorts them.
        by += [column for column in columns if column in PHYSICAL] if limit else []
        text = f"SELECT {', '.join([*columns, *sums])} FROM {{}} ORDER BY {', '.join(dict.fromkeys(by))}"  # noqa: S608
        if order or self._stages:
            yield from self._portions(text, needed, limit, None)
            return
        left = self._most if limit is None else limit if self._most is None else min(limit, self._most)
        for part in self._session.parts(self._few):
            for rows in self._portions(text, needed, left, part):
                yield rows
                left = None if left is None else left - len(rows)
            if left is not None and left <= 0:
                return

    def _groups(
        self,
        aggregation: Aggregation,
        columns: Sequence[str],
        fields: Sequence[str],
        order: Order | None,
        limit: int | None,
    ) -> Iterator[list[tuple[Any, ...]]]:
        """As `flows`, for flows summed up: their counters are scaled already."""
        order = self._counted(order, "out_bytes" in aggregation.columns)
        opposite = order.opposite if order else set()
        shown = [name for name in FIELDS if name in {*fields, *_SUMMED, *aggregation.key_fields, *opposite}]
        read = aggregation.reads(shown)
        sums = [_START, _END, "flows", "packets", "bytes"]
        by = order.flow_sql(scaled=False) if order else _START
        ties = ", ".join(column for name in aggregation.key_fields for column in FIELDS[name].physical)
        cut = f" LIMIT {limit}" if limit else ""

        def statement(source: str, *first: str) -> str:
            groups = aggregation.sql(source, shown, self._scaled)
            return f"SELECT {', '.join([*first, *columns, *sums])} FROM {groups} ORDER BY {by}, {ties}{cut}"  # noqa: S608

        if (
            order
            and limit
            and not order.ascending
            and order.name in PLAIN_SUMS
            and self._most is None
            and not self._stages
        ):
            amount = order.amount_sql(scaled=False)
            contest = Contest(aggregation.bucket, aggregation.weight(order.summed, self._scaled), limit)
            if contest.worthwhile and self._session.weighs_first:
                source = partial(self._source, needed=read)
                rows = first_groups(
                    self._session, self._fields(read), source, contest,
                    lambda relation: statement(relation, amount), lambda row: row[0],
                )  # fmt: skip
                yield from [[row[1:] for row in rows]] if rows else []
                return
        yield from self._session.rows(self._fields(read), lambda relation: statement(self._source(relation, read)))

    def _counted(self, order: Order | None, paired: bool = False) -> Order | None:
        """The order by the flows' own counters, if there are none of the opposite direction.

        Args:
            order: as asked for.
            paired: the opposite direction comes from other flows.
        """
        if order is None or order.direction is not Direction.BOTH or paired or reported(self._session):
            return order
        return replace(order, direction=Direction.IN)

    def _portions(
        self, text: str, needed: set[str], limit: int | None, part: Part | None
    ) -> Iterator[list[tuple[Any, ...]]]:
        cut = f" LIMIT {limit}" if limit else ""
        return self._session.rows(
            self._fields(needed), lambda relation: text.format(self._source(relation, needed, part)) + cut, part
        )

    def statement(self, request: StatisticRequest | None, relation: str = "flows") -> str:
        """SQL of a statistic, or the condition alone, for people (`-X`)."""
        if request is None:
            return f"SELECT * FROM {self._source(relation, FIELDS)}"  # noqa: S608
        fields = request.statistic.fields if request.statistic else RECORD
        source = self._source(relation, {*fields, *_SUMMED})
        if len(fields) > 1 and request.statistic:
            return by_either(source, "TRUE", fields, (), self._scaled).top(request.orders[0], 10)
        return by_keys(source, "TRUE", [field_key(name) for name in fields], self._scaled).top(request.orders[0], 10)

    def over(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None = None
    ) -> tuple[list[str], Callable[[str], str]]:
        """What `Session.rows` and `Session.batches` take to run a statement over the flows that pass.

        Args:
            fields: registry fields that the statement reads.
            statement: makes the SQL text from a relation with the columns of these fields, as FROM text that may be
                used several times.
            part: some of the files, as will be given to the session; all if None.
        """
        needed = set(fields)
        return self._fields(needed), lambda relation: statement(self._source(relation, needed, part))

    # How it is put together

    def _rankings(
        self,
        fields: tuple[str, ...],
        orders: Sequence[Order],
        limit: int | None,
        read: Sequence[str],
        grouped: Callable[[str], Grouped],
        answered_by: tuple[str, ...] = (),
    ) -> list[Ranking]:
        """The first groups, once per order.

        Args:
            fields: of the keys.
            orders: the orders.
            limit: groups per ranking; None for all.
            read: fields that the keys are computed from.
            grouped: makes the groups from a relation of flows.
            answered_by: what the roll-ups call these groups; empty if they have no such sums.
        """
        needed = {*read, *_SUMMED}
        columns = sum(len(FIELDS[name].physical) for name in fields)
        rankings = []
        for order in orders:

            def statement(relation: str, order: Order = order) -> str:
                plan = self._plan(answered_by)
                if not plan.rollups:
                    return grouped(self._source(relation, needed)).top(order, limit)
                rest = self._session.relation(self._fields(needed), Part(plan.files, True))
                flows = grouped(self._source(rest, needed)) if plan.reads_flows else None
                all_kinds = (*plan.kinds, *ANSWERS[("proto",)])
                rolled = rows_sql(plan.rollups, all_kinds) if is_small(answered_by) else ""
                source = "rolled" if rolled else parquet_sql(plan.rollups)
                sums = read_sql(source, plan.kinds, columns, self._scaled)
                whole = read_sql(source, ANSWERS[("proto",)], 1, self._scaled)
                return with_rollups(flows, sums, whole, columns, order, limit, rolled).top(order, limit)

            rows = self._session.all_rows(self._fields(needed), statement)
            groups = [Group(key_values(fields, row[1:]), totals_of(row[-6:])) for row in rows if row[0] == 0]
            whole = next((totals_of(row[-6:]) for row in rows if row[0] == 1), EMPTY)
            rankings.append(Ranking(fields, order, groups, whole))
        return rankings

    def _by(self, keys: Sequence[Key]) -> Callable[[str], Grouped]:
        return lambda source: by_keys(source, "TRUE", keys, self._scaled)

    def _plan(self, answered_by: tuple[str, ...]) -> Plan:
        return make_plan(self._session.sources, answered_by, self.window, self._demand)

    def _fields(self, needed: Iterable[str]) -> list[str]:
        """Fields that a statement reads, its condition's included, in the registry's order."""
        read = read_by(self._stages, needed)[0]
        wanted = {*read, *(name for where in self._branches for name in where.fields), _START, _END}
        if self._most is not None:
            wanted.add("time_received_ms")
        return [name for name in FIELDS if name in wanted]

    def _source(self, relation: str, needed: Iterable[str], part: Part | None = None) -> str:
        """Relation of the flows that pass, with the columns of the needed fields."""
        behind = read_by(self._stages, needed)
        wanted = set(behind[0])
        if self._most is not None:
            wanted.add("time_received_ms")
        columns = ", ".join(c for name, field in FIELDS.items() if name in wanted for c in field.physical)
        times = window_sql(self.window)
        parts = [
            f"SELECT {columns} FROM {relation} WHERE {' AND '.join([*times, where.text])}"  # noqa: S608
            for where in self._branches
        ]
        text = " UNION ALL ".join(parts)
        if self._most is not None and part is None:
            text = f"SELECT * FROM ({text}) ORDER BY time_received_ms, time_flow_start_ms LIMIT {self._most}"  # noqa: S608
        for stage, given in zip(self._stages, behind[1:], strict=True):
            text = stage.sql(f"({text}) AS flows_given", [name for name in FIELDS if name in given])
        return f"({text}) AS flows_passed"

    def _absolute(self, window: Window) -> Window:
        """First and last seconds of the data as times."""
        if not window.relative:
            return window
        rows = self._session.all_rows(
            [_START, _END],
            lambda relation: f"SELECT MIN({_START}), MAX({_END}) FROM {relation}",  # noqa: S608
        )
        first, last = rows[0]
        if first is None or last is None:
            return replace(window, first_seconds=None, last_seconds=None)
        assert isinstance(first, int)
        assert isinstance(last, int)
        if window.first_seconds is not None:
            return Window(first, first + window.first_seconds * 1000, mode=window.mode)
        assert window.last_seconds is not None
        return Window(last - window.last_seconds * 1000, last + 1, mode=window.mode)


def window_sql(window: Window) -> list[str]:
    """Conditions of a window with absolute times."""
    start, end = window.start_ms, window.end_ms
    out = []
    if window.mode is Mode.OVERLAP:
        out += [f"{_END} >= {start}"] if start is not None else []
        out += [f"{_START} < {end}"] if end is not None else []
    elif window.mode is Mode.INSIDE:
        out += [f"{_START} >= {start}"] if start is not None else []
        out += [f"{_END} <= {end}"] if end is not None else []
    else:
        column = _START if window.mode is Mode.START else _END
        out += [f"{column} >= {start}"] if start is not None else []
        out += [f"{column} < {end}"] if end is not None else []
    return out


def _alternatives(node: tree.Node) -> list[tree.Node]:
    """A condition as branches that exclude each other, so that each can skip files by its own address.

    `ip X and rest` becomes `src ip X and rest` and `dst ip X and not src ip X and rest`: engines skip nothing
    for an OR over two columns.
    """
    parts = node.parts if isinstance(node, tree.All) else (node,)
    for index, part in enumerate(parts):
        if isinstance(part, tree.Any) and len(part.parts) == 2:
            one, other = part.parts
            if isinstance(one, tree.Addresses) and isinstance(other, tree.Addresses) and len(one.blocks) <= MANY:
                rest = [*parts[:index], *parts[index + 1 :]]
                return [tree.all_of([one, *rest]), tree.all_of([other, tree.Not(one), *rest])]
    return [node]


def _names_addresses(node: tree.Node) -> bool:
    """Whether only flows of a few addresses can pass."""
    match node:
        case tree.Addresses(_, blocks):
            return sum(last - first + 1 for first, last in blocks) <= MANY
        case tree.All(parts):
            return any(map(_names_addresses, parts))
        case tree.Any(parts):
            return bool(parts) and all(map(_names_addresses, parts))
    return False


def _answered_by(request: StatisticRequest) -> tuple[str, ...]:
    """What roll-ups call the groups of a statistic; they do not split by protocol."""
    return request.statistic.fields if request.statistic and not request.per_protocol else ()


def totals_of(row: Sequence[object]) -> Totals:
    """Sums from the columns `grouping.SUMS`."""
    first, last, *sums = row
    assert first is None or isinstance(first, int)
    assert last is None or isinstance(last, int)
    flows, packets, octets, records = (int(value) if value is not None else 0 for value in sums)  # type: ignore[call-overload]
    return Totals(first, last, flows, packets, octets, records)


def key_values(fields: Sequence[str], row: Sequence[object]) -> tuple[int | str | None, ...]:
    """Values of a key's fields from its columns, addresses as 128-bit integers."""
    out: list[int | str | None] = []
    place = 0
    for name in fields:
        if len(FIELDS[name].physical) == 2:
            out.append(address_value(row[place], row[place + 1]))
            place += 2
        else:
            value = row[place]
            assert value is None or isinstance(value, int | str)
            out.append(value)
            place += 1
    return tuple(out)
