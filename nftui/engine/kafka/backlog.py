"""Flows on their way to Kafka: those that arrived, the messages made of them, and those that the library has.

All three together stay below `limits.kafka_bytes`; beyond it the oldest that are not with the library are dropped.
Every flow is counted once, at whatever moment one looks:

    kafka.flows = kafka.flows_delivered + kafka.flows_waiting + kafka.flows_dropped + kafka.flows_failed
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from nftui.engine.batch import FlowBatch
from nftui.engine.kafka.messages import Message
from nftui.engine.ledger import Ledger

_ARRIVED_SHARE = 4
"""A part of the memory for flows that are not encoded yet: more of them mean that encoding does not keep up."""
_UNDERWAY_SHARE = 8
"""A part for messages that the library has. It is small, because those cannot be dropped."""
_UNDERWAY = 500


class Backlog:
    """A bounded queue with counts. `add` may be called by another thread than the rest.

    Args:
        most: bytes that it may hold.
        ledger: counts.
    """

    def __init__(self, most: int, ledger: Ledger) -> None:
        self._most = most
        self._ledger = ledger
        self._lock = threading.Lock()
        self._arrived: deque[FlowBatch] = deque()
        self._arrived_bytes = 0
        self._encoding_bytes = 0
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._underway: dict[int, Message] = {}
        self._underway_bytes = 0
        self._numbers = 0
        self._told = 0
        self._peak = 0

    @property
    def is_underway(self) -> bool:
        """Whether the library has messages."""
        return bool(self._underway)

    def add(self, batch: FlowBatch) -> None:
        """Take flows that arrived now."""
        dropped = 0
        with self._lock:
            self._arrived.append(batch)
            self._arrived_bytes += _size(batch)
            while self._arrived_bytes > self._most // _ARRIVED_SHARE:
                old = self._arrived.popleft()
                self._arrived_bytes -= _size(old)
                dropped += len(old)
            dropped += self._trim()
            self._commit({"kafka.flows": len(batch), "kafka.flows_waiting": len(batch)}, dropped)

    def take_arrived(self) -> list[FlowBatch]:
        """What arrived since the last call. It counts as memory until `put` or `fail_arrived`."""
        with self._lock:
            found = list(self._arrived)
            self._arrived.clear()
            self._encoding_bytes, self._arrived_bytes = self._arrived_bytes, 0
        return found

    def put(self, encoded: Sequence[Message]) -> None:
        """The messages that what arrived was made into."""
        with self._lock:
            self._encoding_bytes = 0
            self._waiting.extend(encoded)
            self._waiting_bytes += sum(len(message.value) for message in encoded)
            self._commit({}, self._trim())

    def fail_arrived(self, flows: int) -> None:
        """What arrived could not be encoded."""
        with self._lock:
            self._encoding_bytes = 0
            self._commit({"kafka.flows_waiting": -flows, "kafka.flows_failed": flows}, 0)

    def hand_over(self) -> tuple[int, Message] | None:
        """The next message for the library and its number; None when there is none, or the library has enough."""
        with self._lock:
            enough = len(self._underway) >= _UNDERWAY or self._underway_bytes >= self._most // _UNDERWAY_SHARE
            if enough or not self._waiting:
                return None
            message = self._waiting.popleft()
            self._waiting_bytes -= len(message.value)
            self._numbers += 1
            self._underway[self._numbers] = message
            self._underway_bytes += len(message.value)
            return self._numbers, message

    def done(self, number: int, delivered: bool) -> None:
        """The library has delivered a message, or given it up. Numbers that are not underway are passed over."""
        with self._lock:
            message = self._underway.pop(number, None)
            if message is None:
                return
            self._underway_bytes -= len(message.value)
            name = "kafka.flows_delivered" if delivered else "kafka.flows_failed"
            self._commit({"kafka.flows_waiting": -message.flows, name: message.flows}, 0)

    def give_back(self, number: int) -> None:
        """The library did not take a message after all: it is the next one again."""
        with self._lock:
            message = self._underway.pop(number)
            self._underway_bytes -= len(message.value)
            self._waiting.appendleft(message)
            self._waiting_bytes += len(message.value)

    def take_back(self) -> None:
        """Messages that the library has wait again, before all others."""
        with self._lock:
            self._waiting.extendleft(reversed(self._underway.values()))
            self._waiting_bytes += self._underway_bytes
            self._underway.clear()
            self._underway_bytes = 0

    def drop_all(self) -> None:
        """Give up what waits and what is underway."""
        self.take_back()
        with self._lock:
            dropped = sum(message.flows for message in self._waiting) + sum(map(len, self._arrived))
            self._waiting.clear()
            self._arrived.clear()
            self._waiting_bytes = self._arrived_bytes = 0
            self._commit({}, dropped)

    def _trim(self) -> int:
        """Drop the oldest messages above the bound; returns how many flows they were."""
        dropped = 0
        while self._waiting and self._bytes() > self._most:
            old = self._waiting.popleft()
            self._waiting_bytes -= len(old.value)
            dropped += old.flows
        return dropped

    def _bytes(self) -> int:
        return self._arrived_bytes + self._encoding_bytes + self._waiting_bytes + self._underway_bytes

    def _commit(self, counts: dict[str, int], dropped: int) -> None:
        now = self._bytes()
        counts["kafka.bytes_waiting"] = now - self._told
        self._told = now
        if now > self._peak:
            counts["kafka.bytes_peak"] = now - self._peak
            self._peak = now
        if dropped:
            counts["kafka.flows_waiting"] = counts.get("kafka.flows_waiting", 0) - dropped
            counts["kafka.flows_dropped"] = dropped
        self._ledger.commit(counts)


def _size(batch: FlowBatch) -> int:
    """Bytes of a batch in memory, without the words of its texts."""
    numbers = sum(column.nbytes for column in batch.columns.values())
    masks = sum(mask.nbytes for mask in batch.valid.values())
    texts = sum(column.codes.nbytes for column in batch.text.values())
    return numbers + masks + texts + (batch.extra.data.nbytes if batch.extra is not None else 0)
