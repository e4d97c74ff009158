"""Hands flows to Kafka without ever holding up those who receive them.

What has arrived is encoded in a thread of its own and waits in a queue of bounded size. librdkafka takes from there as
fast as the brokers do. When they are away for longer than the queue lasts, the oldest is dropped and counted:

    kafka.flows = kafka.flows_delivered + kafka.flows_waiting + kafka.flows_dropped + kafka.flows_failed

holds in every snapshot of the counters.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nftui.config import KafkaConfig
from nftui.engine.batch import FlowBatch
from nftui.engine.kafka.messages import FORMS, Form, Message, messages
from nftui.engine.ledger import Ledger
from nftui.engine.limits import DEFAULT, Limits
from nftui.errors import ConfigError, UsageError
from nftui.text import clean

if TYPE_CHECKING:
    from confluent_kafka import Producer

_POLL_SECONDS = 0.1
_END_SECONDS = 1.0
_UNDERWAY = 500
"""Messages that librdkafka holds; all others wait here, where the oldest can be dropped."""
_GIVEN_UP_MS = 300_000
"""A message that no broker took for so long is counted as failed."""


class KafkaOutput:
    """Sends flows to a topic.

    Args:
        config: brokers, topic, form.
        ledger: counts.
        limits: `kafka_bytes` bounds what waits.

    Raises:
        ConfigError: the configuration is not understood.
        UsageError: confluent-kafka is not installed.
    """

    def __init__(self, config: KafkaConfig, ledger: Ledger, limits: Limits = DEFAULT) -> None:
        self._config = config
        self._form = _form(config.format)
        self._ledger = ledger
        self._limits = limits
        self._lock = threading.Lock()
        self._arrived: deque[FlowBatch] = deque()
        self._arrived_rows = 0
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._underway = 0
        self._problem = ""
        self._producer = self._connect()

    def add(self, batch: FlowBatch) -> None:
        """Take flows that arrived now."""
        dropped = 0
        with self._lock:
            self._arrived.append(batch)
            self._arrived_rows += len(batch)
            while self._arrived_rows > self._limits.unsaved_flows:
                old = len(self._arrived.popleft())
                self._arrived_rows -= old
                dropped += old
        counts = {"kafka.flows": len(batch), "kafka.flows_waiting": len(batch) - dropped}
        self._ledger.commit(counts | ({"kafka.flows_dropped": dropped} if dropped else {}))

    @property
    def problem(self) -> str:
        """What the brokers or the way to them lack, empty when nothing."""
        return self._problem

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        while not stopping.is_set():
            self._encode()
            self._hand_over()
            self._producer.poll(0 if self._arrived else _POLL_SECONDS)
        self._encode()
        self._hand_over()
        self._producer.flush(_END_SECONDS)

    def _encode(self) -> None:
        with self._lock:
            arrived, self._arrived, self._arrived_rows = list(self._arrived), deque(), 0
        dropped = 0
        for batch in arrived:
            for message in messages(batch, self._form):
                self._waiting.append(message)
                self._waiting_bytes += len(message.value)
        while self._waiting_bytes > self._limits.kafka_bytes:
            old = self._waiting.popleft()
            self._waiting_bytes -= len(old.value)
            dropped += old.flows
        if dropped:
            self._ledger.commit({"kafka.flows_waiting": -dropped, "kafka.flows_dropped": dropped})

    def _hand_over(self) -> None:
        while self._waiting and self._underway < _UNDERWAY:
            message = self._waiting[0]

            def delivered(error: object, _: object, flows: int = message.flows) -> None:
                self._underway -= 1
                name = "kafka.flows_failed" if error is not None else "kafka.flows_delivered"
                self._ledger.commit({"kafka.flows_waiting": -flows, name: flows})
                self._problem = clean(str(error)) if error is not None else ""

            try:
                self._producer.produce(self._config.topic, message.value, message.key, on_delivery=delivered)
                self._underway += 1
            except BufferError:
                return
            except Exception as error:
                # Refused before it was sent, such as a message that is too large.
                self._problem = clean(str(error))
                self._ledger.commit({"kafka.flows_waiting": -message.flows, "kafka.flows_failed": message.flows})
            self._waiting.popleft()
            self._waiting_bytes -= len(message.value)

    def _failed(self, error: object) -> None:
        self._problem = clean(str(error))

    def _connect(self) -> Producer:
        try:
            from confluent_kafka import Producer
        except ImportError:
            raise UsageError("flows to Kafka need a library: pip install 'nftui[kafka]'") from None
        if not self._config.topic:
            raise ConfigError("kafka.topic is empty")
        settings: dict[str, Any] = {
            "bootstrap.servers": ",".join(self._config.brokers), "client.id": "nftui", "enable.idempotence": True,
            "compression.type": "zstd", "linger.ms": 50, "message.timeout.ms": _GIVEN_UP_MS, "error_cb": self._failed,
            "logger": _silent(), **read_settings(self._config.settings),
        }  # fmt: skip
        try:
            return Producer(settings)
        except Exception as error:
            raise ConfigError(f"kafka: {clean(str(error))}") from error


def read_settings(path: str) -> dict[str, str]:
    """Further settings of librdkafka, one `name=value` a line, such as those of TLS and SASL.

    Raises:
        ConfigError: the file cannot be read, others may read or write it, or a line is no setting.
    """
    if not path:
        return {}
    file = Path(path).expanduser()
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{path}: it may hold passwords: chmod 600 {path}")
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, mark, value = line.partition("=")
        if not mark:
            raise ConfigError(f"{path} line {number}: not name=value")
        found[name.strip()] = value.strip()
    return found


def _form(name: str) -> Form:
    for form in FORMS:
        if form == name:
            return form
    raise ConfigError(f"kafka.format: {name!r} is neither {' nor '.join(FORMS)}")


def _silent() -> logging.Logger:
    """What librdkafka itself says goes nowhere: a screen may be on the terminal, and errors are told by `problem`."""
    logger = logging.getLogger("nftui.kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
