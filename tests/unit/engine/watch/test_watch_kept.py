"""What the watch knows outlives the program: services, calls and quiet findings; nothing else is believed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from watch_flows import NOW_MS, made

from nftui.config import WatchConfig
from nftui.engine.clock import ManualClock
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store.state_file import StateFile, json_pieces
from nftui.engine.watch.kept import NAME, QUIET_MS, decode, encode
from nftui.engine.watch.watcher import STEP_SECONDS, Watcher
from nftui.screens.filter_reader import FilterReader

DAY_MS = 86_400_000
SCAN = [{"dst": f"10.0.0.{i}", "dst_port": 22, "flags": 2, "packets": 1} for i in range(200)]


class Program:
    """A watch from a start to an end, over one store."""

    def __init__(self, root: Path, now_ms: int = NOW_MS, learn: int = 60, limits: Limits = DEFAULT) -> None:
        self.clock, self.ledger = ManualClock(now_ms), Ledger()
        file = StateFile(root, NAME, limits.watch_state_bytes, 0o600)
        config = WatchConfig(learn=learn)
        self.watch = Watcher(config, {}, FilterReader(), self.ledger, self.clock, limits, file=file)
        self.watch.recall()

    def see(self, *rows: dict[str, object], seconds: float = STEP_SECONDS) -> None:
        """Flows come, and some time passes."""
        self.watch.add(made(*rows, now_ms=self.clock.now_ms()))
        self.clock.advance(seconds)
        self.watch.look()

    def found(self, kind: str) -> list[str]:
        """Subjects of findings."""
        return [finding.subject for finding in self.watch.state().findings if finding.kind == kind]


def served(host: str, port: int) -> dict[str, object]:
    """A flow by which a host answers on a port."""
    return {"src": host, "src_port": port, "dst": "192.0.2.7", "dst_port": 50_000, "flags": 0x1B | 0x12}


def call(second: int) -> dict[str, object]:
    """A flow of a beacon."""
    return {"src": "10.0.0.5", "dst": "203.0.113.9", "dst_port": 8443, "start": NOW_MS + 1000 * second}


def test_services_are_known_after_a_restart_and_others_told_at_once(tmp_path: Path) -> None:
    first = Program(tmp_path)
    first.see(served("10.0.0.1", 22), served("10.0.0.2", 443), seconds=70)
    assert first.found("service") == []
    first.watch.save()
    second = Program(tmp_path, NOW_MS + 3_600_000)
    second.see(served("10.0.0.1", 22), served("10.0.0.2", 443), served("10.0.0.2", 8080))
    assert second.found("service") == ["10.0.0.2 TCP 8080"]
    assert second.watch.state().learning_ms == 0
    assert second.ledger.snapshot()["watch.restored"] == 2


def test_after_a_day_away_services_are_learnt_again_and_forgotten_after_thirty(tmp_path: Path) -> None:
    first = Program(tmp_path)
    first.see(served("10.0.0.1", 22), seconds=70)
    first.watch.save()
    away = Program(tmp_path, NOW_MS + 2 * DAY_MS)
    away.see(served("10.0.0.9", 22))
    assert away.found("service") == []
    assert away.watch.state().learning_ms > 0
    away.see(served("10.0.0.8", 22))
    away.see(served("10.0.0.1", 22), served("10.0.0.8", 22), served("10.0.0.7", 22), seconds=70)
    assert away.found("service") == ["10.0.0.7 TCP 22"]
    long_away = Program(tmp_path, NOW_MS + 31 * DAY_MS, learn=0)
    long_away.see(served("10.0.0.1", 22))
    assert long_away.found("service") == ["10.0.0.1 TCP 22"]


def test_a_service_that_is_still_seen_stays_known(tmp_path: Path) -> None:
    root = tmp_path
    for days in range(0, 80, 20):
        program = Program(root, NOW_MS + days * DAY_MS)
        program.see(served("10.0.0.1", 22), seconds=70)
        program.watch.save()
    document = json.loads((root / "_state" / NAME).read_bytes())
    assert document["services"]["port"] == [22]
    assert document["services"]["last_ms"] == [NOW_MS + 60 * DAY_MS + 70_000]


def test_calls_before_and_after_a_restart_are_one_beacon(tmp_path: Path) -> None:
    first = Program(tmp_path)
    for second in range(0, 300, 60):
        first.see(call(second), seconds=60)
    assert first.found("beacon") == []
    first.watch.save()
    second = Program(tmp_path, NOW_MS + 300_000)
    for second_ in range(300, 600, 60):
        second.see(call(second_), seconds=60)
    assert second.found("beacon") == ["10.0.0.5 203.0.113.9 TCP 8443"]
    [beacon] = [finding for finding in second.watch.state().findings if finding.kind == "beacon"]
    assert beacon.first_ms == NOW_MS


def test_calls_older_than_two_hours_are_forgotten(tmp_path: Path) -> None:
    first = Program(tmp_path)
    for second in range(0, 300, 60):
        first.see(call(second), seconds=60)
    first.watch.save()
    assert len(json.loads((tmp_path / "_state" / NAME).read_bytes())["calls"]["seen"]) == 5
    assert "watch.restored" not in Program(tmp_path, NOW_MS + 3 * 3_600_000).ledger.snapshot()


def test_a_quiet_finding_stays_quiet_for_ninety_days_or_until_all_are_told(tmp_path: Path) -> None:
    first = Program(tmp_path)
    first.see(*SCAN)
    [found] = first.watch.state().findings
    assert first.watch.mute(found.identity)
    first.watch.save()
    second = Program(tmp_path, NOW_MS + QUIET_MS - DAY_MS)
    second.see(*SCAN)
    assert second.found("scan") == []
    late = Program(tmp_path, NOW_MS + QUIET_MS + DAY_MS)
    late.see(*SCAN)
    assert late.found("scan") == [found.subject]
    assert second.watch.tell_all() == 1
    second.watch.save()
    third = Program(tmp_path)
    third.see(*SCAN)
    assert third.found("scan") == [found.subject]


def test_without_a_store_nothing_is_kept() -> None:
    watch = Watcher(WatchConfig(), {}, FilterReader(), Ledger(), ManualClock(NOW_MS))
    assert watch.mute(("scan", "scan", "10.0.0.1")) is False


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    Program(tmp_path).watch.save()
    assert stat.S_IMODE((tmp_path / "_state" / NAME).stat().st_mode) == 0o600


def saved(root: Path) -> Path:
    """The file of a watch that knows something of each kind."""
    program = Program(root)
    for second in range(0, 300, 60):
        program.see(served("10.0.0.1", 22), call(second), seconds=60)
    program.watch.mute(("scan", "many hosts", "10.0.0.9"))
    program.watch.save()
    return root / "_state" / NAME


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"",
        lambda raw: b"null",
        lambda raw: b"[1, 2]",
        lambda raw: raw.replace(b'"version":1', b'"version":2'),
        lambda raw: raw.replace(b'"port":[22]', b'"port":[22.0]'),
        lambda raw: raw.replace(b'"port":[22]', b'"port":[65536]'),
        lambda raw: raw.replace(b'"port":[22]', b'"port":[22,23]'),
        lambda raw: raw.replace(b'"port":[22]', b'"port":[%d]' % (1 << 70)),
        lambda raw: raw.replace(b'"port":[22]', b'"port":[true]'),
        lambda raw: raw.replace(b"many hosts", b"many\\u001b[2J"),
        lambda raw: raw.replace(b'"scan"', b'"else"'),
        lambda raw: raw.replace(b'"quiet"', b'"loud"'),
        lambda raw: b"[" * 100_000,
        lambda raw: b"\x80\x04\x95" + raw,
    ],
)
def test_a_file_that_is_not_understood_is_counted_told_and_replaced(tmp_path: Path, damage) -> None:
    path = saved(tmp_path)
    damaged = damage(path.read_bytes())
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)
    program = Program(tmp_path)
    assert program.ledger.snapshot() == {"watch.state_rejected": 1}
    [problem] = program.watch.state().problems
    assert problem.startswith("what was learnt before the start is forgotten")
    program.see(*SCAN)
    assert len(program.found("scan")) == 1
    program.watch.save()
    assert Program(tmp_path).watch.state().problems == ()


def test_a_file_beyond_the_limit_is_neither_read_nor_written(tmp_path: Path) -> None:
    path = saved(tmp_path)
    before = path.read_bytes()
    program = Program(tmp_path, limits=Limits(watch_state_bytes=100))
    assert program.ledger.snapshot() == {"watch.state_rejected": 1}
    program.watch.save()
    assert program.ledger.snapshot()["watch.save_failed"] == 1
    assert path.read_bytes() == before


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    document = json.loads(saved(tmp_path).read_bytes())
    kept = decode(document, NOW_MS + 300_000, DEFAULT)
    assert json.loads(b"".join(json_pieces(encode(kept, document["saved_ms"])))) == document
    assert kept.quiet == {("scan", "many hosts", "10.0.0.9"): NOW_MS + 300_000}
    assert kept.services.words.tolist() == [[0, 0xFFFF0A000001, 22]]
    assert np.array_equal(kept.calls["start"], NOW_MS + 1000 * np.arange(0, 300, 60))


_SAVES = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_watch_kept import Program, served
program = Program(Path({root!r}))
for number in range(100_000):
    program.see(served("10.0.%d.%d" % (number >> 8 & 255, number & 255), 22))
    program.watch.save()
    print(number, flush=True)
"""


def test_another_process_that_is_killed_while_it_saves_leaves_a_whole_file(tmp_path: Path) -> None:
    code = _SAVES.format(path=sys.path, root=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        for _ in range(20):
            other.stdout.readline()
            assert Program(tmp_path).ledger.snapshot().keys() == {"watch.restored"}
        os.kill(other.pid, signal.SIGKILL)
    assert Program(tmp_path).ledger.snapshot()["watch.restored"] >= 20
