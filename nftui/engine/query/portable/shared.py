"""Rewritings that more than one engine needs."""

from __future__ import annotations

from sqlglot import exp

HUGE_DIGITS = 38


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A function by the name that the engine knows it by."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def huge_sum(node: exp.Expr, huge: exp.DataType) -> exp.Expr:
    """A sum of 128 bits, as DuckDB's of whole numbers is: others would wrap round or fail at 64."""
    return exp.Sum(this=exp.Cast(this=node.this, to=huge))


def without_materialized(node: exp.Expr) -> exp.Expr:
    """A common table expression without the advice to compute it once."""
    node.set("materialized", None)
    return node


def compared_rows(node: exp.Expr) -> exp.Expr:
    """Rows compared column by column, the first difference deciding: `(a, b) < (c, d)` and `=`."""
    one, other = node.this, node.expression
    if not isinstance(one, exp.Tuple) or not isinstance(other, exp.Tuple):
        return node
    pairs = list(zip(one.expressions, other.expressions, strict=True))
    if isinstance(node, exp.EQ):
        return exp.Paren(this=exp.and_(*(exp.EQ(this=a.copy(), expression=b.copy()) for a, b in pairs)))
    # Not one within the other: each bracket takes a level of Python's stack, and keys may have twenty columns.
    same = [exp.EQ(this=a, expression=b) for a, b in pairs]
    differ = [type(node)(this=a, expression=b) for a, b in pairs]
    branches = [exp.and_(*same[:place], one_differs) for place, one_differs in enumerate(differ)]
    first, second = pairs[0]
    or_equal = exp.LTE if isinstance(node, exp.LT) else exp.GTE
    return exp.Paren(this=exp.and_(or_equal(this=first.copy(), expression=second.copy()), exp.or_(*branches)))


def plain_tuple_select(node: exp.Expr) -> exp.Expr:
    """`SELECT (high, low)` of a look-up with several columns as `SELECT high, low`."""
    if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Tuple) and node.find_ancestor(exp.In):
        node.set("expressions", node.expressions[0].expressions)
    return node
