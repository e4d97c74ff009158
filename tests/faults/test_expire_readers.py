"""Case B8 of docs/reliability.md: files are removed while queries run over them."""

import threading
from pathlib import Path

from store_samples import NOON_MS, sample_flows

from nftui.engine.limits import Limits
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources
from nftui.engine.store.expire import due, holdings, remove
from nftui.engine.store.retention import Policy
from nftui.engine.store.writer import StoreWriter

FILES = 200
ROWS = 50
SLOT_MS = 300_000


def test_each_query_answers_from_the_files_that_it_met(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path, limits=Limits(flush_seconds=0, settle_seconds=1e9))
    writer.open()
    for slot in range(FILES):
        writer.append(sample_flows(slot * ROWS, ROWS, NOON_MS - slot * SLOT_MS))
        writer.tick()
    writer.close()
    failures: list[BaseException] = []
    removed = threading.Semaphore(0)
    ended = threading.Event()

    def expire() -> None:
        try:
            going = due(holdings(tmp_path), Policy(most_bytes=0), NOON_MS)
            for kept in remove(tmp_path, going, NOON_MS):
                assert not kept.file.path.exists()
                removed.acquire()
        except BaseException as error:
            failures.append(error)
        finally:
            ended.set()

    expirer = threading.Thread(target=expire)
    expirer.start()
    skipped = 0
    for _ in range(FILES):
        sources = find_sources([str(tmp_path)])
        listed = len(sources.files)
        removed.release()  # a file goes between listing and reading, as others did between reading and listing
        session = Session(sources, threads=1)
        try:
            ((rows, slots),) = session.all_rows(
                ("time_received_ms",),
                lambda relation: f"SELECT COUNT(*), COUNT(DISTINCT time_received_ms) FROM {relation}",
            )
        finally:
            session.close()
        left_out = [reason for _, reason in sources.skipped]
        assert all(reason.startswith("gone") for reason in left_out)
        assert (rows, slots) == ((listed - len(left_out)) * ROWS, listed - len(left_out))
        skipped += len(left_out)
    removed.release()
    assert ended.wait(120)
    expirer.join()
    assert failures == []
    assert skipped > 0, "no file went while it was to be read: the test shows nothing"
    assert holdings(tmp_path).files == ()
