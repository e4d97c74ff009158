"""What a statement may be made of: nodes and functions that are known to mean the same in every engine.

Some mean so as they stand, some after the rewriting of `spark` and `clickhouse`. `docs/portable-sql.md` says what was
found to differ. Whatever is not listed here was not looked at, and is refused.
"""

from __future__ import annotations

from sqlglot import exp

from nftui.engine.query.portable.dialect import NotPortable

_STRUCTURE: set[type[exp.Expr]] = {
    exp.Select, exp.Union, exp.Subquery, exp.With, exp.CTE, exp.From, exp.Join, exp.Where, exp.Group, exp.GroupingSets,
    exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Window, exp.WindowSpec, exp.Filter, exp.Distinct,
    exp.Table, exp.TableAlias, exp.Identifier, exp.Column, exp.Star, exp.Alias, exp.Paren, exp.Tuple,
}  # fmt: skip
_VALUES: set[type[exp.Expr]] = {exp.Literal, exp.Null, exp.Boolean, exp.Cast, exp.DataType}
_OPERATORS: set[type[exp.Expr]] = {
    exp.And, exp.Or, exp.Not, exp.Is, exp.NullSafeEQ, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between,
    exp.In, exp.Like, exp.Escape, exp.Case, exp.If, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod,
    exp.BitwiseAnd, exp.BitwiseXor, exp.BitwiseLeftShift, exp.BitwiseRightShift,
}  # fmt: skip
_FUNCTIONS: set[type[exp.Expr]] = {
    # Of one row.
    exp.Abs, exp.Coalesce, exp.Floor, exp.Greatest, exp.Least, exp.Log, exp.Lower, exp.Nullif,
    # Of a group.
    exp.ArgMax, exp.BitwiseOrAgg, exp.Count, exp.Grouping, exp.LogicalOr, exp.Max, exp.Min, exp.Sum,
    # Of a window.
    exp.DenseRank, exp.Lag, exp.RowNumber,
    # Rows from a range of integers: UNNEST(RANGE(first, end)).
    exp.Explode, exp.GenerateSeries,
    # Named operations that have a text of their own in each engine.
    exp.ApproxDistinct, exp.PercentileCont,
}  # fmt: skip
NODES: frozenset[type[exp.Expr]] = frozenset(_STRUCTURE | _VALUES | _OPERATORS | _FUNCTIONS)
"""Nodes of a statement."""

NAMES = frozenset({"hash"})
"""Functions that sqlglot has no node for. A hash differs between engines: it may deal out and break ties, no more."""

_SELECT = {
    "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "with_", "windows",
    "distinct",
}  # fmt: skip
_JOINS = {("", ""), ("LEFT", ""), ("", "SEMI"), ("", "ANTI")}
_TYPES = {
    exp.DataType.Type.BIGINT, exp.DataType.Type.INT128, exp.DataType.Type.DOUBLE, exp.DataType.Type.INT,
    exp.DataType.Type.UINT, exp.DataType.Type.UTINYINT, exp.DataType.Type.USMALLINT, exp.DataType.Type.VARCHAR,
    exp.DataType.Type.TEXT, exp.DataType.Type.VARBINARY,
}  # fmt: skip


def check(tree: exp.Expr) -> None:
    """Raise NotPortable, with the name of the first thing that is not listed."""
    for node in tree.walk():
        problem = _problem(node)
        if problem:
            raise NotPortable(f"SQL that is not portable: {problem}")


def _problem(node: exp.Expr) -> str:
    """What is wrong with a node itself; empty if nothing is."""
    if type(node) is exp.Anonymous:
        return "" if node.name.lower() in NAMES else f"function {node.name}"
    if type(node) not in NODES:
        return f"{type(node).__name__} in {node.sql('duckdb')[:100]}"
    match node:
        case exp.Select():
            more = {name for name, value in node.args.items() if value} - _SELECT
            return f"SELECT with {', '.join(sorted(more))}" if more else ""
        case exp.Join():
            odd = node.args.get("using") or node.args.get("method")
            return f"{node.side} {node.kind} JOIN" if odd or (node.side, node.kind) not in _JOINS else ""
        case exp.DataType():
            return "" if node.this in _TYPES and not node.expressions else f"type {node.sql('duckdb')}"
        case exp.Log():
            return "" if node.expression and node.this.name == "2" else "a logarithm to another base than 2"
        case exp.Is():
            return "" if isinstance(node.expression, exp.Null) else f"IS {node.expression.sql('duckdb')}"
        case exp.Table():
            return "" if type(node.this) is exp.Identifier else f"{node.this.sql('duckdb')[:100]} as a relation"
        case exp.Star():
            return "* EXCEPT" if node.args.get("except_") else ""
        case exp.Explode():
            return "" if isinstance(node.this, exp.GenerateSeries) else "UNNEST of anything but a range"
        case exp.GenerateSeries():
            odd = not isinstance(node.parent, exp.Explode) or not node.args.get("is_end_exclusive")
            return "RANGE that is not unnested, or with a step" if odd or node.args.get("step") else ""
    return ""
