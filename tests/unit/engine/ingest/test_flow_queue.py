"""The queue to the store: order, bound, and what goes when it is full."""

import threading

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.ingest.flow_queue import FlowQueue


def batch(*values: int) -> FlowBatch:
    return FlowBatch(len(values), {"bytes": np.array(values, np.int64)})


def values(batches: list[FlowBatch]) -> list[int]:
    return [int(v) for b in batches for v in b.columns["bytes"]]


def test_batches_come_out_in_order_and_all_at_once():
    queue = FlowQueue(100, 10)
    assert queue.put([batch(1, 2), batch(3)]) == 0
    assert queue.put([batch(4)]) == 0
    assert queue.rows == 4
    assert queue.fill == 0.04
    assert values(queue.take(0)) == [1, 2, 3, 4]
    assert queue.take(0) == []
    assert queue.rows == 0


def test_a_full_queue_loses_its_oldest_flows_to_the_row():
    queue = FlowQueue(5, 100)
    assert queue.put([batch(1, 2, 3), batch(4, 5)]) == 0
    assert queue.put([batch(6, 7)]) == 2
    assert queue.rows == 5
    assert queue.put([batch(*range(10, 18))]) == 8
    assert values(queue.take(0)) == [13, 14, 15, 16, 17]


def test_taker_is_woken_by_enough_flows_and_by_the_end():
    for act in (lambda queue: queue.put([batch(1, 2, 3)]), lambda queue: queue.close()):
        queue = FlowQueue(100, 3)
        done = threading.Event()
        thread = threading.Thread(target=lambda queue=queue, done=done: (queue.take(60), done.set()))
        thread.start()
        act(queue)
        assert done.wait(120)
        thread.join()
