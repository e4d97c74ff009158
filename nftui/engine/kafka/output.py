"""Hands flows to Kafka without ever holding up those who receive them.

What has arrived is encoded twice a second in a thread of its own and waits in a backlog of bounded size. librdkafka
takes from there as fast as the brokers do.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from nftui.config import KafkaConfig
from nftui.engine.batch import FlowBatch, concat
from nftui.engine.kafka.backlog import Backlog
from nftui.engine.kafka.messages import Message, messages
from nftui.engine.kafka.settings import client_settings, read_form
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.errors import ConfigError, UsageError
from nftui.text import clean

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Producer

_GATHER_SECONDS = 0.5
"""Flows of an exporter within this time become one message: small messages cost ten times as much a flow."""
_POLL_SECONDS = 0.1
_END_SECONDS = 1.0
_ASK_SECONDS = 2.0
_ANSWER_SECONDS = 0.5
PATIENCE_SECONDS = 20.0
"""Brokers that answer and take nothing for so long have forgotten the producer: it is made anew."""
_MOST_PATIENCE_SECONDS = 300.0


class KafkaOutput:
    """Sends flows to a topic.

    Args:
        config: brokers, topic, form.
        ledger: counts.
        limits: `kafka_bytes` bounds what waits.
        patience: seconds until a producer that is not served is made anew.

    Raises:
        ConfigError: the configuration is not understood.
        UsageError: confluent-kafka is not installed.
    """

    def __init__(
        self, config: KafkaConfig, ledger: Ledger, limits: Limits = DEFAULT, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._form = read_form(config.format)
        self._topic = config.topic
        self._settings = client_settings(config, self._form, self._told)
        self._ledger = ledger
        self._backlog = Backlog(limits.kafka_bytes, ledger)
        self._problem = ""
        self._first_patience = self._patience = patience
        self._fatal = False
        self._moved_at = self._asked_at = time.monotonic()
        self._answering_since: float | None = None
        self._unanswered = 0
        self._producer = self._connect()

    def add(self, batch: FlowBatch) -> None:
        """Take flows that arrived now."""
        self._backlog.add(batch)

    @property
    def problem(self) -> str:
        """What the brokers or the way to them lack, empty when nothing."""
        return self._problem

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        while not stopping.is_set():
            self._encode()
            end = time.monotonic() + _GATHER_SECONDS
            while not stopping.is_set() and (left := end - time.monotonic()) > 0:
                self._hand_over()
                self._producer.poll(min(_POLL_SECONDS, left))
            self._look_after_producer()
        self._encode()
        self._hand_over()
        self._producer.flush(_END_SECONDS)
        self._producer.purge()
        self._producer.poll(0)
        self._backlog.drop_all()

    def _encode(self) -> None:
        arrived = self._backlog.take_arrived()
        flows = sum(map(len, arrived))
        if not flows:
            return
        try:
            encoded = messages(concat(arrived), self._form)
        except Exception as error:
            # A fault of an encoder must cost these flows only, and counted.
            self._problem = clean(str(error))
            self._backlog.fail_arrived(flows)
            return
        self._backlog.put(encoded)

    def _hand_over(self) -> None:
        while (found := self._backlog.hand_over()) is not None:
            number, message = found
            try:
                self._produce(number, message)
            except BufferError:
                self._backlog.give_back(number)
                return
            except Exception as error:
                # Refused before it was sent, such as a message that is too large.
                self._problem = clean(str(error))
                self._backlog.done(number, delivered=False)

    def _produce(self, number: int, message: Message) -> None:
        self._producer.produce(self._topic, message.value, message.key, on_delivery=partial(self._finished, number))

    def _finished(self, number: int, error: KafkaError | None, _: object) -> None:
        self._backlog.done(number, delivered=error is None)
        if error is not None:
            self._problem = clean(error.str())
            return
        self._problem = ""
        self._moved_at = time.monotonic()
        self._answering_since = None
        self._patience = self._first_patience

    def _told(self, error: KafkaError) -> None:
        if error.name() != "_ALL_BROKERS_DOWN" or not self._problem:  # others say which, and why
            self._problem = clean(error.str())
        self._fatal |= error.fatal()

    def _look_after_producer(self) -> None:
        """Make the producer anew when it can never deliver again.

        Brokers that lost what they knew of an idempotent producer may refuse it for good, and it then waits in silence.
        What it has is handed to the new one; of that, messages whose confirmation was lost arrive twice.
        """
        now = time.monotonic()
        if not self._backlog.is_underway:
            self._moved_at = now
        if now - max(self._moved_at, self._asked_at) < _ASK_SECONDS:
            return
        self._asked_at = now
        if not self._brokers_answer():
            self._unanswered += 1
            if self._unanswered > 1:  # one that is late is not away
                self._answering_since = None
            return
        self._unanswered = 0
        if self._answering_since is None:
            self._answering_since = now
        if self._fatal or now - self._answering_since >= self._patience:
            self._renew()

    def _brokers_answer(self) -> bool:
        try:
            self._producer.list_topics(self._topic, timeout=_ANSWER_SECONDS)
        except Exception:
            # Whatever it is, they do not answer now; why is told by `_told`.
            return False
        return True

    def _renew(self) -> None:
        self._producer.poll(0)  # what was delivered until now
        self._backlog.take_back()
        self._producer.purge()
        self._producer = self._connect()
        self._ledger.commit({"kafka.producers_renewed": 1})
        self._fatal = False
        self._answering_since = None
        self._patience = min(2 * self._patience, _MOST_PATIENCE_SECONDS)

    def _connect(self) -> Producer:
        try:
            from confluent_kafka import Producer
        except ImportError:
            raise UsageError("flows to Kafka need a library: pip install 'nftui[kafka]'") from None
        try:
            return Producer(self._settings)
        except Exception as error:
            raise ConfigError(f"kafka: {clean(str(error))}") from error
