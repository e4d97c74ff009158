"""How much one exporter may send: token buckets by address."""

import numpy as np

from nftui.engine.clock import ManualClock
from nftui.engine.ingest import rate_limit
from nftui.engine.ingest.rate_limit import RateLimiter
from nftui.engine.ingest.slots import Sender

A, B = 0xFFFF_C0000201, 0xFFFF_C0000202


def test_a_burst_of_one_second_passes_and_then_the_rate():
    clock = ManualClock()
    limiter = RateLimiter(100, clock)
    assert limiter.take(A, 150) == 100
    assert limiter.take(A, 1) == 0
    clock.advance(0.25)
    assert limiter.take(A, 1000) == 25
    clock.advance(3600)
    assert limiter.take(A, 1000) == 100  # what was not used is not saved up


def test_ten_times_over_the_limit_costs_the_other_exporter_nothing():
    """A21."""
    clock = ManualClock()
    limiter = RateLimiter(100, clock)
    passed = {A: 0, B: 0}
    senders = [Sender(A, 1000), Sender(B, 1000), Sender(A, 2000)]
    for _ in range(40):  # 5 s: A sends 1000 a second from two ports, B 72
        clock.advance(0.125)
        sender = np.array([0, 2] * 62 + [0] + [1] * 9)
        mask = limiter.admit(senders, sender)
        keep = np.ones(len(sender), np.bool_) if mask is None else mask
        passed[A] += int(keep[:125].sum())
        passed[B] += int(keep[125:].sum())
    assert passed == {A: 587, B: 360}  # a second's worth at once, then 4.875 s of 100


def test_the_earliest_datagrams_pass():
    mask = RateLimiter(3, ManualClock()).admit([Sender(B, 1), Sender(A, 1)], np.array([1, 1, 0, 1, 1, 0]))
    assert mask is not None
    assert mask.tolist() == [True, True, True, True, False, True]


def test_without_a_limit_all_pass():
    limiter = RateLimiter(0, ManualClock())
    assert limiter.admit([Sender(A, 1)], np.zeros(10_000, np.int64)) is None
    assert limiter.take(A, 10_000) == 10_000


def test_invented_senders_do_not_grow_the_table(monkeypatch):
    monkeypatch.setattr(rate_limit, "_BUCKETS", 10)
    limiter = RateLimiter(5, ManualClock())
    for number in range(100):
        limiter.take(A + number, 1)
    assert len(limiter._buckets) == 10
    assert limiter.take(A + 99, 9) == 4
    assert limiter.take(A, 9) == 5
