"""How the screen of changes writes its columns and lines."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nftui.screens.columns import Display, table_columns
from nftui.text import compact, measured
from nftui.widgets.ribbon import Item, Role
from nftui.widgets.table_layout import Column, TableData, bar, plain_cell

if TYPE_CHECKING:
    from nftui.engine.history.changes import Changes

_SIGNS = {"new": "+", "gone": "-", "grown": "▲", "shrunk": "▼", "same": "="}
_ASCII_SIGNS = {**_SIGNS, "grown": "^", "shrunk": "v"}
_ROLES: dict[str, Role] = {"new": "good", "gone": "bad", "grown": "plain", "shrunk": "plain", "same": "dim"}
_COMPARED = 5
"""Columns of `Changes` behind those of the key."""

_WHOLE = 0.995
_FACTOR_FROM = 10.0


def change_columns(changes: Changes, display: Display) -> tuple[Column, ...]:
    """Columns of the key as in the tables, then what became of the group."""
    keys = table_columns(changes.columns[:-_COMPARED], display, decorated=False)
    factor = 0.125 if changes.measure == "rate" and not display.bits else 1.0
    amount = partial(_amount, factor=factor)
    return (
        *keys,
        Column("change", "Change", 8, partial(_change, ascii_only=display.ascii_only), role="dim", sortable=False),
        Column("now", "Now", 6, amount, "right", rank=2, sortable=False),
        Column("before", "Before", 6, amount, "right", rank=2, sortable=False),
        Column("difference", "Diff", 7, partial(_signed, factor=factor), "right", sortable=False),
        Column("growth", "By", 6, plain_cell, "right", rank=3, role="dim", sortable=False),
        Column("share", "%", 5, _percent, "right", rank=1, sortable=False),
        Column("weight", "", 8, partial(_bar, ascii_only=display.ascii_only), grow=40, rank=4, role="bar",
               sortable=False),
    )  # fmt: skip


def change_data(changes: Changes) -> TableData:
    """Rows, the largest contribution first."""
    values: dict[str, Any] = dict(changes.values)
    now, before = changes.values["now"], changes.values["before"]
    values["growth"] = [growth(float(n), float(b)) for n, b in zip(now, before, strict=True)]
    shares = changes.values["share"]
    top = max((float(share) for share in shares), default=0.0)
    values["weight"] = [float(share) / top if top > 0 else 0.0 for share in shares]
    return TableData(changes.keys, values)  # type: ignore[arg-type]


def growth(now: float, before: float) -> str:
    """How much more or less: `+25 %`, `-100 %`, `x12`; empty without anything before."""
    if not before:
        return ""
    if now >= before * _FACTOR_FROM:
        return f"x{compact(now / before)}"
    return f"{100 * (now - before) / before:+.0f} %"


def sums(changes: Changes, display: Display) -> tuple[list[Item], list[Item]]:
    """What passed in the range now, with how much more or less that is, and what passed before."""
    now, before = _total(changes, True), _total(changes, False)
    unit = _unit(changes.measure, display)
    factor = 0.125 if changes.measure == "rate" and not display.bits else 1.0
    by = growth(now, before)
    return (
        [*([Item(by, "accent")] if by else []), Item(measured(now * factor, unit), "strong")],
        [Item(measured(before * factor, unit), "strong")],
    )


def tallies(changes: Changes, display: Display) -> list[Item]:
    """How many groups of each kind there are, and what they make together."""
    signs = _ASCII_SIGNS if display.ascii_only else _SIGNS
    factor = 0.125 if changes.measure == "rate" and not display.bits else 1.0
    items = []
    for rank, (kind, tally) in enumerate(changes.tallies.items(), 1):
        total = f" {_signed(tally.difference, 0, factor)}" if tally.difference else ""
        items.append(Item(f"{signs[kind]} {tally.groups} {kind}{total}", _ROLES[kind], rank if kind == "same" else 0))
    return items


def gaps(changes: Changes) -> str:
    """What makes the comparison doubtful, empty if nothing does."""
    said = [
        f"{name} is {100 * covered:.0f} % covered" if covered > 0 else f"nothing was collected in {name}"
        for name, covered in (("the range now", changes.covered), ("the range before", changes.covered_then))
        if covered < _WHOLE
    ]
    words = f"{', '.join(said)}: new or gone may mean not seen" if said else ""
    cut = "" if changes.exact else "counters that were implausibly large are cut"
    return "; ".join(part for part in (words, cut) if part)


def _total(changes: Changes, now: bool) -> float:
    amount = (changes.now if now else changes.then).matched
    return {
        "rate": amount.bits_per_second, "packet_rate": amount.packets_per_second,
        "flow_rate": amount.flows_per_second,
    }[changes.measure]  # fmt: skip


def _unit(measure: str, display: Display) -> str:
    return {"rate": "bit/s" if display.bits else "B/s", "packet_rate": "packets/s", "flow_rate": "flows/s"}[measure]


def _amount(value: Any, width: int, factor: float) -> str:  # noqa: ARG001
    return compact(float(value) * factor) if value else "-"


def _signed(value: Any, width: int, factor: float) -> str:  # noqa: ARG001
    number = float(value) * factor
    return f"{'-' if number < 0 else '+'}{compact(abs(number))}" if number else "0"


def _percent(value: Any, width: int) -> str:  # noqa: ARG001
    return f"{float(value):.1f}"


def _change(value: Any, width: int, ascii_only: bool) -> str:  # noqa: ARG001
    return f"{(_ASCII_SIGNS if ascii_only else _SIGNS)[value]} {value}"


def _bar(value: Any, width: int, ascii_only: bool) -> str:
    return bar(float(value), width, ascii_only)
