"""The backlog: whatever comes in whatever order, every flow is counted once and the bound holds."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nftui.config import KafkaConfig
from nftui.engine.batch import FlowBatch
from nftui.engine.kafka import output
from nftui.engine.kafka.backlog import Backlog
from nftui.engine.kafka.messages import Message
from nftui.engine.ledger import Ledger

MOST = 1000


def batch(rows: int) -> FlowBatch:
    return FlowBatch(rows, {"bytes": np.arange(rows, dtype=np.int64)})


def counted(ledger: Ledger) -> Counter[str]:
    counts = Counter(ledger.snapshot())
    assert counts["kafka.flows"] == sum(
        counts[f"kafka.flows_{name}"] for name in ("delivered", "waiting", "dropped", "failed")
    )
    assert 0 <= counts["kafka.bytes_waiting"] <= counts["kafka.bytes_peak"] <= MOST
    return counts


STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 60)),
    st.tuples(st.just("encode"), st.integers(1, 300)),
    st.tuples(st.sampled_from(["fail", "hand", "give_back", "delivered", "refused", "take_back"]), st.just(0)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_every_flow_is_counted_once_and_the_bound_holds(steps: list[tuple[str, int]]):
    ledger = Ledger()
    backlog = Backlog(MOST, ledger)
    underway: list[int] = []
    for step, amount in steps:
        if step == "add":
            backlog.add(batch(amount))
        elif step == "encode":
            flows = sum(map(len, backlog.take_arrived()))
            counted(ledger)
            if flows:
                backlog.put([Message(b"k", bytes(amount), flows)])
        elif step == "fail":
            backlog.fail_arrived(sum(map(len, backlog.take_arrived())))
        elif step == "hand":
            found = backlog.hand_over()
            underway += [found[0]] if found is not None else []
        elif step == "take_back":
            backlog.take_back()
            underway.clear()
        elif underway and step == "give_back":
            backlog.give_back(underway.pop())
        elif underway:
            backlog.done(underway.pop(0), delivered=step == "delivered")
        counted(ledger)
    backlog.drop_all()
    left = counted(ledger)
    assert left["kafka.flows_waiting"] == left["kafka.bytes_waiting"] == 0


def test_messages_that_are_taken_back_are_the_next_in_their_order_and_late_news_of_them_change_nothing():
    backlog = Backlog(1 << 20, ledger := Ledger())
    backlog.add(batch(6))
    backlog.take_arrived()
    backlog.put([Message(b"k", bytes([i]), 1) for i in range(6)])
    numbers = [backlog.hand_over()[0] for _ in range(4)]
    backlog.done(numbers[0], delivered=True)
    backlog.take_back()
    backlog.done(numbers[1], delivered=True)
    assert [backlog.hand_over()[1].value[0] for _ in range(5)] == [1, 2, 3, 4, 5]
    assert backlog.hand_over() is None
    assert Counter(ledger.snapshot())["kafka.flows_delivered"] == 1


def test_the_library_gets_an_eighth_at_most_and_one_message():
    backlog = Backlog(1000, Ledger())
    backlog.add(batch(3))
    backlog.take_arrived()
    backlog.put([Message(b"k", bytes(100), 1)] * 3)
    assert backlog.hand_over() is not None
    assert backlog.hand_over() is not None
    assert backlog.hand_over() is None


def test_flows_that_cannot_be_encoded_are_counted_and_told(monkeypatch):
    def broken(*_: object) -> None:
        raise ValueError("no such form")

    ledger = Ledger()
    sender = output.KafkaOutput(KafkaConfig(("127.0.0.1:1",)), ledger)
    monkeypatch.setattr(output, "messages", broken)
    sender.add(batch(7))
    sender._encode()
    counts = Counter(ledger.snapshot())
    assert (counts["kafka.flows_failed"], counts["kafka.flows_waiting"], counts["kafka.bytes_waiting"]) == (7, 0, 0)
    assert sender.problem == "no such form"
