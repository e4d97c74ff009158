"""Files of a bucket on this machine: fetched when they are needed, bounded, private, and named when they are gone."""

import fcntl
import os
from pathlib import Path

import pytest
from lakes import FolderBucket, bring, compact, write_slots

from nftui.engine.lake.cache import LakeCache
from nftui.engine.lake.listing import list_files
from nftui.engine.lake.place import Place
from nftui.engine.query.filters import EVERYTHING
from nftui.engine.query.query import Query
from nftui.engine.query.session import Session
from nftui.engine.query.sources import Sources
from nftui.engine.query.statistics import parse_statistic
from nftui.errors import BackendError, PermissionDenied, UsageError

PLACE = Place("flows", True)


@pytest.fixture
def bucket(tmp_path) -> FolderBucket:
    return FolderBucket(tmp_path / "bucket")


def opened(bucket: FolderBucket, root: Path, most: int = 1 << 30) -> LakeCache:
    return LakeCache(PLACE, bucket, list_files(PLACE, files=bucket), root, most)


def asked(cache: LakeCache) -> Session:
    files = [slot.file for slot in cache.slots]
    rollups = {slot.file: slot for slot in cache.slots if slot.rollup is not None}
    return Session(Sources(files=files, rollups=rollups, cache=cache))


def fetched(bucket: FolderBucket) -> list[str]:
    return [path.rpartition("/")[2] for call, path in bucket.calls if call == "fetch"]


def test_what_is_here_is_not_fetched_again(tmp_path, bucket):
    write_slots(tmp_path / "store", 0, 3)
    bring(tmp_path / "store", PLACE, files=bucket)
    for _ in range(2):
        session = asked(opened(bucket, tmp_path / "cache"))
        assert Query(session, EVERYTHING).totals().flows == 180
        session.close()
    assert len(fetched(bucket)) == 3


def test_sums_that_rollups_have_fetch_nothing_else(tmp_path, bucket):
    write_slots(tmp_path / "store", 0, 3)
    compact(tmp_path / "store")
    bring(tmp_path / "store", PLACE, files=bucket)
    session = asked(opened(bucket, tmp_path / "cache"))
    [ranking] = Query(session, EVERYTHING).rank(parse_statistic("srcip/bytes"), 3)
    assert ranking.totals.flows == 180
    assert session.records() == 180
    assert [name.rpartition(".")[2] for name in fetched(bucket)] == ["rollup"]
    session.close()


def test_a_rollup_that_is_gone_leaves_the_flows(tmp_path, bucket):
    write_slots(tmp_path / "store", 0, 3)
    compact(tmp_path / "store")
    bring(tmp_path / "store", PLACE, files=bucket)
    session = asked(opened(bucket, tmp_path / "cache"))
    for path in (tmp_path / "bucket").rglob("*.rollup"):
        path.unlink()
    assert Query(session, EVERYTHING).totals().flows == 180
    assert session.sources.skipped == []
    session.close()


def test_a_part_that_is_replaced_between_listing_and_reading_is_still_found(tmp_path, bucket):
    write_slots(tmp_path / "store", 0, 3)
    bring(tmp_path / "store", PLACE, files=bucket)
    session = asked(opened(bucket, tmp_path / "cache"))
    compact(tmp_path / "store")
    bring(tmp_path / "store", PLACE, files=bucket)
    assert Query(session, EVERYTHING).totals().flows == 180
    assert session.sources.skipped == []
    session.close()


def test_what_is_gone_or_damaged_is_left_out_and_named(tmp_path, bucket):
    write_slots(tmp_path / "store", 0, 3)
    bring(tmp_path / "store", PLACE, files=bucket)
    session = asked(opened(bucket, tmp_path / "cache"))
    gone, damaged, _ = sorted((tmp_path / "bucket").rglob("*.parquet"))
    gone.unlink()
    content = bytearray(damaged.read_bytes())
    content[500] ^= 255
    damaged.write_bytes(content)
    assert Query(session, EVERYTHING).totals().flows == 60
    named = dict(session.sources.skipped)
    shown = f"s3://flows/{gone.relative_to(tmp_path / 'bucket' / 'flows')}"
    assert named[shown] == "gone: expired or removed while it was to be read"
    assert [reason for path, reason in named.items() if path.endswith(damaged.name)] == ["damaged"]
    session.close()
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_a_service_that_fails_is_an_error_not_a_missing_file(tmp_path):
    def fail(call: str, path: str) -> None:
        if call == "fetch":
            raise OSError("AWS Error NETWORK_CONNECTION during GetObject operation")

    bucket = FolderBucket(tmp_path / "bucket", fail)
    write_slots(tmp_path / "store", 0, 1)
    bring(tmp_path / "store", PLACE, files=bucket)
    session = asked(opened(bucket, tmp_path / "cache"))
    with pytest.raises(BackendError, match="lake s3://flows: it does not answer"):
        Query(session, EVERYTHING).totals()
    session.close()


def test_room_is_made_of_what_was_not_used_for_longest(tmp_path, bucket):
    for site, first in (("a", 0), ("b", 5000)):
        write_slots(tmp_path / site, first, 3)
        bring(tmp_path / site, PLACE, site, bucket)
    root = tmp_path / "cache"

    def ask(site: str, most: int) -> int:
        listed = list_files(PLACE, (site,), files=bucket)
        session = asked(LakeCache(PLACE, bucket, listed, root, most))
        flows = Query(session, EVERYTHING).totals().flows
        session.close()
        return flows

    most = 4 * max(one.size for one in list_files(PLACE, files=bucket))
    assert ask("a", most) == 180
    assert ask("b", most) == 180
    here = [path for path in root.rglob("*.parquet") if path.stat().st_size]
    assert len([path for path in here if "site=b" in str(path)]) == 3
    assert len(here) < 6
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) <= most


def test_nothing_goes_while_somebody_else_reads(tmp_path, bucket):
    write_slots(tmp_path / "store", 0, 3)
    bring(tmp_path / "store", PLACE, files=bucket)
    first = opened(bucket, tmp_path / "cache")
    assert first.fetch([slot.file for slot in first.slots]) == {}
    second = LakeCache(PLACE, bucket, [], tmp_path / "cache", 1)
    assert all(os.path.exists(slot.file) for slot in first.slots)
    second.close()
    first.close()
    LakeCache(PLACE, bucket, [], tmp_path / "cache", 1).close()
    assert not list((tmp_path / "cache").rglob("*.parquet"))
    with (tmp_path / "cache/.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_more_than_the_cache_may_take_is_refused_in_words(tmp_path, bucket):
    write_slots(tmp_path / "store", 0, 3)
    bring(tmp_path / "store", PLACE, files=bucket)
    session = asked(opened(bucket, tmp_path / "cache", 1000))
    with pytest.raises(UsageError, match=r"are needed, and the cache .* has room for 0\.0 MiB more: .* lake\.cache"):
        Query(session, EVERYTHING).totals()
    session.close()
    assert fetched(bucket) == []


def test_the_cache_is_private(tmp_path, bucket):
    write_slots(tmp_path / "store", 0, 1)
    bring(tmp_path / "store", PLACE, files=bucket)
    cache = opened(bucket, tmp_path / "cache")
    cache.fetch([slot.file for slot in cache.slots])
    cache.close()
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "cache").rglob("*.parquet"))
    (tmp_path / "cache").chmod(0o777)
    with pytest.raises(PermissionDenied, match="nobody else may write it"):
        opened(bucket, tmp_path / "cache")


def test_names_that_are_no_names_of_a_store_are_not_fetched(tmp_path, bucket):
    write_slots(tmp_path / "store", 0, 1)
    bring(tmp_path / "store", PLACE, files=bucket)
    hour = next((tmp_path / "bucket").rglob("*.parquet")).parent
    for name in ("x.parquet", "torn.parquet.tmp", "20261121T120000Z-zz-1.parquet"):
        (hour / name).write_bytes(b"PAR1")
    (tmp_path / "bucket/flows/site=UP").mkdir()
    (tmp_path / "bucket/flows/site=a/date=../hour=1").mkdir(parents=True)
    cache = opened(bucket, tmp_path / "cache")
    assert len(cache.slots) == 1
    assert cache.slots[0].path.is_relative_to(tmp_path / "cache")
    cache.close()
