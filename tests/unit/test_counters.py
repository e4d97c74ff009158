"""The ledger: sums hold in every snapshot."""

import threading

from nftui.engine.counters import datagram_balance, flow_balance, record_balance, total
from nftui.engine.ledger import Ledger


def test_totals_by_prefix() -> None:
    counts = {"datagrams.rejected.short": 2, "datagrams.rejected.version": 3, "datagrams.rejectedness": 100}
    assert total(counts, "datagrams.rejected") == 5


def test_snapshots_balance_while_others_commit() -> None:
    ledger = Ledger()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            ledger.commit(
                {
                    "datagrams.received": 3, "datagrams.decoded": 1, "datagrams.rejected.short": 1,
                    "datagrams.dropped.oversize": 1, "records.seen": 5, "records.flows": 3, "records.options": 1,
                    "records.skipped.padding": 1, "flows.in": 3, "flows.in_memory": 3,
                },
                {"192.0.2.1": {"datagrams.received": 3}},
            )  # fmt: skip
            ledger.commit({"flows.in_memory": -2, "flows.stored": 1, "flows.failed.disk": 1})

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(2000):
            counts = ledger.snapshot()
            assert datagram_balance(counts) == 0
            assert record_balance(counts) == 0
            assert flow_balance(counts) == 0
    finally:
        stop.set()
        thread.join()
    assert ledger.exporters()["192.0.2.1"]["datagrams.received"] == ledger.snapshot()["datagrams.received"]
    ledger.forget(["192.0.2.1"])
    assert ledger.exporters() == {}


def test_a_missing_datagram_shows() -> None:
    assert datagram_balance({"datagrams.received": 2, "datagrams.decoded": 1}) == 1
