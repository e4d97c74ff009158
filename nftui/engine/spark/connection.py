"""One session on a Connect server, which all questions of a process share: statements, views, cancelling, errors.

The client is pure Python and gRPC, without Java. What it and gRPC would write to the terminal is switched off before
they are loaded: a screen may be drawn there.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nftui.engine.spark.address import Address
from nftui.errors import BackendError, NftuiError, UsageError, first_line
from nftui.text import clean

if TYPE_CHECKING:
    import pyarrow as pa

_REACH_SECONDS = 3.0
_RETRIES = 4
_LONGEST_WAIT_MS = 1000
_STALE_SECONDS = 60.0
_GRACE_SECONDS = 15.0
"""How long a server may take to end what is to be given up; then the connection is dropped."""
_MOST_VIEWS = 128
_LOST = ("INVALID_HANDLE", "SESSION_CHANGED", "NO_ACTIVE_SESSION")
_MISSING = ("PATH_NOT_FOUND", "FILE_NOT_EXIST")

_CHANNEL = [
    # A new connection begins anew: others to the same address may be waiting after failures, for minutes.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_reconnect_backoff_ms", _LONGEST_WAIT_MS),
]
_SETTINGS = {
    # Either would leave out files without a word: nftui looks itself at what is damaged and what is gone.
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    # A list of files in directories is looked at by the driver: a job of its own takes longer.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
}


class Failed(NftuiError):
    """The cluster refused or could not finish a statement.

    Attributes:
        told: all that it said.
    """

    def __init__(self, message: str, told: str) -> None:
        super().__init__(message)
        self.told = told

    @property
    def missing(self) -> bool:
        """Whether a file was not found."""
        return any(word in self.told for word in _MISSING)


class Connection:
    """A session on the server, opened when it is first needed and again after it was lost.

    Used by one thread at a time, except `progress`, `interrupt` and `close`.

    Args:
        address: the server.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._spark: Any = None
        self._views: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._made = 0
        self._percent = -1.0
        self._used = 0.0
        self._running = threading.Event()

    def close(self) -> None:
        """End the session."""
        spark, self._spark = self._spark, None
        self._views.clear()
        if spark is not None:
            with suppress(Exception):
                spark.stop()

    def open(self) -> None:
        """Make sure that there is a session which answers.

        Raises:
            BackendError: the server cannot be reached or does not want us.
            UsageError: the client's packages are not installed.
        """
        if self._spark is not None and time.monotonic() - self._used < _STALE_SECONDS:
            return
        if self._spark is not None:
            try:
                self._call(lambda: self._spark.conf.get("spark.sql.session.timeZone"))
            except NftuiError:
                self.close()
            else:
                return
        self._reach()
        session_type, policy, channel = _load()
        from nftui.engine.query.portable import SETTINGS, Dialect

        settings = {**_SETTINGS, **SETTINGS[Dialect.SPARK]}

        def start() -> Any:
            spark = session_type.builder.channelBuilder(channel(self.address.url, _CHANNEL)).create()
            spark.client.set_retry_policies([policy(max_retries=_RETRIES, max_backoff=_LONGEST_WAIT_MS)])
            for name, value in settings.items():
                spark.conf.set(name, value)
            spark.registerProgressHandler(self._watch)
            return spark

        self._views.clear()
        self._spark = self._call(start)

    def progress(self) -> float:
        """Percent of the running statement, negative where unknown. From any thread."""
        return self._percent

    def interrupt(self, tag: str) -> None:
        """End the statements that run under a tag. From any thread; does not wait."""
        if self._running.is_set():
            threading.Thread(target=self._end, args=(tag,), name="spark-cancel", daemon=True).start()

    def tables(self, text: str, tag: str) -> Iterator[pa.Table]:
        """Result of a statement in Spark's SQL, as Arrow tables, as they come.

        Args:
            text: the statement.
            tag: what it can be interrupted by.

        Raises:
            Failed: the cluster could not answer.
            BackendError: it is away.
        """
        import pyarrow as pa

        def begin() -> Iterator[Any]:
            self._tag(tag)
            frame = self._spark.sql(text)
            # The public methods give either everything at once or rows of Python.
            plan = frame._plan  # noqa: SLF001
            client = self._spark.client
            found: Iterator[Any] = client.to_table_as_iterator(plan.to_proto(client), plan.observations)
            return found

        stream = self._call(begin)
        while True:
            item = self._call(lambda: next(stream, None))
            if item is None:
                return
            if isinstance(item, pa.Table):
                yield item

    def make(self, name: str, text: str, tag: str) -> None:
        """Keep the result of a statement on the cluster under a name, computed now; errors as for `tables`."""

        def keep() -> None:
            self._tag(tag)
            frame = self._spark.sql(text).persist()
            frame.createOrReplaceTempView(name)
            frame.count()

        self._call(keep)

    def send(self, name: str, table: pa.Table) -> None:
        """Make a table of values under a name."""
        from nftui.engine.spark.columns import sendable

        self._call(lambda: self._spark.createDataFrame(sendable(table)).createOrReplaceTempView(name))

    def forget(self, name: str) -> None:
        """Forget a table, whether it was made or not."""

        def drop() -> None:
            if self._spark.catalog.tableExists(name):
                self._spark.table(name).unpersist()
                self._spark.catalog.dropTempView(name)

        if self._spark is not None:
            self._call(drop)

    def view(self, uris: Sequence[str], schema: str, tag: str) -> str:
        """Name of a view over files; one that was made for the same files is used again, for they never change.

        Raises:
            Failed: some of them are not there.
        """
        key = tuple(uris)
        name = self._views.get(key)
        if name is not None:
            self._views.move_to_end(key)
            return name
        self._made += 1
        name = f"nftui_flows_{self._made}"

        def make() -> None:
            self._tag(tag)
            frame = self._spark.read.schema(schema).parquet(*map(_literal_path, uris))
            frame.createOrReplaceTempView(name)

        self._call(make)
        self._views[key] = name
        while len(self._views) > _MOST_VIEWS:
            self._drop(self._views.popitem(last=False)[1])
        return name

    def _drop(self, name: str) -> None:
        self._call(lambda: self._spark.catalog.dropTempView(name))

    def columns(self, uris: Sequence[str], tag: str) -> list[str]:
        """Names of the columns that any of the files has; the cluster reads their ends. Raises as `view`."""

        def look() -> list[str]:
            self._tag(tag)
            frame = self._spark.read.option("mergeSchema", "true").parquet(*map(_literal_path, uris))
            return list(frame.columns)

        names: list[str] = self._call(look)
        return names

    def forget_view(self, uris: Iterable[str]) -> None:
        """Forget the views over any of these files: what they knew of them is not so."""
        gone = set(uris)
        for key in [key for key in self._views if gone.intersection(key)]:
            del self._views[key]

    def _reach(self) -> None:
        """Raise BackendError unless somebody listens there: the client would try for minutes."""
        try:
            socket.create_connection((self.address.host, self.address.port), _REACH_SECONDS).close()
        except OSError as error:
            reason = "no answer" if isinstance(error, TimeoutError) else clean((error.strerror or str(error)).lower())
            raise self._away(reason) from error

    def _away(self, reason: str) -> BackendError:
        advice = f"; {self.address.advice}" if self.address.advice else ""
        return BackendError(f"backend {self.address.label} cannot be reached: {reason}{advice}")

    def _tag(self, tag: str) -> None:
        self._spark.clearTags()
        self._spark.addTag(tag)

    def _watch(self, stages: Any, inflight_tasks: int, operation_id: str | None, done: bool) -> None:  # noqa: ARG002
        tasks = [(stage.num_completed_tasks, stage.num_tasks) for stage in stages or ()]
        whole = sum(count for _, count in tasks)
        self._percent = -1.0 if done or not whole else 100.0 * sum(ready for ready, _ in tasks) / whole

    def _end(self, tag: str) -> None:
        """End statements; a server that does not care is left alone, so that who waits for it can go on."""
        spark = self._spark
        if spark is None:
            return
        ender = threading.Thread(target=_interrupt, args=(spark, tag), name="spark-interrupt", daemon=True)
        ender.start()
        ender.join(_GRACE_SECONDS)
        if ender.is_alive() and self._running.is_set() and self._spark is spark:
            self._spark = None
            with suppress(Exception):
                spark.client.close()

    def _call(self, ask: Callable[[], Any]) -> Any:
        """Ask the server; what the client raises becomes an error of ours."""
        import grpc
        from pyspark.errors import PySparkException

        self._running.set()
        try:
            return ask()
        except (PySparkException, grpc.RpcError, ValueError) as error:
            told = str(error)
            if _is_away(error, grpc) or any(word in told for word in _LOST):
                self._spark = None
                raise self._away(clean(_reason(error), 200)) from error
            raise Failed(f"the cluster could not answer: {clean(first_line(error), 300)}", told) from error
        finally:
            self._running.clear()
            self._used = time.monotonic()


def _load() -> tuple[Any, Any, Any]:
    """Spark's client, kept off the terminal: the types of its sessions, its retries and its channels."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ["SPARK_CONNECT_PROGRESS_BAR_ENABLED"] = "0"
    warnings.filterwarnings("ignore", module=r"pyspark(\.|$)")
    try:
        from pyspark.sql.connect.client import DefaultChannelBuilder
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise UsageError(f"asking Spark needs a library: pip install 'nftui[spark]' ({first_line(error)})") from None
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger", "pyspark.sql.connect.logging"):
        logging.getLogger(name).disabled = True
    return SparkSession, DefaultPolicy, DefaultChannelBuilder


def _interrupt(spark: Any, tag: str) -> None:
    with suppress(Exception):
        spark.interruptTag(tag)


def _is_away(error: Exception, grpc: Any) -> bool:
    """Whether an error says that the server is not there, or a closed channel that it was given up."""
    causes: list[BaseException | None] = [error, error.__cause__, error.__context__]
    codes = {cause.code() for cause in causes if isinstance(cause, grpc.RpcError) and hasattr(cause, "code")}
    away = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED}
    return bool(codes & away) or isinstance(error, ValueError) or "StatusCode.UNAVAILABLE" in str(error)


def _reason(error: Exception) -> str:
    if any(word in str(error) for word in _LOST):
        return "it has begun anew and knows nothing of this session; ask again"
    return "the connection broke" if "UNAVAILABLE" in str(error) or isinstance(error, ValueError) else first_line(error)


def _literal_path(uri: str) -> str:
    """A path in which nothing is a pattern."""
    return "".join(f"\\{letter}" if letter in "*?[]{}\\" else letter for letter in uri)
