"""Columns, bars and charts: what fits where."""

from __future__ import annotations

import numpy as np
import pytest

from nftui.errors import FilterError
from nftui.screens.columns import middle_cut
from nftui.screens.drill import cell_term, combine, row_filter
from nftui.screens.navigation import Place, Trail
from nftui.screens.pace import Pace
from nftui.widgets.chart_cells import block_cells, letter_cells, nice_top
from nftui.widgets.empty_state import recipes, target_of
from nftui.widgets.filter_bar import problem_line
from nftui.widgets.table_layout import Column, arrange, bar, fit


def column(name: str, width: int, rank: int = 0, grow: int = 0, role: str = "number") -> Column:
    return Column(name, name, width, lambda value, _: str(value), grow=grow, rank=rank, role=role)  # type: ignore[arg-type]


COLUMNS = (column("host", 10, grow=6, role="key"), column("rate", 6, rank=1), column("tx", 6, rank=2),
           column("rx", 6, rank=2), column("bar", 4, rank=3, grow=50, role="bar"))  # fmt: skip


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, ["host", "rate", "tx", "rx", "bar"]),
        (40, ["host", "rate", "tx", "rx", "bar"]),
        (39, ["host", "rate", "tx", "rx"]),
        (34, ["host", "rate", "tx", "rx"]),
        (33, ["host", "rate"]),
        (17, ["host"]),
        (5, ["host"]),
    ],
)
def test_columns_leave_by_rank_equals_together(width: int, shown: list[str]):
    places = arrange(COLUMNS, width)
    assert [place.column.name for place in places] == shown
    assert places[-1].start + places[-1].width <= max(width, 1) + 1


def test_parts_of_a_key_leave_one_by_one_from_the_right():
    ends = (column("proto", 5, role="key"), column("src", 17, role="key"), column("dst", 17, role="key"))
    assert [p.column.name for p in arrange(ends, 38)] == ["proto", "src"]
    assert [p.column.name for p in arrange(ends, 12)] == ["proto"]


def test_forced_column_stays_longer():
    assert [p.column.name for p in arrange(COLUMNS, 20, frozenset({"tx"}))] == ["host", "tx"]


def test_room_goes_to_keys_first_then_to_the_bar():
    assert {p.column.name: p.width for p in arrange(COLUMNS, 46)} == {
        "host": 16, "rate": 6, "tx": 6, "rx": 6, "bar": 4,
    }  # fmt: skip
    assert {p.column.name: p.width for p in arrange(COLUMNS, 60)}["bar"] == 18


@pytest.mark.parametrize(
    ("text", "width", "align", "fitted"),
    [
        ("abc", 5, "left", "abc  "),
        ("abc", 5, "right", "  abc"),
        ("abcdef", 4, "left", "abc…"),
        ("字字字", 4, "left", "字 …"),
        ("字", 4, "right", "  字"),
        ("a\x1b[2Jb", 6, "left", "a[2Jb "),
    ],
)
def test_fit_is_exact_in_cells_and_harmless(text: str, width: int, align: str, fitted: str):
    assert fit(text, width, align) == fitted


def test_bars():
    assert bar(0.5, 8) == "━━━━"
    assert bar(1.0, 4) == "━━━━"
    assert bar(0.05, 10) == "╸"
    assert bar(0, 10) == ""
    assert bar(0.5, 8, ascii_only=True) == "===="


def test_middle_cut_keeps_both_ends():
    assert middle_cut("2001:db8:ffff:eeee:dddd:cccc:bbbb:aaaa", 15) == "2001:db..b:aaaa"
    assert middle_cut("192.0.2.1", 15) == "192.0.2.1"


def test_chart_of_two_series_is_exact_to_an_eighth():
    values = np.array([[8.0, 4.0, 0.0], [8.0, 1.0, 0.0]])
    assert block_cells(values, 2, 16.0) == [
        [("█", 1, -1), ("  ", -1, -1)],
        [("█▅", 0, -1), (" ", -1, -1)],
    ]
    full = block_cells(np.array([[3.0], [5.0]]), 1, 8.0)
    assert full == [[("▃", 0, 1)]]  # three eighths of the first series before the second


def test_smallest_value_is_still_seen():
    assert block_cells(np.array([[0.001]]), 4, 1000.0)[3] == [("▁", 0, -1)]


def test_ascii_chart_has_a_letter_for_each_series():
    lines = letter_cells(np.array([[2.0], [1.0]]), 3, 3.0)
    assert [line[0][0] for line in lines] == ["=", "#", "#"]


@pytest.mark.parametrize(("peak", "top"), [(0, 1), (1, 1), (1.2, 1.5), (9.1e8, 1e9), (4.1e6, 5e6), (1e9, 1e9)])
def test_scale_is_round(peak: float, top: float):
    assert nice_top(peak) == pytest.approx(top)


@pytest.mark.parametrize(
    ("column_name", "value", "term"),
    [
        ("addr", "192.0.2.1", "ip 192.0.2.1"),
        ("src_addr", "2001:db8::1", "src ip 2001:db8::1"),
        ("proto", "TCP", "proto TCP"),
        ("sampler_address", "192.0.2.9", "exporter ip 192.0.2.9"),
        ("addr", "-", None),
        ("rate", 5.0, None),
    ],
)
def test_cell_terms(column_name: str, value: object, term: str | None):
    assert cell_term(column_name, value) == term


def test_row_filters_parse_and_narrow():
    from nftui.engine.query.parser import parse_filter

    row = {"proto": "TCP", "src_addr": "10.0.0.1", "src_port": "5", "dst_addr": "2001:db8::1", "dst_port": "443"}
    text = row_filter("flow", row.get)
    assert text == "proto TCP and src ip 10.0.0.1 and src port 5 and dst ip 2001:db8::1 and dst port 443"
    for combined in (
        combine("", text), combine("port 1 or port 2", "ip 10.0.0.1"), combine("port 1", "ip 10.0.0.1", exclude=True),
        combine("port 1 or port 2", "a and b", exclude=True).replace("a and b", "port 3 and port 4"),
    ):  # fmt: skip
        parse_filter(combined)
    assert combine("port 1 or port 2", "ip 10.0.0.1") == "(port 1 or port 2) and ip 10.0.0.1"
    assert combine("port 1 and ip 10.0.0.1", "ip 10.0.0.1") == "port 1 and ip 10.0.0.1"
    assert combine("", "port 1", exclude=True) == "not port 1"


def test_trail_goes_back_the_way_it_came():
    trail = Trail(Place("host"))
    trail.change(cursor=7)
    trail.enter(Place("flows", "ip 10.0.0.1", crumb="10.0.0.1"))
    assert trail.crumbs() == "hosts > 10.0.0.1 > latest"
    assert trail.back()
    assert trail.place == Place("host", cursor=7)
    assert not trail.back()


def test_pace_halves_while_output_waits_and_recovers():
    pace = Pace()
    assert pace.interval == 0.5
    assert not pace.tick(3)
    assert pace.interval == 0.5
    assert not pace.tick(1)
    assert pace.interval == 1.0
    assert not pace.tick(1)
    assert pace.interval == 2.0
    for _ in range(20):
        assert pace.tick(0)
    assert pace.interval == 0.5


def test_problem_line_points_at_the_place():
    error = FilterError("unknown word 'prot'", "port 5 and prot", 11, 4, ("proto",), "proto")
    line = problem_line(error, 8, 80)
    assert line == " " * 19 + "^^^^ unknown word 'prot' - did you mean proto?"
    narrow = problem_line(error, 8, 50)
    assert narrow[19:23] == "^^^^"
    assert len(narrow) <= 50


@pytest.mark.parametrize(
    ("listen", "target"),
    [
        ("[::]:2055", ("192.0.2.10", 2055)),
        ("0.0.0.0:9995", ("192.0.2.10", 9995)),
        ("127.0.0.1:4739", ("127.0.0.1", 4739)),
        ("[2001:db8::5]:2055", ("2001:db8::5", 2055)),
    ],
)
def test_recipes_aim_where_it_listens(listen: str, target: tuple[str, int]):
    assert target_of(listen, "192.0.2.10") == target
    joined = f"[{target[0]}]:{target[1]}" if ":" in target[0] else f"{target[0]}:{target[1]}"
    assert recipes(*target)[0].lines == (f"softflowd -i eth0 -v 9 -n {joined}",)
