"""Promises about filters that are being typed: colours, offers, earlier ones, saved ones."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nftui import saved_filters
from nftui.engine.query.complete import complete
from nftui.engine.query.explain import sentence
from nftui.engine.query.highlight import parts
from nftui.engine.query.parser import Surroundings, parse_filter
from nftui.engine.query.seen import typed
from nftui.engine.query.words import PHRASES, Shape
from nftui.engine.schema import FIELDS, Show
from nftui.errors import FilterError
from nftui.screens.filter_history import FilterHistory
from nftui.text import clean
from nftui.widgets.filter_past import MOST, FilterPast

LANGUAGE = ["src", "ip", "10.0.0.1", "port", "80", "in", "[80 443]", "[80", "and", "or", "not", "!", "(", ")", "tcp",
            "bytes", ">", "10k", "flags", "S", "user", '"ann b"', "'x", "@web", "# c", "\n",
            "ttl", "equal"]  # fmt: skip

texts = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(LANGUAGE), max_size=12).map(" ".join),
    st.text(alphabet="srcip tp()[]\"'#!=<>@0189.:-/*\n\t", max_size=40),
)


@settings(max_examples=400)
@given(texts)
def test_coloured_parts_cover_any_text_exactly(text: str) -> None:
    found = parts(text)
    assert "".join(text[part.start : part.end] for part in found) == text
    assert all(part.start < part.end for part in found)
    assert all(text[part.start : part.end].isspace() for part in found if part.role == "blank")


SAMPLES = {
    Shape.NUMBER: "5", Shape.COUNT: "10k", Shape.PORT: "443", Shape.PROTOCOL: "tcp", Shape.DURATION: "1.5s",
    Shape.TIME: "-1h", Shape.STATE: "1", Shape.MAC: "00:11:22:33:44:55", Shape.ADDRESS: "10.0.0.1",
    Shape.NETWORK: "10.0.0.0/8", Shape.FLAGS: "SA", Shape.TEXT: "ann", Shape.INTERFACE: "3", Shape.ICMP_TYPE: "8",
    Shape.ICMP_CODE: "0", Shape.MPLS_LABEL: "16", Shape.MPLS_EXP: "3", Shape.MPLS_END: "16", Shape.LATENCY: "250us",
    Shape.DENIAL: "ingress",
}  # fmt: skip
"""A value for each kind of operand."""

VALUES: dict[Show, int | str] = {
    Show.ADDRESS: (0xFFFF << 32) + 7, Show.MAC: 17, Show.PROTOCOL: 6, Show.TEXT: "ann b", Show.PORT: 443,
}  # fmt: skip


def seen(fields: tuple[str, ...]) -> list[str]:
    """One value of the data, as `SeenValues` gives it."""
    if not all(name in FIELDS and FIELDS[name].groupable for name in fields):
        return []
    item = FIELDS[fields[0]]
    return [typed(item, item.names[0][0] if item.names else VALUES.get(item.show, 5))]


AROUND = Surroundings(saved={"web": "tcp port 80"})


def problem(text: str) -> FilterError | None:
    try:
        parse_filter(text, AROUND)
    except FilterError as error:
        return error
    return None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=9),
    st.sampled_from(["", "not ", "(", "tcp and ", "port 80 or "]),
)
def test_whoever_takes_what_is_offered_never_writes_something_wrong(choices: list[int], text: str) -> None:
    """After each offer the text is a filter, or only lacks what would come next."""
    for choice in choices:
        offered = [word for word in complete(text, len(text), seen, ["web"]).candidates if word != "@include"]
        if not offered:
            break
        text += offered[choice % len(offered)] + " "
        error = problem(text)
        if error is not None and not error.message.startswith("parenthesis"):
            assert error.position + error.length >= len(text.rstrip()), (text, str(error))
    while (error := problem(text)) is not None:
        if error.message.startswith("parenthesis"):
            text += ")"
            continue
        ahead = complete(text, len(text), seen).candidates
        words = text.strip("( ").split()
        word = PHRASES.get(tuple(words[-2:])) or PHRASES.get(tuple(words[-1:]))
        text += (SAMPLES[word.shape] if word and word.shape in SAMPLES else ahead[0] if ahead else "?") + " "
        assert len(text) < 500, text


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=30), st.text(max_size=20))
def test_history_is_clean_bounded_and_each_filter_stands_once(texts: list[str], last: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state" / "history"
        history = FilterHistory(path)
        for text in [*texts, last or "any"]:
            history.add(text)
        found = history.read()
        assert found == list(dict.fromkeys(found))
        assert all(text == clean(text, 4096).strip() and text for text in found)
        if clean(last).split():
            assert found[-1] == clean(" ".join(last.split()), 4096).strip()
        if path.exists():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_history_keeps_the_latest_five_hundred(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f"port {i}\n" for i in range(60_000)))
    history = FilterHistory(path)
    assert history.read() == [f"port {i}" for i in range(60_000 - MOST, 60_000)]
    history.add("port 59990")
    assert history.read()[-2:] == ["port 59999", "port 59990"]
    past = FilterPast()
    past.put(f"port {i}" for i in range(2000))
    past.add("tcp")
    assert (len(past), past.search("")[:2]) == (MOST, ["tcp", "port 1999"])


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"\A[\w.-]{1,12}\Z").filter(lambda n: n != "include"), st.text(max_size=40), max_size=5
    )
)
def test_saved_filters_come_back_as_they_were(filters: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "filters.toml"
        for name, text in filters.items():
            saved_filters.save(path, name, text)
        assert saved_filters.read(path) == {
            name: " ".join(clean(" ".join(text.split())).split()) for name, text in filters.items()
        }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tcp port 80 and not src net 10/8",
         "proto = 6 (TCP) and (src_port = 80 or dst_port = 80) and not (src_addr is 10.0.0.0/8)"),
        ("src port in [80 443] or flags S", "src_port in 80, 443 or (proto = 6 (TCP) and tcp_flags has SYN)"),
        ("not (tcp or udp)", "not (proto in 6 (TCP), 17 (UDP))"),
        ("any", "always"),
    ],
)  # fmt: skip
def test_a_filter_in_one_line_of_words(text: str, words: str) -> None:
    assert sentence(parse_filter(text)) == words
