"""Crypto-PAn: the published vectors, prefixes kept, all address fields, keys as users give them."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.anonymise import REMOVED, Anonymiser, read_key
from nftui.engine.batch import ExtraColumn, FlowBatch, TextColumn
from nftui.errors import UsageError

REFERENCE_KEY = bytes(
    [21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
     216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2]
)  # fmt: skip
"""Of the sample that comes with the reference implementation 1.0."""

SAMPLE = {
    "128.11.68.132": "135.242.180.132", "129.118.74.4": "134.136.186.123", "130.132.252.244": "133.68.164.234",
    "141.223.7.43": "141.167.8.160", "152.163.225.39": "151.140.114.167", "156.29.3.236": "147.225.12.42",
    "165.247.96.84": "162.9.99.234", "166.107.77.190": "160.132.178.185", "192.102.249.13": "252.138.62.131",
    "192.215.32.125": "252.43.47.189", "195.205.63.100": "255.186.223.5", "198.26.132.101": "249.36.123.202",
    "204.29.20.4": "243.33.20.123", "209.246.74.109": "226.22.124.76", "216.227.10.221": "235.28.253.36",
    "24.0.250.221": "100.15.198.226", "4.3.88.225": "124.60.155.63", "63.97.7.140": "95.97.9.123",
    "64.39.15.238": "0.219.7.41",
}  # fmt: skip
COUNTING_KEY = bytes(range(32))
TEXT_KEY = b"32-char-str-for-AES-key-and-pad."


def replaced(anonymiser: Anonymiser, text: str) -> str:
    value = ip_address(text)
    number = int(value) if value.version == 6 else 0xFFFF << 32 | int(value)
    found = IPv6Address(anonymiser.address(number))
    return str(found.ipv4_mapped or found)


def test_sample_trace_of_the_reference_implementation() -> None:
    anonymiser = Anonymiser(REFERENCE_KEY)
    assert {source: replaced(anonymiser, source) for source in SAMPLE} == SAMPLE


@pytest.mark.parametrize(
    ("key", "source", "wanted"),
    [
        (COUNTING_KEY, "192.0.2.1", "2.90.93.17"),
        (COUNTING_KEY, "2001:db8::1", "dd92:2c44:3fc0:ff1e:7ff9:c7f0:8180:7e00"),
        (TEXT_KEY, "192.0.2.1", "192.0.125.244"),
        (TEXT_KEY, "2001:db8::1", "27fe:8bc7:fee:1e:1e1f:f0fe:f0e1:83fd"),
        (REFERENCE_KEY, "::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed"),
    ],
)
def test_vectors_of_other_implementations(key: bytes, source: str, wanted: str) -> None:
    """Those of pycryptopan, yacryptopan and node-cryptopan, which do IPv6 the same way."""
    assert replaced(Anonymiser(key), source) == wanted


ANONYMISER = Anonymiser(COUNTING_KEY)


def shared_bits(one: int, other: int, width: int) -> int:
    return width - (one ^ other).bit_length()


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_ipv4_prefixes_are_kept_and_no_more(one: int, other: int) -> None:
    mapped = 0xFFFF << 32
    hidden = [ANONYMISER.address(mapped | value) for value in (one, other)]
    assert [value >> 32 for value in hidden] == [0xFFFF, 0xFFFF]
    assert shared_bits(*hidden, 32) == shared_bits(one, other, 32)


@given(st.integers(0, 2**128 - 1), st.integers(0, 127))
def test_ipv6_prefixes_are_kept_and_no_more(one: int, bit: int) -> None:
    other = one ^ 1 << bit
    if any(value >> 32 == 0xFFFF for value in (one, other)):
        return  # IPv4
    assert shared_bits(ANONYMISER.address(one), ANONYMISER.address(other), 128) == 127 - bit


def test_a_batch_is_replaced_in_all_address_fields_alike() -> None:
    low = np.array([0xFFFF << 32 | 0xC0000201, 1], np.int64)
    high = np.array([0, 0x20010DB8 << 32], np.int64)
    names = ("src_addr", "dst_addr", "next_hop", "bgp_next_hop", "sampler_address", "post_nat_src_addr",
             "post_nat_dst_addr")  # fmt: skip
    columns = {f"{name}_{half}": values for name in names for half, values in (("hi", high), ("lo", low))}
    columns |= {"src_port": np.array([1, 2], np.uint16), "in_src_mac": np.array([3, 4], np.int64)}
    batch = FlowBatch(
        2,
        columns,
        {"in_src_mac": np.array([True, False]), "src_port": np.array([True, True])},
        {"username": TextColumn(np.array([0, -1], np.int32), ["ann"])},
        ExtraColumn(np.array([0, 0, 0], np.int64), np.zeros(0, np.uint8)),
    )
    hidden = ANONYMISER.batch(batch)
    wanted = [0xFFFF << 32 | int(ip_address("2.90.93.17")), int(ip_address("dd92:2c44:3fc0:ff1e:7ff9:c7f0:8180:7e00"))]
    for name in names:
        assert [hidden.value(name, row) for row in (0, 1)] == wanted, name
    assert [hidden.value("src_port", row) for row in (0, 1)] == [1, 2]
    assert not any(hidden.has(name) for name in REMOVED)
    assert {"in_src_mac", "in_dst_mac", "out_src_mac", "out_dst_mac", "username", "site", "extra"} == REMOVED
    assert batch.value("src_addr", 0) == 0xFFFF << 32 | 0xC0000201  # the source is as it was


def test_many_addresses_are_replaced_as_single_ones_are() -> None:
    rng = np.random.default_rng(7)
    low = np.concatenate([rng.integers(0, 2**32, 40_000) | 0xFFFF << 32, rng.integers(0, 2**63, 5_000)])
    high = np.concatenate([np.zeros(40_000, np.int64), rng.integers(1, 2**63, 5_000)])
    new_high, new_low = ANONYMISER.halves(high, low)
    mask = (1 << 64) - 1
    for row in (0, 16_383, 16_384, 39_999, 40_000, 44_096, 44_999):
        one = (int(high[row]) & mask) << 64 | int(low[row]) & mask
        assert (int(new_high[row]) & mask) << 64 | int(new_low[row]) & mask == ANONYMISER.address(one)


def test_keys_as_digits_text_and_files(tmp_path: Path) -> None:
    assert read_key("0x" + REFERENCE_KEY.hex()) == REFERENCE_KEY
    assert read_key(REFERENCE_KEY.hex().upper()) == REFERENCE_KEY
    assert read_key(TEXT_KEY.decode()) == TEXT_KEY
    file = tmp_path / "key"
    for content in (REFERENCE_KEY, REFERENCE_KEY.hex().encode() + b"\n", b"0x" + REFERENCE_KEY.hex().encode()):
        file.write_bytes(content)
        assert read_key(str(file)) == REFERENCE_KEY
    for wrong in ("", "short", "0x12", "g" * 64):
        with pytest.raises(UsageError, match="32 characters"):
            read_key(wrong)
