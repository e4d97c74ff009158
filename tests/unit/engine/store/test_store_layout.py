"""Names and places in a store."""

from pathlib import Path

import pytest

from nftui.engine.store.layout import PartName, parse_date, parse_file, parse_hour, parse_stem, slot_start

ROOT = Path("/store")
NAME = PartName(1_795_259_100_000, "5e1f09ac", 3)


def test_paths_of_a_part() -> None:
    assert NAME.stem == "20261121T110500Z-5e1f09ac-000003"
    assert NAME.segment(ROOT) == ROOT / "_live/20261121T110500Z-5e1f09ac-000003.arrows"
    assert NAME.temporary(ROOT) == ROOT / "_tmp/.20261121T110500Z-5e1f09ac-000003.tmp"
    assert NAME.sealed(ROOT) == ROOT / "date=2026-11-21/hour=11/20261121T110500Z-5e1f09ac-000003.parquet"


def test_hours_have_no_leading_zero() -> None:
    assert PartName(1_795_222_800_000, "00000000", 1).sealed(ROOT).parent == ROOT / "date=2026-11-21/hour=1"


@pytest.mark.parametrize("number", [0, 999_999, 1_000_000])
def test_names_are_read_back(number: int) -> None:
    name = PartName(1_795_259_100_000, "0123abcd", number)
    assert parse_stem(name.stem) == name
    assert parse_file(name.stem + ".parquet", ".parquet") == name


@pytest.mark.parametrize(
    "stem",
    ["", "nfcapd.202611211105", "20261321T110500Z-5e1f09ac-000003", "20261121T110500Z-5E1F09AC-000003",
     "20261121T110500Z-5e1f09ac-3", "x20261121T110500Z-5e1f09ac-000003", "20261121T110500Z-5e1f09ac-000003\n"],
)  # fmt: skip
def test_foreign_names_are_not_ours(stem: str) -> None:
    assert parse_stem(stem) is None


def test_directories() -> None:
    assert parse_date("date=1970-01-02") == 86_400_000
    assert parse_date("date=2026-02-30") is None
    assert [parse_hour(name) for name in ("hour=0", "hour=23", "hour=24", "hour=07", "hour=")] == [
        0,
        23,
        None,
        None,
        None,
    ]


def test_slots_are_aligned_to_the_epoch() -> None:
    assert slot_start(1_795_259_399_999, 300) == 1_795_259_100_000
    assert slot_start(1_795_259_400_000, 300) == 1_795_259_400_000
    assert slot_start(1_795_259_399_999, 86_400) == 1_795_219_200_000


def test_absurd_times_have_a_slot_with_a_name() -> None:
    assert slot_start(-5, 300) == 0
    assert PartName(slot_start(1 << 62, 300), "00000000", 1).stem.startswith("99991231T235500Z")
