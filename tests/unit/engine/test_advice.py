"""Advice in words: each rule speaks when it should, says the numbers, and is silent otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nftui.engine.advice import Advice, Case, advise, advise_refused
from nftui.engine.decode.status import (
    ExporterStatus,
    InterfaceStatus,
    MissingTemplate,
    NumberingStatus,
    RejectedDatagram,
    SamplingChange,
    SamplingStatus,
    TemplateStatus,
)
from nftui.engine.ingest.allow import Refused
from nftui.engine.losses import Losses
from nftui.engine.minutes import Minutes

NOW = 1_790_000_000_000
CALM = ExporterStatus(
    "192.0.2.1", 2055, (9,), ((9, 0),), (), 0, (SamplingStatus(0, None, 100, "options"),), NOW, 20,
    {"datagrams.received": 900, "flows.in": 27_000}, 15_000, (NumberingStatus(9, 0, "datagrams", True),),
)  # fmt: skip


def case(exporter: ExporterStatus = CALM, mine: dict[str, Any] | None = None, here: dict[str, Any] | None = None,
         **more: Any) -> Case:  # fmt: skip
    def minutes(figures: dict[str, Any] | None) -> Minutes:
        return Minutes(0, {name: tuple(amounts) for name, amounts in (figures or {}).items()})

    return Case(exporter, Losses(minutes(mine), minutes(here)), now_ms=NOW, **more)


def only(found: list[Advice], rule: str) -> Advice:
    assert [advice.rule for advice in found] == [rule]
    return found[0]


def test_an_exporter_without_trouble_gets_none() -> None:
    assert advise(case(mine={"lost": [0] * 20, "datagrams": [9] * 20}, here={"kernel": [0] * 20})) == []


def test_kernel_drops_name_the_buffer() -> None:
    advice = only(advise(case(here={"kernel": [0, 70]}, settings={"collector.receive_buffer": "100000000"})), "kernel")
    assert advice.level == "bad"
    assert "dropped 70 datagrams of all exporters" in advice.text
    assert advice.remedy == "sysctl -w net.core.rmem_max=200000000 ; nftui collect -B 200000000"
    assert "rmem_max=134217728" in advise(case(here={"kernel": [1]}))[0].remedy, "and 128 MiB for who asked for less"


def test_what_happened_long_ago_is_not_advice() -> None:
    assert advise(case(mine={"lost": [5] + [0] * 10}, here={"kernel": [9] + [0] * 10})) == []


def test_losses_are_blamed_on_the_kernel_the_limit_or_the_way() -> None:
    assert [a.rule for a in advise(case(mine={"lost": [4]}, here={"kernel": [4]}))] == ["kernel", "lost"]
    assert "look there first" in advise(case(mine={"lost": [4]}, here={"kernel": [4]}))[1].text
    assert only(advise(case(mine={"lost": [4]}, here={"over rate": [4]})), "lost").remedy.endswith("--rate-limit 0")
    way = only(advise(case(mine={"lost": [1234], "reordered": [6]})), "lost")
    assert way.text.startswith("1,234 are missing")
    assert "6 came late" in way.text


def test_oversize_datagrams() -> None:
    assert "MTU" in only(advise(case(here={"oversize": [2]})), "oversize").remedy


def test_a_missing_template_names_the_refresh() -> None:
    waiting = replace(CALM, missing=(MissingTemplate(9, 7, 300, 12), MissingTemplate(9, 7, 301, 1)))
    advice = only(advise(case(waiting)), "missing")
    assert (advice.level, "13 data sets wait" in advice.text, "300 of domain 7" in advice.text) == ("warn", True, True)
    assert "template refresh of 60 seconds" in advice.remedy
    gone = replace(waiting, counts={"sets.waiting_expired": 40})
    assert only(advise(case(gone)), "missing").level == "bad"
    assert "40 data sets were given up" in only(advise(case(replace(gone, missing=()))), "missing").text


@pytest.mark.parametrize(
    ("skew", "words"),
    [(-90_000, "90.0 s behind ours"), (3_600_400, "1 h ahead of ours, as if it took local time for UTC"),
     (-7_200_000, "2 h behind ours"), (2500, "2.5 s ahead")],
)  # fmt: skip
def test_a_clock_that_is_wrong_needs_ntp(skew: int, words: str) -> None:
    advice = only(advise(case(replace(CALM, clock_skew_ms=skew))), "skew")
    assert words in advice.text
    assert "NTP" in advice.remedy


def test_flows_that_come_late() -> None:
    assert "1,800 s after they end" in only(advise(case(replace(CALM, export_delay_ms=1_800_000))), "delay").text
    assert advise(case(replace(CALM, export_delay_ms=-1))) == []


def test_a_sampler_without_a_rate() -> None:
    template = TemplateStatus(9, 4, 256, 2, False, NOW, NOW, numbers=((0, 8), (0, 48)))
    advice = only(advise(case(replace(CALM, templates=(template,)))), "sampling")
    assert (advice.level, "domain 4" in advice.text) == ("bad", True)
    assert advice.remedy.startswith("nftui collect -s 192.0.2.1=RATE")
    known = (SamplingStatus(4, 3, 100, "options"),)
    assert advise(case(replace(CALM, templates=(template,), sampling=known))) == []
    assert advise(case(replace(CALM, templates=(template,), sampling=(SamplingStatus(0, None, 9, "config"),)))) == []


def test_rates_that_change_all_the_time() -> None:
    changes = tuple(SamplingChange(NOW, 0, 1, None, 100 + n, 101 + n) for n in range(6))
    assert "from 1:105 to 1:106" in only(advise(case(replace(CALM, rate_changes=changes))), "rates").text
    assert advise(case(replace(CALM, rate_changes=changes[:5]))) == []


def test_contested_templates() -> None:
    template = TemplateStatus(9, 0, 260, 2, False, NOW, NOW, contested=3)
    assert "Template 260 changes back" in only(advise(case(replace(CALM, templates=(template,)))), "contested").text


@pytest.mark.parametrize(
    ("item", "words", "level"),
    [(NumberingStatus(10, 5, "datagrams", False), "domain 5 count datagrams", "note"),
     (NumberingStatus(10, 5, "nothing", False), "cannot be seen", "warn"),
     (NumberingStatus(10, 5, "records", True, False, 12), "12 datagrams", "note")],
)  # fmt: skip
def test_numbers_that_count_something_else(item: NumberingStatus, words: str, level: str) -> None:
    advice = only(advise(case(replace(CALM, numbering=(item,)))), "numbering")
    assert (words in advice.text, advice.level) == (True, level)


def test_datagrams_that_come_twice() -> None:
    assert only(advise(case(mine={"duplicates": [50], "datagrams": [100]})), "duplicates").level == "warn"
    assert advise(case(mine={"duplicates": [1], "datagrams": [1000]})) == []


def test_restarts() -> None:
    assert "began anew 3 times" in only(advise(case(mine={"restarts": [1, 2]})), "restarts").text
    assert advise(case(mine={"restarts": [1]})) == []


def test_rejected_datagrams_say_why() -> None:
    exporter = replace(CALM, counts={"datagrams.rejected.version": 7, "templates.rejected.id": 2})
    kept = [RejectedDatagram(NOW, "192.0.2.1", 1, "datagrams.rejected.version", 3, "000063")]
    first, second = advise(case(exporter, rejected=kept))
    assert first.text.startswith("7 of its datagrams are none of NetFlow")
    assert first.text.endswith("in the section `rejected`.")
    assert "announce a template that cannot be" in second.text


def test_an_interface_above_its_speed() -> None:
    port = InterfaceStatus(3, "ae0", 6, 10**9, 1, True, True, 1, NOW, in_bits_per_second=2 * 10**9)
    advice = only(advise(case(replace(CALM, interfaces=(port,)))), "speed")
    assert "Interface 3 ae0 carries 2.00 Gbit/s by its counters and is said to have 1.00 Gbit/s" in advice.text
    full = replace(port, in_bits_per_second=950_000_000)
    assert only(advise(case(replace(CALM, interfaces=(full,)))), "speed").text == "Interface 3 ae0 is 95 % full."
    assert advise(case(replace(CALM, interfaces=(replace(port, speed=0),)))) == [], "an unknown speed is no speed of 0"


def test_silence() -> None:
    assert only(advise(case(replace(CALM, last_seen_ms=NOW - 300_000))), "silent").text == "Nothing came for 5 minutes."


def test_elements_without_a_name() -> None:
    assert "such as 999.7" in only(advise(case(replace(CALM, unnamed=("999.7", "999.8")))), "elements").text


def test_a_refused_sender_is_told_how_to_come_in() -> None:
    advice = advise_refused(Refused("203.0.113.9", 1500, NOW))
    assert "1,500 datagrams" in advice.text
    assert advice.remedy == "nftui --allow 203.0.113.9"


def test_the_worst_comes_first() -> None:
    exporter = replace(CALM, unnamed=("1.1",), clock_skew_ms=9000)
    levels = [advice.level for advice in advise(case(exporter, here={"kernel": [1]}))]
    assert levels == ["bad", "warn", "note"]
