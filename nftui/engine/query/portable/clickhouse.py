"""What ClickHouse 26 wants otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

from nftui.engine.query.portable.shared import (
    call,
    compared_rows,
    huge_sum,
    plain_tuple_select,
    without_materialized,
)

_SMALL = 2**31


def _literal(node: exp.Expr) -> exp.Expr:
    """Large numbers as Int64: by themselves they are UInt64, which has no type in common with a column."""
    if node.is_string or not node.is_int or int(node.name) < _SMALL:
        return node
    return call("toInt64", node.copy())


def _negative(node: exp.Expr) -> exp.Expr:
    """A negative number in one piece: -2^63 has no positive counterpart."""
    value = node.this
    if isinstance(value, exp.Anonymous) and value.name == "toInt64":
        return call("toInt64", exp.Literal.number(f"-{value.expressions[0].name}"))
    return node


def _like(node: exp.Expr) -> exp.Expr:
    """ClickHouse knows the backslash alone as what takes the meaning from `%` and `_`."""
    like, escape = node.this, node.expression.name
    pattern, place = [], 0
    text = like.expression.name
    while place < len(text):
        char = text[place]
        if char == escape:
            place += 1
            char = text[place]
        pattern.append("\\" + char if char == "\\" or (text[place - 1 : place] == escape and char in "%_") else char)
        place += 1
    return exp.Like(this=like.this, expression=exp.Literal.string("".join(pattern)))


def _unnest(node: exp.Expr) -> exp.Expr:
    first, end = node.this.args["start"], node.this.args["end"]
    return call("arrayJoin", call("range", first, end))


def _join(node: exp.Expr) -> exp.Expr:
    if node.args.get("kind") in {"SEMI", "ANTI"}:
        node.set("side", "LEFT")
    return node


def _select(node: exp.Expr) -> exp.Expr:
    """Columns with names of their own.

    `SELECT wanted.id` names its column `id`, which ClickHouse does only where no other relation has one; and two
    columns called `0` may not become of different types in a union.
    """
    named = []
    for place, column in enumerate(plain_tuple_select(node).expressions):
        if isinstance(column, exp.Column) and column.table and not column.is_star:
            named.append(exp.alias_(column, column.name))
        else:
            named.append(exp.alias_(column, f"_{place}") if isinstance(column, exp.Literal) else column)
    node.set("expressions", named)
    return node


def _hash(node: exp.Expr) -> exp.Expr:
    """Of a tuple, so that a NULL in it does not make all of it NULL."""
    return call("cityHash64", call("tuple", *node.expressions)) if node.name.lower() == "hash" else node


def _counted(node: exp.Expr) -> exp.Expr:
    """Counts as Int64: they are UInt64, which has no type in common with other columns of a union."""
    inner = node
    while isinstance(inner, exp.Filter | exp.Window):
        inner = inner.this
    if not isinstance(inner, exp.Count | exp.RowNumber | exp.DenseRank):
        return node
    return node if isinstance(node.parent, exp.Filter | exp.Window) else call("toInt64", node.copy())


def _binary(name: str) -> Callable[[exp.Expr], exp.Expr]:
    """An operator that is a function."""
    return lambda node: call(name, node.this, node.expression)


RULES: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Anonymous: _hash,
    exp.ApproxDistinct: lambda node: call("uniq", node.this),
    exp.BitwiseAnd: _binary("bitAnd"),
    exp.BitwiseLeftShift: _binary("bitShiftLeft"),
    exp.BitwiseOrAgg: lambda node: call("groupBitOr", node.this),
    exp.BitwiseRightShift: _binary("bitShiftRight"),
    exp.BitwiseXor: _binary("bitXor"),
    exp.CTE: without_materialized,
    exp.Count: _counted,
    exp.DenseRank: _counted,
    exp.EQ: compared_rows,
    exp.Escape: _like,
    exp.Explode: _unnest,
    exp.Filter: _counted,
    exp.GT: compared_rows,
    exp.IntDiv: _binary("intDiv"),
    exp.Join: _join,
    exp.LT: compared_rows,
    exp.Literal: _literal,
    exp.Log: lambda node: call("log2", node.expression),
    exp.LogicalOr: lambda node: exp.Max(this=node.this),
    exp.Lower: lambda node: call("lowerUTF8", node.this),
    exp.Neg: _negative,
    exp.PercentileCont: lambda node: exp.ParameterizedAgg(
        this="quantileExactInclusive", expressions=[node.expression], params=[node.this]
    ),
    exp.RowNumber: _counted,
    exp.Select: _select,
    exp.Sum: lambda node: huge_sum(node, exp.DataType.build("INT128")),
    exp.Window: _counted,
}
"""By node, what it becomes. Its own parts are rewritten already."""
