"""The watch as a whole: from batches to findings, with bounds, quiet filters and the user's command."""

from __future__ import annotations

import json
import sys
import threading
import time

import pytest
from watch_flows import NOW_MS, made

from nftui.config import WatchConfig
from nftui.engine.clock import ManualClock
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.watch.finding import Finding
from nftui.engine.watch.hook import FindingCommand
from nftui.engine.watch.known import Findings
from nftui.engine.watch.watcher import STEP_SECONDS, Watcher
from nftui.errors import ConfigError
from nftui.screens.filter_reader import FilterReader

SCAN = [{"dst": f"10.0.0.{i}", "dst_port": 22, "flags": 2, "packets": 1} for i in range(200)]


USUAL = WatchConfig()


def watcher(config: WatchConfig = USUAL, rules=None, limits: Limits = DEFAULT, tell=None):
    clock, ledger = ManualClock(NOW_MS), Ledger()
    return Watcher(config, rules or {}, FilterReader(), ledger, clock, limits, tell), clock, ledger


def test_a_finding_is_told_once_and_goes_on():
    told: list[Finding] = []
    watch, clock, ledger = watcher(tell=told.append)
    for _ in range(3):
        watch.add(made(*SCAN))
        clock.advance(STEP_SECONDS)
        watch.look()
    (found,) = watch.state().findings
    assert (found.first_ms, found.last_ms) == (NOW_MS, NOW_MS + 30_000)
    assert found.flows == 600
    assert [finding.identity for finding in told] == [found.identity]
    assert ledger.snapshot() == {"watch.findings": 1}


def test_a_muted_finding_is_not_told_again():
    watch, clock, _ = watcher()
    for _ in range(2):
        watch.add(made(*SCAN))
        clock.advance(STEP_SECONDS)
        watch.look()
        for finding in watch.state().findings:
            watch.mute(finding.identity)
    assert watch.state().findings == ()


def test_flows_of_quiet_filters_are_not_looked_at():
    watch, clock, _ = watcher(WatchConfig(quiet=("src ip 192.0.2.1",)))
    watch.add(made(*SCAN))
    watch.add(made(*[{**row, "src": "192.0.2.9"} for row in SCAN]))
    clock.advance(STEP_SECONDS)
    watch.look()
    assert [found.subject for found in watch.state().findings] == ["192.0.2.9 TCP port 22"]


def test_more_flows_than_are_kept_are_counted_and_rules_see_them_all():
    rules = {"all": "any over 1 pkt/s for 10s"}
    watch, clock, ledger = watcher(WatchConfig(findings=("flood",)), rules, Limits(watched_flows=250))
    for _ in range(3):
        watch.add(made(*SCAN))
    clock.advance(STEP_SECONDS)
    watch.look()
    assert ledger.snapshot()["watch.flows_skipped"] == 400
    assert {found.kind: found.flows for found in watch.state().findings} == {"threshold": 600}


def test_findings_are_bounded_and_the_longest_unseen_goes():
    findings = Findings(2)
    made_up = [Finding("list", "r", str(i), "", "", 0, i) for i in range(4)]
    assert findings.take(made_up[:2]) == (made_up[:2], 0)
    assert findings.take([made_up[0]]) == ([], 0)
    assert findings.take([made_up[2]]) == ([made_up[2]], 1)
    assert [found.subject for found in findings.latest()] == ["2", "0"]


def test_a_finding_that_comes_back_after_a_while_is_new():
    findings = Findings(10)
    first = Finding("list", "r", "s", "", "", 1, 1, flows=5)
    findings.take([first])
    again = Finding("list", "r", "s", "", "", 700_000, 700_000, flows=1)
    assert findings.take([again]) == ([again], 0)
    assert findings.latest() == (again,)


def test_nothing_but_rules_when_nothing_else_is_asked_for():
    watch, clock, _ = watcher(WatchConfig(findings=("none",)), {"ssh": "dst port 22 over 1 pkt/s for 10s"})
    watch.add(made(*SCAN))
    clock.advance(STEP_SECONDS)
    watch.look()
    assert [found.kind for found in watch.state().findings] == ["threshold"]
    (state,) = watch.state().rules
    assert (state.now, state.limit, state.broken) == (20.0, 1.0, True)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (WatchConfig(findings=("scans",)), "did you mean scan"),
        (WatchConfig(quiet=("port nonsense",)), "watch.quiet"),
        (WatchConfig(quiet=(" ",)), "quiet about everything"),
    ],
)
def test_a_bad_configuration_is_told(config, words):
    with pytest.raises(ConfigError) as caught:
        watcher(config)
    assert words in str(caught.value)


def _run(command: FindingCommand, ledger: Ledger, done) -> None:
    stopping = threading.Event()
    thread = threading.Thread(target=command.run, args=(stopping,))
    thread.start()
    end = time.monotonic() + 120
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    stopping.set()
    thread.join(120)
    assert not thread.is_alive()


def test_the_command_gets_the_finding_and_no_shell(tmp_path):
    out, ledger = tmp_path / "out", Ledger()
    program = f"import sys; open({str(out)!r}, 'w').write(sys.stdin.read())"
    command = FindingCommand(f'{sys.executable} -c "{program}"', ledger)
    finding = Finding("list", "$(touch /pwned); `id`", "s", "", "ip 1", 1, 2, evidence=(("a", "b"),))
    command.add(finding)
    _run(command, ledger, lambda: out.exists() and out.read_text().endswith("\n"))
    told = json.loads(out.read_text())
    assert (told["rule"], told["evidence"]) == ("$(touch /pwned); `id`", {"a": "b"})
    assert ledger.snapshot() == {"watch.commands.run": 1}


def test_a_command_that_fails_or_hangs_is_counted(tmp_path):
    ledger = Ledger()
    missing = FindingCommand(str(tmp_path / "nothing"), ledger)
    missing.add(Finding("list", "r", "s", "", "", 0, 0))
    _run(missing, ledger, lambda: "watch.commands.failed" in ledger.snapshot())
    assert ledger.snapshot()["watch.commands.failed"] == 1
    hanging = FindingCommand("sleep 600", Ledger())
    for _ in range(101):
        hanging.add(Finding("list", "r", "s", "", "", 0, 0))
    assert hanging._ledger.snapshot() == {"watch.commands.skipped": 1}
