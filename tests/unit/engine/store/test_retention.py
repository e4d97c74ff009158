import pytest

from nftui.engine.store.retention import Policy, parse_policy
from nftui.errors import UsageError

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500", 500), ("500b", 500), ("1k", 1024), ("1.5K", 1536), ("10G", 10 << 30), ("10 GB", 10 << 30),
     ("2TiB", 2 << 40), ("1m", 1 << 20), ("0", 0)],
)  # fmt: skip
def test_sizes(text: str, expected: int):
    assert parse_policy(size=text).most_bytes == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4w", 28 * DAY_MS), ("31d", 31 * DAY_MS), ("36H", 3 * DAY_MS // 2), ("90M", 5_400_000), ("90m", 5_400_000),
     ("1d12H", 3 * DAY_MS // 2), ("1w 1d", 8 * DAY_MS), ("0.5d", DAY_MS // 2)],
)  # fmt: skip
def test_ages(text: str, expected: int):
    assert parse_policy(age=text).most_age_ms == expected


def test_percentages():
    policy = parse_policy(free="5%", watermark="90")
    assert (policy.least_free, policy.watermark) == (0.05, 0.9)


def test_without_texts_there_is_no_limit():
    assert parse_policy() == Policy()
    assert not parse_policy().limited
    assert parse_policy(age="1d").limited


@pytest.mark.parametrize(
    "texts",
    [{"size": "ten"}, {"size": "-1"}, {"size": "10X"}, {"size": "9" * 30}, {"age": "4"}, {"age": "4y"}, {"age": "w"},
     {"age": "4w junk"}, {"free": "0"}, {"free": "101"}, {"watermark": "a"}, {"watermark": "0%"}],
)  # fmt: skip
def test_other_texts_are_refused(texts: dict[str, str]):
    with pytest.raises(UsageError):
        parse_policy(**texts)
