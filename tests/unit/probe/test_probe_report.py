"""The text of `nftui ctl`; tests/interop holds it against softflowctl's own."""

import re
import threading
from pathlib import Path

import pytest
from probe_packets import START, block_of, tcp, udp

from nftui.engine.clock import ManualClock
from nftui.engine.control import ControlServer, ask
from nftui.probe.commands import WORDS, Commands
from nftui.probe.probe import Probe, ProbeConfig
from nftui.probe.report import flows_text, timeouts_text
from nftui.probe.statistics import CaptureStatistics
from nftui.probe.timeouts import Timeouts


@pytest.fixture
def probe() -> Probe:
    clock = ManualClock(START * 1000)
    made = Probe(ProbeConfig(), [], live=True, started_ms=START * 1000, clock=clock)
    made.feed(block_of([tcp("10.0.0.1", "10.0.0.2", 1, 2, 3), udp("10.0.0.1", "10.0.0.2", 3, 4)], [START, START + 1.5]))
    return made


def commands(probe: Probe, left: list[bool] | None = None, debug: list[bool] | None = None) -> Commands:
    return Commands(probe, (left if left is not None else []).append, (debug if debug is not None else []).append)


def test_statistics_has_the_layout_of_softflowctl(probe: Probe) -> None:
    probe.captures = lambda: (CaptureStatistics("a", "capturing", 7, 1, 2), CaptureStatistics("b", "down", 1, 1, 1))
    probe.expire_all()
    text = commands(probe).answerers()["statistics"]()["text"]
    assert re.sub(r"^nftui\[\d+\]", "nftui[1]", text) == (
        "nftui[1]: Accumulated statistics since 2023-11-14T22:13:20 UTC:\n"
        "Number of active flows: 0\n"
        "Packets processed: 2\n"
        "Fragments: 0\n"
        "Ignored packets: 0 (0 non-IP, 0 too short)\n"
        "Flows expired: 2 (0 forced)\n"
        "Flows exported: 0 (0 records) in 0 packets (0 failures)\n"
        "Packets received by libpcap: 8\n"
        "Packets dropped by libpcap: 2\n"
        "Packets dropped by interface: 3\n"
        "\n"
        "Expired flow statistics:  minimum       average       maximum\n"
        "  Flow bytes:                  38            39            40\n"
        "  Flow packets:                 1             1             1\n"
        "  Duration:                  0.00s         0.00s         0.00s\n"
        "\n"
        "Expired flow reasons:\n"
        "       tcp =         0   tcp.rst =         0   tcp.fin =         0\n"
        "       udp =         0      icmp =         0   general =         0\n"
        "   maxlife =         0\n"
        "over 2 GiB =         0\n"
        "  maxflows =         0\n"
        "   flushed =         2\n"
        "\n"
        "Per-protocol statistics:     Octets      Packets   Avg Life    Max Life\n"
        "            tcp (6):             40            1       0.00s       0.00s\n"
        "           udp (17):             38            1       0.00s       0.00s\n"
    )


def test_dump_flows_shows_each_flow_and_its_end(probe: Probe) -> None:
    text = flows_text(probe.cache().entries, START + 100)
    assert text == (
        "ACTIVE seq:2 [10.0.0.1]:3 <> [10.0.0.2]:4 proto:17 octets>:38 packets>:1 octets<:0 packets<:0 "
        "start:2023-11-14T22:13:21.500 finish:2023-11-14T22:13:21.500 tcp>:00 tcp<:00 "
        "flowlabel>:00000000 flowlabel<:00000000 vlan>:0 vlan<:0 ether:00:00:00:00:00:00 <> 00:00:00:00:00:00\n"
        "EXPIRY EVENT for flow 2 in 201 seconds\n\n"
        "ACTIVE seq:1 [10.0.0.1]:1 <> [10.0.0.2]:2 proto:6 octets>:40 packets>:1 octets<:0 packets<:0 "
        "start:2023-11-14T22:13:20.000 finish:2023-11-14T22:13:20.000 tcp>:03 tcp<:00 "
        "flowlabel>:00000000 flowlabel<:00000000 vlan>:0 vlan<:0 ether:00:00:00:00:00:00 <> 00:00:00:00:00:00\n"
        "EXPIRY EVENT for flow 1 in 3500 seconds\n\n"
    )
    assert "EXPIRY EVENT for flow 2 now\n" in flows_text(probe.cache().entries, START + 302)


def test_the_cache_can_be_cut_and_says_how_much_there_is(probe: Probe) -> None:
    cache = probe.cache(1)
    assert (cache.total, [entry.sequence for entry in cache.entries]) == (2, [2])
    assert cache.entries[0].age_seconds(START * 1000 + 2500) == 1.0
    assert cache.entries[0].idle_seconds(START * 1000) == 0.0


def test_timeouts_are_listed_as_softflowctl_does() -> None:
    assert timeouts_text(Timeouts(udp=7)) == (
        "           TCP timeout: 3600s\n  TCP post-RST timeout: 120s\n  TCP post-FIN timeout: 300s\n"
        "           UDP timeout: 7s\n          ICMP timeout: 300s\n       General timeout: 3600s\n"
        "      Maximum lifetime: 604800s\n       Expiry interval: 60s\n"
    )
    assert timeouts_text(Timeouts(active=60)).endswith("        Active timeout: 60s\n")


def test_every_word_is_answered_and_does_what_it_says(probe: Probe) -> None:
    left: list[bool] = []
    debug: list[bool] = []
    answer = commands(probe, left, debug).answerers()
    assert set(answer) == set(WORDS)

    def said(word: str) -> str:
        return re.sub(r"^nftui\[\d+\]: ", "", answer[word]()["text"])

    assert said("stop-gather") == "Data collection stopped.\n"
    assert not probe.statistics().gathering
    probe.feed(block_of([udp("10.0.0.7", "10.0.0.2", 3, 4)]))
    assert said("start-gather") == "Data collection resumed.\n"
    assert len(probe.cache().entries) == 2
    assert said("send-template") == "Template will be sent at next flow export\n"
    assert (said("debug+"), said("debug-"), debug) == (
        "Debug level increased.\n", "Debug level decreased.\n", [True, False]
    )  # fmt: skip
    assert said("delete-all") == "Deleted 2 flows.\n"
    assert probe.statistics().expired == 0
    probe.feed(block_of([udp("10.0.0.7", "10.0.0.2", 3, 4)]))
    assert said("expire-all") == "Expired 1 flows.\n"
    assert probe.statistics().expired == 1
    assert said("help").startswith("Valid control words are:\n\tdebug+ debug- delete-all dump-flows exit expire-all\n")
    assert said("shutdown") == "Shutting down gracefully...\n"
    assert said("exit") == "Exiting now...\n"
    assert left == [True, False]
    assert answer["timeouts"]()["data"]["tcp.rst"] == 120
    assert answer["statistics"]()["data"]["reasons"]["flush"] == 1
    assert answer["dump-flows"]()["data"] == []


def test_debugging_tells_which_flows_end(probe: Probe) -> None:
    lines: list[str] = []
    probe.trace = lines.append
    probe.expire_all()
    assert lines == ["2 flows ended (flush 2), 2 records, 0 active"]


def test_answers_pass_the_control_socket(probe: Probe, tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "ctl", commands(probe).answerers())
    server.open()
    stopping = threading.Event()
    thread = threading.Thread(target=server.run, args=(stopping,))
    thread.start()
    try:
        for word in WORDS:
            assert set(ask(tmp_path / "ctl", word)) == {"text", "data"}, word
        assert ask(tmp_path / "ctl", "dump-flows")["data"] == []
        assert (tmp_path / "ctl").stat().st_mode & 0o777 == 0o600
    finally:
        stopping.set()
        thread.join()
        server.close()
