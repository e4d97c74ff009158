"""The finders: what they tell of, with which numbers, and what they keep quiet about."""

from __future__ import annotations

import random

import numpy as np
import pytest
from watch_flows import NOW_MS, made

from nftui.engine.query.mask import mask
from nftui.engine.watch.beacon import BeaconFinder
from nftui.engine.watch.finding import Finding
from nftui.engine.watch.flood import FloodFinder
from nftui.engine.watch.listed import Listed
from nftui.engine.watch.moment import Hashes, moment
from nftui.engine.watch.rules import parse_rule
from nftui.engine.watch.scan import ScanFinder
from nftui.engine.watch.service import ServiceFinder
from nftui.engine.watch.thresholds import Thresholds
from nftui.screens.filter_reader import FilterReader

READ = FilterReader()
STEP = 10_000


def behind(finding: Finding, batch) -> int:
    """Flows of a batch that the finding's filter selects."""
    return int(np.count_nonzero(mask(READ(finding.filter), batch)))


class TestScan:
    @staticmethod
    def find(batch, targets: int = 100, most: int = 1_000_000):
        return ScanFinder(Hashes(), targets, most).find(moment([batch], NOW_MS, 10))

    def test_many_hosts_on_one_port(self):
        scan = [{"dst": f"10.0.{i // 250}.{i % 250}", "dst_port": 22, "flags": 2, "packets": 1, "bytes": 60}
                for i in range(300)]  # fmt: skip
        batch = made({}, *scan)
        (found,) = self.find(batch)
        assert (found.kind, found.rule, found.subject) == ("scan", "hosts", "192.0.2.1 TCP port 22")
        assert found.summary == "192.0.2.1 tried TCP port 22 on 300 hosts in a minute"
        assert (found.flows, found.packets, found.bytes) == (300, 300, 18_000)
        assert dict(found.evidence)["hosts tried"] == "300, in 2 networks of 256"
        assert behind(found, batch) == 300

    def test_many_ports_of_one_host(self):
        scan = [{"dst_port": port, "flags": 2, "packets": 1, "bytes": 44} for port in range(1, 501)]
        batch = made(*scan, {"dst": "198.51.100.9"})
        (found,) = self.find(batch)
        assert found.summary == "192.0.2.1 tried 500 ports of 198.51.100.1 in a minute"
        assert dict(found.evidence)["ports tried"] == "500, from 1 to 500"
        assert behind(found, batch) == 500

    def test_a_scan_over_several_moments_adds_up_within_a_minute(self):
        finder = ScanFinder(Hashes(), 100, 1_000_000)
        counts = []
        for step in range(8):
            rows = [{"dst": f"10.0.{step}.{i}", "dst_port": 23, "flags": 2, "packets": 1} for i in range(30)]
            found = finder.find(moment([made(*rows)], NOW_MS + step * STEP, 10))
            counts.append([finding.flows for finding in found])
        assert counts == [[], [], [], [120], [150], [180], [180], [180]]

    def test_replies_and_use_are_no_scan(self):
        answers = [{"src": "10.0.0.9", "src_port": 53, "proto": 17, "dst_port": 1024 + i, "packets": 1}
                   for i in range(300)]  # fmt: skip
        refusals = [{"src": "10.0.0.8", "src_port": i, "dst_port": 40_000 + i, "flags": 0x14, "packets": 1}
                    for i in range(1, 301)]  # fmt: skip
        used = [{"dst": f"203.0.113.{i}", "flags": 0x1B, "packets": 12} for i in range(250)]
        assert self.find(made(*answers, *refusals, *used)) == []

    def test_a_resolver_whose_questions_are_answered_is_no_scan(self):
        ask = [{"src_port": 5000 + i, "dst": f"203.0.113.{i}", "dst_port": 53, "proto": 17, "packets": 1}
               for i in range(250)]  # fmt: skip
        told = [{"src": row["dst"], "dst": "192.0.2.1", "src_port": 53, "dst_port": row["src_port"], "proto": 17,
                 "packets": 1} for row in ask]  # fmt: skip
        assert self.find(made(*ask, *told)) == []
        assert [found.flows for found in self.find(made(*ask))] == [250]

    def test_more_tries_than_are_kept_leave_whole_sources_out(self):
        rows = [{"src": f"10.1.{s}.1", "dst": f"10.2.{s}.{i}", "dst_port": 80, "flags": 2, "packets": 1}
                for s in range(40) for i in range(120)]  # fmt: skip
        found = self.find(made(*rows), most=14_400)
        assert 0 < len(found) < 40
        assert {finding.flows for finding in found} == {120}

    def test_the_same_hosts_twice_count_once(self):
        rows = [{"dst": f"10.0.0.{i % 60}", "dst_port": 22, "flags": 2, "packets": 1} for i in range(600)]
        assert self.find(made(*rows)) == []


class TestFlood:
    @staticmethod
    def find(batch, least: int = 100):
        return FloodFinder(Hashes(), least).find(moment([batch], NOW_MS, 10))

    def test_openings_that_are_never_used(self):
        chance = random.Random(1)
        syn = [{"src": f"203.{i % 200}.{i // 200}.7", "src_port": chance.randrange(1024, 65535), "flags": 2,
                "packets": 1, "bytes": 40, "rate": 10} for i in range(2000)]  # fmt: skip
        batch = made({}, *syn)
        (found,) = self.find(batch)
        assert (found.rule, found.subject) == ("SYN flood", "198.51.100.1 port 443")
        assert (found.flows, found.packets, found.bytes) == (2000, 20_000, 800_000)
        evidence = dict(found.evidence)
        assert evidence["rate"] == "640 kbit/s, 2.00k pkt/s"
        assert evidence["sources"] == "2000, 2.00k flows in 10 s"
        assert evidence["octets a packet"] == "40 (100 %)"
        assert evidence["to port"] == "443 (100 %)"
        assert behind(found, batch) == 2000

    def test_answers_that_nobody_asked_for(self):
        rows = [{"src": f"203.0.113.{i}", "src_port": 123, "dst_port": 80, "proto": 17, "packets": 1000,
                 "bytes": 468_000} for i in range(40)]  # fmt: skip
        batch = made(*rows)
        (found,) = self.find(batch)
        assert found.summary == "198.51.100.1 gets 15.0 Mbit/s of large answers from UDP port 123"
        assert behind(found, batch) == 40

    def test_a_crowd_with_hardly_a_packet_each(self):
        rows = [{"src": f"203.{i % 250}.{i // 250}.7", "proto": 17, "dst_port": i % 60_000, "packets": 1, "bytes": 128}
                for i in range(3000)]  # fmt: skip
        batch = made(*rows)
        (found,) = self.find(batch)
        assert (found.rule, found.subject) == ("many sources", "198.51.100.1 UDP")
        assert "from 3000 sources" in found.summary
        assert behind(found, batch) == 3000

    def test_a_busy_server_is_not_flooded(self):
        rows = [{"src": f"203.{i % 250}.{i // 250}.7", "packets": 12, "flags": 0x1B} for i in range(3000)]
        assert self.find(made(*rows)) == []

    def test_fewer_than_the_limit_are_no_flood(self):
        rows = [{"src": f"203.0.{i % 250}.7", "flags": 2, "packets": 1} for i in range(999)]
        assert self.find(made(*rows)) == []
        assert len(self.find(made(*rows, rows[0]))) == 1

    def test_nothing_is_nothing(self):
        assert FloodFinder(Hashes(), 1).find(moment([], NOW_MS, 10)) == []


class TestBeacon:
    @staticmethod
    def run(calls: list[int], minutes: int = 30, **row: object):
        finder = BeaconFinder(Hashes(), 1_000_000)
        found: list[Finding] = []
        for now in range(NOW_MS, NOW_MS + minutes * 60_000, STEP):
            rows = [made({"start": start, **row}) for start in calls if now - STEP < start <= now]
            found = finder.find(moment(rows, now, 10)) or found
        return found

    def test_calls_at_the_same_interval(self):
        calls = [NOW_MS + i * 60_000 + (i % 3) * 400 for i in range(20)]
        (found,) = self.run(calls, bytes=300)
        assert found.subject == "192.0.2.1 198.51.100.1 TCP 443"
        assert found.summary == "192.0.2.1 calls 198.51.100.1 TCP port 443 every 60 s"
        assert dict(found.evidence)["calls"] == "20"
        assert dict(found.evidence)["octets a call"] == "300 to 300"
        assert found.first_ms == NOW_MS

    @pytest.mark.parametrize("octets", [127, 128, 40_000, 1 << 31, 1 << 40])
    def test_numbers_of_any_size_are_kept_as_they_are(self, octets: int):
        calls = [NOW_MS + i * 60_000 for i in range(20)]
        (found,) = self.run(calls, bytes=octets, dst="2001:db8:ffff:ffff::1", dst_port=33_000, src_port=60_000)
        assert dict(found.evidence)["octets a call"] == f"{octets} to {octets}"
        assert found.subject == "192.0.2.1 2001:db8:ffff:ffff::1 TCP 33000"

    def test_calls_at_any_time_are_none(self):
        chance = random.Random(3)
        assert self.run([NOW_MS + chance.randrange(30 * 60_000) for _ in range(25)]) == []

    def test_seven_calls_are_too_few(self):
        assert self.run([NOW_MS + i * 60_000 for i in range(7)]) == []
        assert len(self.run([NOW_MS + i * 60_000 for i in range(8)])) == 1

    def test_time_keeping_is_regular_by_design(self):
        calls = [NOW_MS + i * 64_000 for i in range(20)]
        assert self.run(calls, dst_port=123, proto=17, src_port=50_000) == []

    def test_memory_is_bounded_and_what_is_kept_stays_whole(self):
        finder = BeaconFinder(Hashes(), 2000)
        found = []
        for step in range(20):
            now = NOW_MS + step * 60_000
            rows = [{"src": f"10.0.{i // 250}.{i % 250}", "start": now} for i in range(400)]
            found = finder.find(moment([made(*rows)], now, 60))
        assert finder._kept <= 2000
        assert 0 < len(found) <= 100
        assert {dict(finding.evidence)["calls"] for finding in found} == {"20"}


class TestService:
    def test_what_is_learnt_first_is_not_told(self):
        finder = ServiceFinder(Hashes(), 60, 1000)
        answer = {"src": "10.0.0.5", "dst": "203.0.113.9", "src_port": 8080, "dst_port": 50_000, "flags": 0x1B}
        old = {**answer, "src_port": 80}
        assert finder.find(moment([made(old)], NOW_MS, 10)) == []
        assert finder.learning_ms == NOW_MS + 60_000
        (found,) = finder.find(moment([made(old, answer, answer)], NOW_MS + 60_000, 10))
        assert found.summary == "10.0.0.5 answers on TCP port 8080, where it did not before"
        assert dict(found.evidence) == {"first client": "203.0.113.9", "clients": "1"}
        assert finder.learning_ms == 0
        assert finder.find(moment([made(old, answer)], NOW_MS + 70_000, 10)) == []

    def test_services_outside_are_nobodys_business(self):
        finder = ServiceFinder(Hashes(), 0, 1000)
        row = {"src": "203.0.113.5", "src_port": 443, "dst_port": 50_000}
        assert finder.find(moment([made(row)], NOW_MS, 10)) == []
        inside = {"src": "fd00::5", "dst": "2001:db8::1", "src_port": 443, "dst_port": 50_000}
        assert [found.subject for found in finder.find(moment([made(inside)], NOW_MS, 10))] == ["fd00::5 TCP 443"]

    def test_when_no_more_can_be_remembered_none_is_told(self):
        finder = ServiceFinder(Hashes(), 0, 10)
        row = {"src": "10.0.0.5", "dst_port": 50_000}
        rows = [{**row, "src_port": port} for port in range(1, 12)]
        assert len(finder.find(moment([made(*rows)], NOW_MS, 10))) == 11
        assert finder.find(moment([made({**row, "src_port": 500})], NOW_MS, 10)) == []


class TestListed:
    def test_who_talks_to_a_listed_address(self, tmp_path):
        bad = tmp_path / "bad.txt"
        bad.write_text("203.0.113.0/24 botnet\n198.51.100.7 exact\n198.51.100.0/24 wide\nport 4444\nnonsense\n")
        listed = Listed([bad], Hashes())
        batch = made(
            {"dst": "198.51.100.7", "bytes": 100}, {"dst": "198.51.100.7", "src": "192.0.2.2", "bytes": 50},
            {"src": "203.0.113.4", "src_port": 443}, {"dst": "192.0.2.200"},
        )  # fmt: skip
        found = {finding.subject: finding for finding in listed.find([batch], NOW_MS)}
        assert found.keys() == {"198.51.100.7", "203.0.113.4", "198.51.100.1"}
        exact = found["198.51.100.7"]
        assert (exact.rule, exact.flows, exact.bytes) == ("exact", 2, 150)
        assert dict(exact.evidence)["listed as"] == "198.51.100.7, bad.txt line 2"
        assert dict(exact.evidence)["talks with"] == "192.0.2.1, 192.0.2.2"
        assert found["203.0.113.4"].rule == "botnet"
        assert behind(exact, batch) == 2
        assert listed.count == 3
        assert len(listed.problems) == 2
        assert "nonsense" in listed.problems[1]

    def test_a_list_that_changes_is_read_again_and_one_that_is_gone_is_told(self, tmp_path):
        bad = tmp_path / "bad.txt"
        bad.write_text("203.0.113.4\n")
        listed = Listed([bad], Hashes())
        batch = made({"dst": "203.0.113.5"})
        assert listed.find([batch], NOW_MS) == []
        bad.write_text("203.0.113.4\n203.0.113.5\n")
        assert listed.find([batch], NOW_MS + STEP) == []
        assert len(listed.find([batch], NOW_MS + 7 * STEP)) == 1
        bad.unlink()
        listed.find([batch], NOW_MS + 14 * STEP)
        assert listed.problems == (f"{bad}: No such file or directory",)

    def test_large_lists_and_ipv6(self, tmp_path):
        bad = tmp_path / "bad.csv"
        bad.write_text("ip,label\n" + "".join(f"2001:db8:0:{i:x}::/64,net {i}\n" for i in range(20_000)))
        listed = Listed([bad], Hashes())
        batch = made({"src": "2001:db8:0:4e1f::9", "dst": "2001:db8:1::1"}, {"src": "2001:db8:0:4e20::9"})
        (found,) = listed.find([batch], NOW_MS)
        assert (found.subject, found.rule) == ("2001:db8:0:4e1f::9", "net 19999")


class TestThresholds:
    @staticmethod
    def steps(text: str, amounts: list[int]):
        """Octets of a flow for each ten seconds; returns findings of each step."""
        rules = Thresholds([parse_rule("one", text, READ)])
        out = []
        for step, octets in enumerate(amounts):
            batch = made({"bytes": octets}, {"proto": 17, "bytes": 10**9})
            rules.measure([batch])
            out.append(rules.find(NOW_MS + step * STEP, 10))
        return rules, out

    def test_an_absolute_limit_on_the_average(self):
        million = 1_250_000  # octets in ten seconds: 1 Mbit/s
        rules, found = self.steps("tcp over 2 Mbit/s", [million, million, million, 5 * million, 5 * million, 0, 0, 0])
        assert [len(step) for step in found] == [0, 0, 0, 1, 1, 1, 0, 0]
        first, last = found[3][0], found[5][0]
        assert first.summary == "one: 2.33 Mbit/s is above 2.00 Mbit/s"
        assert last.summary == "one: 3.33 Mbit/s is above 2.00 Mbit/s"
        assert dict(last.evidence)["highest"] == "3.67 Mbit/s"
        assert (first.filter, first.subject, first.first_ms) == ("tcp", "tcp", NOW_MS + 3 * STEP - 30_000)
        assert last.bytes == 10 * million
        (state,) = rules.states
        assert (state.now, state.limit, state.broken) == (0.0, 2e6, False)

    def test_what_is_usual_is_learnt_first(self):
        _, found = self.steps("tcp over 3x usual for 10s", [1000] * 20 + [5000])
        assert [len(step) for step in found] == [0] * 21  # 200 s of the past are not enough
        _, found = self.steps("tcp over 3x usual for 10s", [1000] * 40 + [2999, 5000])
        assert [len(step) for step in found] == [0] * 41 + [1]
        evidence = dict(found[-1][0].evidence)
        assert evidence["usual"] == "839 bit/s"
        assert evidence["limit"] == "2.52 kbit/s, 3 times what is usual"

    def test_something_that_stopped(self):
        _, found = self.steps("tcp under 400 bit/s", [1000] * 5 + [0] * 3)
        assert [len(step) for step in found] == [0] * 6 + [1, 1]

    def test_sampled_traffic_counts_times_its_rate(self):
        rules = Thresholds([parse_rule("one", "any over 1 bit/s for 10s", READ)])
        rules.measure([made({"bytes": 100, "rate": 1000})])
        rules.find(NOW_MS, 10)
        assert rules.states[0].now == pytest.approx(100 * 8 * 1000 / 10)
