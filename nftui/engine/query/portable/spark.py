"""What Spark 4 wants otherwise, under ANSI rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

from nftui.engine.query.portable.shared import (
    HUGE_DIGITS,
    call,
    compared_rows,
    huge_sum,
    plain_tuple_select,
    without_materialized,
)

_WHOLE = 2**52
"""From here on a double is a whole number."""

_TYPES = {
    exp.DataType.Type.UTINYINT: "SMALLINT",
    exp.DataType.Type.USMALLINT: "INT",
    exp.DataType.Type.UINT: "BIGINT",
    exp.DataType.Type.VARCHAR: "STRING",
    exp.DataType.Type.TEXT: "STRING",
    exp.DataType.Type.VARBINARY: "BINARY",
}


def _huge() -> exp.DataType:
    return exp.DataType.build(f"DECIMAL({HUGE_DIGITS}, 0)", dialect="spark")


def _type(node: exp.Expr) -> exp.Expr:
    """Unsigned integers as the next wider signed ones, which Parquet files are read as, too."""
    if node.this is exp.DataType.Type.INT128:
        return _huge()
    name = _TYPES.get(node.this)
    return exp.DataType.build(name, dialect="spark") if name else node


def _literal(node: exp.Expr) -> exp.Expr:
    """Numbers with a fraction as doubles: without a mark they are decimals."""
    if node.is_string or node.is_int:
        return node
    return exp.Cast(this=exp.Literal.string(node.name), to=exp.DataType.build("DOUBLE"))


def _floor(node: exp.Expr) -> exp.Expr:
    """Spark's gives a BIGINT and cuts what is larger; a double of 2^52 or more is its own floor."""
    value = node.this
    small = exp.LT(this=call("ABS", value.copy()), expression=_literal(exp.Literal.number(f"{_WHOLE}.0")))
    floor = exp.Cast(this=call("FLOOR", value.copy()), to=exp.DataType.build("DOUBLE"))
    return exp.Case(ifs=[exp.If(this=small, true=floor)], default=value.copy())


def _unnest(node: exp.Expr) -> exp.Expr:
    """Spark's sequences hold their end, and run backwards where it lies before the start."""
    first, end = node.this.args["start"], node.this.args["end"]
    last = exp.Sub(this=exp.Paren(this=end.copy()), expression=exp.Literal.number(1))
    some = exp.LT(this=first.copy(), expression=exp.Paren(this=end.copy()))
    return call("EXPLODE", call("IF", some, call("SEQUENCE", first.copy(), last), call("ARRAY")))


def _star(node: exp.Expr) -> exp.Expr:
    """`* REPLACE (x AS a)` as `* EXCEPT (a), x AS a`: columns of a subquery are known by their names."""
    replaced = node.args.get("replace")
    if not replaced:
        return node
    select = node.parent
    assert isinstance(select, exp.Select)
    names = [exp.to_identifier(alias.alias) for alias in replaced]
    node.set("replace", None)
    node.set("except_", names)
    select.set("expressions", [*select.expressions, *replaced])
    return node


def _grouping(node: exp.Expr) -> exp.Expr:
    """A bit for each column; Spark's GROUPING takes one, and its GROUPING_ID all of them in their own order."""
    bits = [
        exp.Mul(
            this=exp.Cast(this=call("GROUPING", column), to=exp.DataType.build("BIGINT")),
            expression=exp.Literal.number(1 << place),
        )
        for place, column in enumerate(reversed(node.expressions))
    ]
    out: exp.Expr = bits[0]
    for bit in bits[1:]:
        out = exp.Add(this=out, expression=bit)
    return exp.Paren(this=out)


def _arg_max(node: exp.Expr) -> exp.Expr:
    """DuckDB passes over rows in which what is wanted is NULL."""
    there = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null()))
    return exp.Filter(this=call("MAX_BY", node.this, node.expression), expression=exp.Where(this=there))


def _hash(node: exp.Expr) -> exp.Expr:
    """The 64 bits of a hash, signed."""
    return call("XXHASH64", *node.expressions) if node.name.lower() == "hash" else node


RULES: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Anonymous: _hash,
    exp.ApproxDistinct: lambda node: call("APPROX_COUNT_DISTINCT", node.this),
    exp.ArgMax: _arg_max,
    exp.CTE: without_materialized,
    exp.DataType: _type,
    exp.EQ: compared_rows,
    exp.Explode: _unnest,
    exp.Floor: _floor,
    exp.GT: compared_rows,
    exp.Grouping: _grouping,
    exp.LT: compared_rows,
    exp.Literal: _literal,
    exp.Log: lambda node: call("LOG2", node.expression),
    exp.PercentileCont: lambda node: call("PERCENTILE", node.this, node.expression),
    exp.Select: plain_tuple_select,
    exp.Star: _star,
    exp.Sum: lambda node: huge_sum(node, _huge()),
}
"""By node, what it becomes. Its own parts are rewritten already."""


def own_names(tree: exp.Expr) -> exp.Expr:
    """The statement with another name for each common table expression.

    They are moved to its beginning, where two of one name, from a relation that is read twice, cannot stand.
    """
    inner_first = sorted(tree.find_all(exp.With), key=lambda steps: steps.depth, reverse=True)
    for number, steps in enumerate(inner_first):
        reader = steps.parent
        assert reader is not None
        before: set[int] = set()  # what a step and those before it read is not the step itself
        for step in steps.expressions:
            before.update(id(table) for table in step.find_all(exp.Table))
            old, columns = step.alias, step.args["alias"].args.get("columns")
            own = exp.to_identifier(f"{old}_{number}")
            for table in reader.find_all(exp.Table):
                if table.name == old and id(table) not in before:
                    if not table.alias:
                        table.set("alias", exp.TableAlias(this=exp.to_identifier(old)))
                    table.set("this", own.copy())
            step.set("alias", exp.TableAlias(this=own, columns=columns))
    return tree
