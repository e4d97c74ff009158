"""Finished files come to a lake once, whatever happens in between."""

import os
import threading
from pathlib import Path

import pytest
from dying import DEATH, die_at, in_child
from lakes import SLOT_MS, FolderBucket, bring, compact, lake_ids, write_slots
from store_samples import NOON_MS

from nftui.engine.lake.files import open_files
from nftui.engine.lake.listing import list_files, list_sites
from nftui.engine.lake.place import Place, parse_place
from nftui.engine.lake.upload import Upload
from nftui.engine.store.catalog import Catalog

FULL = bool(os.environ.get("NFTUI_FULL"))
HOUR_MS = 3_600_000


@pytest.fixture
def lake(tmp_path) -> Place:
    (tmp_path / "lake").mkdir()
    return parse_place(str(tmp_path / "lake"))


def test_each_file_is_brought_once(tmp_path, lake):
    store = tmp_path / "store"
    expected = write_slots(store, 0, 3)
    counts = bring(store, lake)
    assert counts["lake.uploaded"] == 3
    assert counts["lake.uploaded_bytes"] == sum(os.path.getsize(file.file) for file in Catalog(store).slots())
    assert lake_ids(lake) == expected
    assert bring(store, lake) == {}
    expected += write_slots(store, 1000, 1, start_ms=NOON_MS + HOUR_MS)
    assert bring(store, lake)["lake.uploaded"] == 1
    assert lake_ids(lake) == expected


def test_without_a_journal_what_is_there_is_not_sent_again(tmp_path, lake):
    store = tmp_path / "store"
    write_slots(store, 0, 3)
    bring(store, lake)
    for journal in (store / "_state").glob("lake-*.journal"):
        journal.unlink()
    assert bring(store, lake) == {"lake.present": 3}


def test_a_file_that_is_there_with_another_content_is_brought_again(tmp_path, lake):
    store = tmp_path / "store"
    expected = write_slots(store, 0, 2)
    bring(store, lake)
    shorter, other = (Path(one.file.file) for one in list_files(lake))
    shorter.write_bytes(shorter.read_bytes()[:-9])
    content = other.read_bytes()
    other.write_bytes(content[:-200] + bytes(50) + content[-150:])
    for journal in (store / "_state").glob("lake-*.journal"):
        journal.unlink()
    counts = bring(store, lake)
    assert (counts["lake.repaired"], counts["lake.uploaded"]) == (2, 2)
    assert lake_ids(lake) == expected


def test_a_compacted_file_takes_the_place_of_its_parts(tmp_path, lake):
    store = tmp_path / "store"
    expected = write_slots(store, 0, 4)
    bring(store, lake)
    compact(store)
    counts = bring(store, lake)
    assert (counts["lake.uploaded"], counts["lake.replaced"]) == (1, 4)
    assert lake_ids(lake) == expected
    hour = Path(lake.root) / "site=a/date=2026-11-21/hour=12"
    assert sorted(path.suffix for path in hour.iterdir()) == [".parquet", ".rollup"]


def test_parts_replaced_by_a_file_that_never_came_go_too(tmp_path, lake):
    """Parts are in the lake, their compacted file was itself replaced before it was brought."""
    store = tmp_path / "store"
    expected = write_slots(store, 0, 3)
    bring(store, lake)
    compact(store)
    expected += write_slots(store, 1000, 3)
    compact(store)
    counts = bring(store, lake)
    assert (counts["lake.uploaded"], counts["lake.replaced"]) == (1, 3)
    assert lake_ids(lake) == expected


def test_readers_that_come_between_the_file_and_the_end_of_its_parts_count_once(tmp_path):
    store, folder = tmp_path / "store", tmp_path / "bucket"
    place = Place("flows/lake", True)
    expected = write_slots(store, 0, 4)
    seen: list[list[int]] = []
    quiet = FolderBucket(folder)
    bring(store, place, files=quiet)
    compact(store)

    def look(call: str, path: str) -> None:
        if call in {"put", "move", "delete", "mark"}:
            seen.append(lake_ids(place, quiet))

    bring(store, place, files=FolderBucket(folder, look))
    assert len(seen) > 5
    assert all(ids == expected for ids in seen)
    assert lake_ids(place, quiet) == expected


def test_sites_share_a_lake_and_touch_nothing_of_each_other(tmp_path, lake):
    stores = {site: tmp_path / site for site in ("geneva", "zurich")}
    ids = {site: write_slots(store, number * 5000, 3) for number, (site, store) in enumerate(stores.items())}
    for site, store in stores.items():
        bring(store, lake, site)
    compact(stores["zurich"])
    bring(stores["zurich"], lake, "zurich")
    assert list_sites(lake) == ["geneva", "zurich"]
    assert lake_ids(lake) == sorted(ids["geneva"] + ids["zurich"])
    for site in stores:
        assert lake_ids(lake, sites=(site,)) == ids[site]
    assert list_sites(parse_place(str(stores["geneva"]))) == [""]
    assert lake_ids(parse_place(str(stores["geneva"]))) == ids["geneva"]


def test_a_window_takes_only_the_files_that_may_have_its_flows(tmp_path):
    store, place, bucket = tmp_path / "store", Place("flows", True), FolderBucket(tmp_path / "bucket")
    for day in range(3):
        write_slots(store, day * 1000, 2, start_ms=NOON_MS + day * 24 * HOUR_MS)
    bring(store, place, files=bucket)
    bucket.calls.clear()
    day_later = NOON_MS + 24 * HOUR_MS
    found = list_files(place, (), day_later + SLOT_MS, day_later + SLOT_MS + 1000, bucket)
    assert [one.file.start_ms for one in found] == [day_later + SLOT_MS]
    assert [path for call, path in bucket.calls if call == "walk"] == ["flows/site=a/date=2026-11-22"]
    assert len(list_files(place, (), None, None, bucket)) == 6


def test_a_crash_at_any_step_leaves_no_flow_twice_or_missing(tmp_path):
    crashes = 0
    step = 0
    while True:
        step += 1 if FULL else 3
        store = tmp_path / f"store{step}"
        (tmp_path / f"lake{step}").mkdir()
        place = parse_place(str(tmp_path / f"lake{step}"))
        expected = write_slots(store, 0, 2)
        bring(store, place)
        compact(store)
        expected += write_slots(store, 1000, 1, start_ms=NOON_MS + HOUR_MS)
        status = in_child(lambda step=step, store=store, place=place: (die_at(step), bring(store, place)))
        assert status in {0, DEATH}
        seen = lake_ids(place)
        assert seen in (expected[:120], expected)
        if status == 0:
            break
        crashes += 1
        bring(store, place)
        assert lake_ids(place) == expected
        assert bring(store, place) == {}
        hour = Path(place.root) / "site=a/date=2026-11-21/hour=12"
        assert sorted(path.suffix for path in hour.iterdir()) == [".parquet", ".rollup"]
    assert crashes > 5


def test_kills_at_random_moments_leave_no_flow_twice_or_missing(tmp_path, lake):
    """A process that uploads without end is killed again and again, while files come and hours are compacted."""
    store = tmp_path / "store"
    expected: list[int] = []
    for number in range(40 if FULL else 12):
        expected += write_slots(store, number * 1000, 3, start_ms=NOON_MS + number % 4 * SLOT_MS)
        if number % 3 == 2:
            compact(store)
        child = os.fork()
        if child == 0:
            bring(store, lake)
            os._exit(0)
        if number % 4:
            # Not when it is through: some time while it is at it.
            threading.Event().wait(0.002 * (number % 11))
            os.kill(child, 9)
        os.waitpid(child, 0)
        seen = lake_ids(lake)
        assert len(seen) == len(set(seen))
        assert set(seen) <= set(expected)
    bring(store, lake)
    assert lake_ids(lake) == sorted(expected)


def test_a_full_lake_is_told_and_gets_the_rest_later(tmp_path, lake):
    store = tmp_path / "store"
    expected = write_slots(store, 0, 3)
    room = [2]

    def fail(call: str, path: str) -> None:
        if call == "put":
            room[0] -= 1
            if room[0] < 0:
                raise OSError(28, "No space left on device", path)

    place, folder = Place("flows", True), tmp_path / "bucket"
    with pytest.raises(OSError, match="No space left"):
        bring(store, place, files=FolderBucket(folder, fail))
    assert lake_ids(place, FolderBucket(folder)) == expected[:120]
    assert bring(store, place, files=FolderBucket(folder))["lake.uploaded"] == 1
    assert lake_ids(place, FolderBucket(folder)) == expected


def test_a_lake_whose_disk_is_not_mounted_is_not_made(tmp_path):
    store = tmp_path / "store"
    write_slots(store, 0, 1)
    with pytest.raises(FileNotFoundError):
        bring(store, parse_place(str(tmp_path / "mount")))
    assert not (tmp_path / "mount").exists()


def test_a_damaged_file_is_told_once_and_stays_here(tmp_path, lake):
    store = tmp_path / "store"
    expected = write_slots(store, 0, 2)
    first = Catalog(store).slots()[0].path
    content = bytearray(first.read_bytes())
    content[300] ^= 1
    first.write_bytes(content)
    assert bring(store, lake)["lake.failed.damaged"] == 1
    assert bring(store, lake) == {}
    assert lake_ids(lake) == expected[60:]


def test_flows_older_than_the_lake_keeps_go_and_are_not_sent(tmp_path, lake):
    store = tmp_path / "store"
    write_slots(store, 0, 2)
    compact(store)
    later = NOON_MS + 10 * 24 * HOUR_MS
    kept = write_slots(store, 1000, 2, start_ms=later)
    bring(store, lake)
    counts: dict[str, int] = {}
    Upload(store, lake, "a", open_files(lake), 5 * 24 * HOUR_MS, counts.update).run(later)
    assert counts == {"lake.expired": 1}
    assert lake_ids(lake) == kept
    assert sorted(os.listdir(f"{lake.root}/site=a")) == ["_after-0", "_before-4", "_tmp", "date=2026-12-01"]
    fresh = tmp_path / "other"
    fresh.mkdir()
    counts.clear()
    Upload(
        store, parse_place(str(fresh)), "a", open_files(parse_place(str(fresh))), 5 * 24 * HOUR_MS, counts.update
    ).run(later)
    assert lake_ids(parse_place(str(fresh))) == kept


def test_what_was_replaced_is_removed_a_while_later(tmp_path, lake):
    store = tmp_path / "store"
    write_slots(store, 0, 3)
    bring(store, lake)
    compact(store)
    bring(store, lake)
    aside = Path(lake.root) / "site=a/_tmp"
    assert len(list(aside.iterdir())) == 3
    now_ms = int((aside.stat().st_mtime + 500) * 1000)
    bring(store, lake, now_ms=now_ms)
    assert len(list(aside.iterdir())) == 3
    bring(store, lake, now_ms=now_ms + 200_000)
    assert not aside.exists() or list(aside.iterdir()) == []


def test_copied_stores_of_unknown_reach_get_no_markers_that_would_speak_for_them(tmp_path, lake):
    """Somebody has copied a store with flows that reach far back; a marker of the site would hide them."""
    store = tmp_path / "store"
    write_slots(store, 0, 1)
    copied = Path(lake.root) / "site=a/date=2026-10-01/hour=3"
    copied.mkdir(parents=True)
    bring(store, lake)
    assert [name for name in os.listdir(f"{lake.root}/site=a") if name.startswith(("_before", "_after"))] == []
    assert len([name for name in os.listdir(f"{lake.root}/site=a/date=2026-11-21") if name[0] == "_"]) == 2
