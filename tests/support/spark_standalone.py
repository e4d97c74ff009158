"""A Spark cluster of its own on the loopback address: a master, two workers, a Connect server.

Everything is started from the package `pyspark`, which has the jars but none of the scripts that start a cluster,
and from Java 17. Each process runs below `nice`, is in a group of its own and is ended with all of its children,
the executors, whatever happened before.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from loopback_ports import free_port

_PATIENCE_SECONDS = 240.0
_WORKERS = 2
_WORKER = ("--cores", "1", "--memory", "1g")
_SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.executor.memory": "600m",
    "spark.executor.cores": "1",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
}


class NoCluster(Exception):
    """What is missing, and how to get it."""


@dataclass(slots=True)
class _Process:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass(slots=True)
class StandaloneCluster:
    """A running cluster; use it as a context manager.

    Args:
        folder: where it puts its files.
        home: directory of the installed package `pyspark`.
    """

    folder: Path
    home: Path
    address: str = ""
    _processes: list[_Process] = field(default_factory=list)
    _connect_port: int = 0
    _master: str = ""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End everything, executors included."""
        for running in reversed(self._processes):
            _end(running.process)
        self._processes = []

    def end_server(self) -> None:
        """End the Connect server alone: what a client sees when the cluster is away."""
        _end(self._named("connect").process)

    def restart_server(self) -> None:
        """Start the Connect server that was ended, under the same address."""
        self._processes.remove(self._named("connect"))
        self._start_server()

    def kill_worker(self, number: int) -> list[int]:
        """End a worker and its executors at once, as a machine that loses its power does; returns what was ended."""
        worker = self._named(f"worker{number}").process
        ended = [worker.pid, *_children(worker.pid)]
        for pid in ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        worker.wait()
        return ended

    def start_worker(self, number: int) -> None:
        """Start a worker that was killed anew."""
        self._processes.remove(self._named(f"worker{number}"))
        self._start_worker(number)

    def executors(self, number: int) -> list[int]:
        """Process ids of what a worker has started."""
        return _children(self._named(f"worker{number}").process.pid)

    def _named(self, name: str) -> _Process:
        return next(running for running in self._processes if running.name == name)

    def _start(self) -> None:
        master = free_port()
        self._connect_port = free_port()
        self._master = f"spark://127.0.0.1:{master}"
        self.address = f"sc://127.0.0.1:{self._connect_port}"
        running = self._run(
            "master", "spark-class", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1",
            "--port", str(master), "--webui-port", "0",
        )  # fmt: skip
        self._wait(running, "I have been elected leader")
        for number in range(_WORKERS):
            self._start_worker(number)
        self._start_server()

    def _start_worker(self, number: int) -> None:
        folder = self.folder / f"worker{number}"
        worker = self._run(
            f"worker{number}", "spark-class", "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1",
            "--webui-port", "0", "--work-dir", str(folder), *_WORKER, self._master,
        )  # fmt: skip
        self._wait(worker, "Successfully registered with master")

    def _start_server(self) -> None:
        settings = {
            **_SETTINGS,
            "spark.connect.grpc.binding.port": str(self._connect_port),
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
        }
        confs = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        server = self._run(
            "connect", "spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
            "--master", self._master, *confs, "spark-internal",
        )  # fmt: skip
        self._wait(server, "Spark Connect server started")

    def _run(self, name: str, program: str, *arguments: str) -> _Process:
        environment = {
            **os.environ,
            "SPARK_HOME": str(self.home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
            "SPARK_WORKER_OPTS": "-Dspark.worker.cleanup.enabled=false",
            "SPARK_NO_DAEMONIZE": "1",
        }
        log = self.folder / f"{name}-{len(list(self.folder.glob(f'{name}-*.log')))}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["nice", "-n", "19", str(self.home / "bin" / program), *arguments],
                env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=_end_with_parent,  # noqa: PLW1509 - one system call, no lock
            )  # fmt: skip
        running = _Process(name, process, log)
        self._processes.append(running)
        return running

    def _wait(self, running: _Process, words: str) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while words not in running.said():
            if running.process.poll() is not None or time.monotonic() > until:
                raise NoCluster(f"Spark's {running.name} did not start: {running.said()[-2000:]}")
            time.sleep(0.1)


@contextlib.contextmanager
def standalone(folder: Path) -> Iterator[StandaloneCluster]:
    """A cluster that has started. Raises NoCluster when something that it needs is missing."""
    with StandaloneCluster(folder, spark_home()) as cluster:
        yield cluster


def spark_home() -> Path:
    """The installed package `pyspark` of the environment NFTUI_SPARK, or `.venv/spark` of this repository.

    Raises:
        NoCluster: it is not there, or Java 17 is not.
    """
    java = shutil.which("java")
    if java is None:
        raise NoCluster("no Java: a Spark cluster needs Java 17 or newer (Debian: apt install openjdk-17-jre-headless)")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < 17:
        raise NoCluster(f"Java is too old: a Spark cluster needs Java 17 or newer, here is {said.splitlines()[:1]}")
    root = os.environ.get("NFTUI_SPARK") or str(Path(__file__).parents[2] / ".venv" / "spark")
    for home in Path(root).glob("lib/python3*/site-packages/pyspark"):
        if (home / "jars").is_dir():
            return home
    raise NoCluster(f"no Spark in {root}: `make cluster-test` installs it there, or set NFTUI_SPARK to an environment")


def _end_with_parent() -> None:
    """Let this process be killed when the one that starts it ends, however that does (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything that it has started."""
    if process.poll() is not None:
        return
    started = _children(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    for pid in [process.pid, *started]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _children(pid: int) -> list[int]:
    """All processes below one, from /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    new = [pid]
    while new:
        new = [child for parent in new for child in parents.get(parent, ())]
        found += new
    return found
