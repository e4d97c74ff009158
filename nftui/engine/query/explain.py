"""What a filter means, in words and as SQL: `-X`."""

from __future__ import annotations

from nftui.engine.query import tree
from nftui.engine.query.filters import Filter
from nftui.engine.query.numbers import block_text
from nftui.engine.query.sql import compile_where
from nftui.engine.schema import FIELDS, Show
from nftui.text import mac, protocol, tcp_flag_names

_SHOWN = 8
_COMPUTED = {
    "duration": "duration in ms", "pps": "packets per second", "bps": "bits per second", "bpp": "bytes per packet",
    "port_code": "low byte of dst_port",
}  # fmt: skip


def explanation(filter: Filter, scaled: bool = True) -> str:  # noqa: A002 - named as everywhere
    """Several lines: the meaning as an indented outline, then the SQL condition."""
    where = compile_where(filter, scaled)
    lines = ["A flow passes if", *_outline(filter.tree, 1), "", "SQL:", f"  {where.text}"]
    lines += [f"  {table.name}: {len(table.keys)} networks and addresses" for table in where.tables]
    return "\n".join(lines)


def sentence(filter: Filter) -> str:  # noqa: A002 - named as everywhere
    """The meaning on one line: `proto = 6 (TCP) and (src_port = 443 or dst_port = 443)`."""
    return _words(filter.tree, inside=False)


def _words(node: tree.Node, inside: bool) -> str:
    match node:
        case tree.All(parts) | tree.Any(parts):
            joined = (" and " if isinstance(node, tree.All) else " or ").join(_words(part, True) for part in parts)
            return f"({joined})" if inside else joined
        case tree.Not(part):
            words = _words(part, True)
            return f"not {words}" if words.startswith("(") else f"not ({words})"
        case _:
            return _leaf(node)


def _outline(node: tree.Node, depth: int) -> list[str]:
    indent = "  " * depth
    match node:
        case tree.All(parts) | tree.Any(parts):
            word = "all of these hold:" if isinstance(node, tree.All) else "any of these holds:"
            return [indent + word, *(line for part in parts for line in _outline(part, depth + 1))]
        case tree.Not(part):
            if isinstance(part, tree.All | tree.Any | tree.Not):
                return [indent + "not:", *_outline(part, depth + 1)]
            return [f"{indent}not ({_leaf(part)})"]
        case _:
            return [indent + _leaf(node)]


def _leaf(node: tree.Node) -> str:
    match node:
        case tree.Always(value):
            return "always" if value else "never"
        case tree.Numbers(name, spans):
            return f"{_COMPUTED.get(name, name)} {_spans(name, spans)}"
        case tree.Addresses(field, blocks):
            listed = [block_text(block) for block in blocks[:_SHOWN]]
            more = f" and {len(blocks) - _SHOWN} more" if len(blocks) > _SHOWN else ""
            return f"{field} is {'in ' if len(blocks) > 1 else ''}{', '.join(listed)}{more}"
        case tree.Bits(field, mask, bits):
            return _bits(field, mask, bits)
        case tree.Text(field, pattern, how):
            verb = {
                tree.Match.EQUAL: "equals",
                tree.Match.PREFIX: "begins with",
                tree.Match.SUFFIX: "ends with",
                tree.Match.CONTAINS: "contains",
            }[how]
            return f"{field} {verb} {pattern!r}, in any case of letters"
        case tree.Ordered(field, other):
            return f"{field} <= {other}"
        case tree.Present(field):
            return f"{field} is known"
    raise AssertionError(node)


def _bits(field: str, mask: int, bits: int) -> str:
    if FIELDS[field].show is not Show.TCP_FLAGS:
        return f"{field} & 0x{mask:x} = 0x{bits:x}"
    names = tcp_flag_names(bits)
    return f"{field} has {names}" if mask == bits else f"{field} is exactly {names}"


def _spans(name: str, spans: tuple[tree.Span, ...]) -> str:
    if not spans:
        return "is impossible"
    if len(spans) == 1:
        low, high = spans[0]
        if low is None and high is None:
            return "is known"
        if low is None or high is None:
            return f"<= {_value(name, high)}" if low is None else f">= {_value(name, low)}"
        return f"= {_value(name, low)}" if low == high else f"from {_value(name, low)} to {_value(name, high)}"
    listed = []
    for low, high in spans[:_SHOWN]:
        first = "" if low is None else _value(name, low)
        last = "" if high is None else _value(name, high)
        listed.append(first if low == high else f"{first}..{last}")
    more = f" and {len(spans) - _SHOWN} more" if len(spans) > _SHOWN else ""
    return f"in {', '.join(listed)}{more}"


def _value(name: str, value: int | None) -> str:
    if value is None:
        return ""
    field = FIELDS.get(name)
    if field is not None and field.show is Show.PROTOCOL:
        return f"{value} ({protocol(value)})" if not protocol(value).isdigit() else str(value)
    if field is not None and field.show is Show.MAC:
        return mac(value)
    if field is not None and field.show is Show.ENUM and value in dict(field.names):
        return f"{value} ({dict(field.names)[value]})"
    return str(value)
