"""Addresses replaced by others, so that two that share a prefix of n bits still do: Crypto-PAn.

Source: J. Fan, J. Xu, M. Ammar, S. Moon, "Prefix-preserving IP address anonymization" (Computer Networks 46, 2004),
and the authors' implementation 1.0. Bit i of the result is bit i of the address, inverted or not as the first bit of
AES-128 says of the i bits before it, filled up with a secret pad. For IPv6 the same over 128 bits.

The key has 32 bytes: the AES key and what the pad is made from. The same key gives the same addresses, in all
fields, files and runs; who has the key can go back. One address costs 16 AES blocks (IPv4) or 128 (IPv6), and each
address of a batch is computed once.

Ports, times, counters, AS numbers and interfaces stay as they are, and give much away (docs/convert.md). MAC
addresses, user names and elements without a column are removed, for they name people and machines.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FIELDS, Kind, Show
from nftui.errors import UsageError
from nftui.trust import cautions

KEY_BYTES = 32
REMOVED = frozenset(
    name
    for name, item in FIELDS.items()
    if item.show is Show.MAC or name in {"username", "site"} or item.kind is Kind.EXTRA
)
"""Fields that anonymised flows do not have."""

_ADDRESSES = tuple(item for item in FIELDS.values() if item.kind is Kind.ADDRESS)
_MAPPED = 0xFFFF
_TOP_BITS = 16
_PORTION = 1 << 14
"""Addresses enciphered at once: 4 MB of blocks for IPv4."""
_HALF = (1 << 64) - 1

Halves = NDArray[np.int64]


class Anonymiser:
    """Replaces addresses under one key.

    Args:
        key: 32 bytes.

    Raises:
        ValueError: the key has another length.
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import ECB

        if len(key) != KEY_BYTES:
            raise ValueError("a key of Crypto-PAn has 32 bytes")
        # Single blocks under a fixed key are what the algorithm is made of: it is a keyed function, not a message.
        self._cipher = Cipher(AES(key[:16]), ECB())  # noqa: S305
        encryptor = self._cipher.encryptor()
        self._pad = np.frombuffer(encryptor.update(key[16:]), ">u8").astype(np.uint64)
        self._top = self._top_bits()

    def address(self, value: int) -> int:
        """One address as 128-bit integer, IPv4 mapped."""
        halves = [np.array([part], np.uint64).view(np.int64) for part in (value >> 64, value & _HALF)]
        high, low = self.halves(*halves)
        return (int(high[0]) & _HALF) << 64 | int(low[0]) & _HALF

    def halves(self, high: Halves, low: Halves) -> tuple[Halves, Halves]:
        """Addresses as columns of a batch hold them, int64[n] each; new arrays."""
        out_high, out_low = high.copy(), low.copy()
        v4 = (high == 0) & (low >> 32 == _MAPPED)
        if v4.any():
            distinct, codes = np.unique(low[v4].astype(np.uint32), return_inverse=True)
            out_low[v4] = self._ipv4(distinct).astype(np.int64)[codes] | _MAPPED << 32
        v6 = ~v4
        if v6.any():
            pairs = np.stack([high[v6], low[v6]], axis=1).view(np.uint64)
            distinct, codes = np.unique(pairs, axis=0, return_inverse=True)
            replaced = self._ipv6(distinct)[codes.reshape(-1)].view(np.int64)
            out_high[v6], out_low[v6] = replaced[:, 0], replaced[:, 1]
        return out_high, out_low

    def batch(self, batch: FlowBatch) -> FlowBatch:
        """The flows with other addresses and without what names people and machines; columns are shared."""
        columns = {name: column for name, column in batch.columns.items() if name not in REMOVED}
        for item in _ADDRESSES:
            high, low = item.physical
            if high in columns:
                columns[high], columns[low] = self.halves(columns[high], columns[low])
        return FlowBatch(
            batch.length,
            columns,
            {name: mask for name, mask in batch.valid.items() if name not in REMOVED},
            {name: text for name, text in batch.text.items() if name not in REMOVED},
        )

    def _ipv4(self, addresses: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Distinct IPv4 addresses; their upper half by table."""
        pad = np.uint32(self._pad[0] >> np.uint64(32))
        out = np.empty_like(addresses)
        for start in range(0, len(addresses), _PORTION):
            part = addresses[start : start + _PORTION]
            firsts = np.empty((len(part), 32 - _TOP_BITS), np.uint32)
            for column, length in enumerate(range(_TOP_BITS, 32)):
                mask = np.uint32((0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF)
                firsts[:, column] = part & mask | pad & ~mask
            lower = np.packbits(self._bits(firsts), axis=1).view(">u2")[:, 0]
            upper = self._top[part >> np.uint32(_TOP_BITS)]
            out[start : start + _PORTION] = part ^ (upper.astype(np.uint32) << np.uint32(16) | lower)
        return out

    def _top_bits(self) -> NDArray[np.uint16]:
        """What the upper 16 bits of each IPv4 address are changed by: uint16[65536]."""
        pad = np.uint32(self._pad[0] >> np.uint64(32))
        values = np.arange(1 << _TOP_BITS, dtype=np.uint32)
        out = np.zeros(1 << _TOP_BITS, np.uint16)
        for length in range(_TOP_BITS):
            prefixes = np.arange(1 << length, dtype=np.uint32)
            mask = np.uint32((0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF)
            firsts = (prefixes << np.uint32(32 - length) if length else prefixes) | pad & ~mask
            bits = self._bits(firsts.reshape(-1, 1))[:, 0]
            out |= bits[values >> np.uint32(_TOP_BITS - length)].astype(np.uint16) << np.uint16(15 - length)
        return out

    def _bits(self, firsts: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """First bits of the enciphered blocks that begin with these 32 bits and go on with the pad."""
        blocks = np.empty((*firsts.shape, 4), ">u4")
        blocks[..., 0] = firsts
        blocks[..., 1:] = self._pad.astype(">u8").view(">u4")[1:]
        return self._first_bits(blocks)

    def _ipv6(self, addresses: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Distinct IPv6 addresses, uint64[n, 2]; each upper half is computed once."""
        uppers, codes = np.unique(addresses[:, 0], return_inverse=True)
        change = np.empty_like(addresses)
        change[:, 0] = self._half_bits(uppers, None)[codes]
        change[:, 1] = self._half_bits(addresses[:, 1], addresses[:, 0])
        return addresses ^ change

    def _half_bits(self, values: NDArray[np.uint64], uppers: NDArray[np.uint64] | None) -> NDArray[np.uint64]:
        """What a half is changed by: the upper one if `uppers` is None, else the lower one behind these."""
        out = np.empty(len(values), np.uint64)
        masks = np.array([_HALF << (64 - length) & _HALF for length in range(64)], np.uint64)
        for start in range(0, len(values), _PORTION // 4):
            part = slice(start, start + _PORTION // 4)
            blocks = np.empty((len(values[part]), 64, 2), ">u8")
            side = 0 if uppers is None else 1
            blocks[:, :, side] = values[part, None] & masks | self._pad[side] & ~masks
            blocks[:, :, 1 - side] = self._pad[1] if uppers is None else uppers[part, None]
            out[part] = np.packbits(self._first_bits(blocks), axis=1).view(">u8")[:, 0]
        return out

    def _first_bits(self, blocks: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
        """First bit of each block enciphered; blocks are the last axis."""
        raw = self._cipher.encryptor().update(blocks.tobytes())
        return np.frombuffer(raw, np.uint8)[::16].reshape(blocks.shape[:-1]) >> np.uint8(7)


def random_key() -> bytes:
    """A key that nobody knows."""
    return secrets.token_bytes(KEY_BYTES)


def read_key(text: str, tell: Callable[[str], None] = lambda _: None) -> bytes:
    """A key as a user gives it: the name of a file that holds it, 64 hexadecimal digits, or 32 characters.

    The digits may begin with 0x, as nfanon wants them; a file may also hold 32 bytes.

    Args:
        text: as given.
        tell: takes what the user should know, such as that others may read the file.

    Raises:
        UsageError: none of these.
        PermissionDenied: everybody may write the file.
    """
    given: bytes = text.encode()
    if os.path.isfile(text):
        try:
            with open(text, "rb") as file:
                for caution in cautions(Path(text), file.fileno(), secret=True):
                    tell(f"nftui: {caution}")
                given = file.read(4 * KEY_BYTES)
        except OSError as error:
            raise UsageError(f"{text}: {error.strerror}") from error
        if len(given) != KEY_BYTES:
            given = given.strip()
    if re.fullmatch(rb"(0x)?[0-9a-fA-F]{64}", given):
        return bytes.fromhex(given[-64:].decode())
    if len(given) == KEY_BYTES:
        return given
    raise UsageError("a key for anonymising is a file with it, 64 hexadecimal digits or 32 characters")
