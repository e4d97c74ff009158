"""Seeded mutations of export datagrams: what a broken exporter, a bad link or an attacker would send."""

from __future__ import annotations

import random
from collections.abc import Iterator

_NASTY = (0, 1, 2, 3, 4, 5, 7, 8, 16, 127, 128, 254, 255)
_WORDS = (0, 1, 3, 4, 5, 255, 256, 257, 32767, 32768, 65534, 65535)


def mutate(rng: random.Random, raw: bytes, other: bytes) -> bytes:
    """One mutation of a datagram; the version is mostly left alone, so that the decoders behind it are reached."""
    data = bytearray(raw)
    kind = rng.randrange(8)
    if kind == 0:  # flip bits
        for _ in range(rng.randrange(1, 8)):
            data[rng.randrange(2, len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:  # nasty bytes
        for _ in range(rng.randrange(1, 8)):
            data[rng.randrange(2, len(data))] = rng.choice(_NASTY)
    elif kind == 2:  # nasty words, where lengths and counts are
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(1, max(2, len(data) // 2)) * 2
            data[at : at + 2] = rng.choice(_WORDS).to_bytes(2, "big")
    elif kind == 3:  # cut
        del data[rng.randrange(len(data)) :]
    elif kind == 4:  # repeat a part
        at, size = rng.randrange(len(data)), rng.randrange(1, 200)
        data[at:at] = data[at : at + size] * rng.randrange(1, 12)
    elif kind == 5:  # remove a part
        at = rng.randrange(2, len(data))
        del data[at : at + rng.randrange(1, 60)]
    elif kind == 6:  # splice two datagrams
        data[rng.randrange(2, len(data)) :] = other[rng.randrange(len(other)) :]
    else:  # noise
        at = rng.randrange(2, len(data))
        data[at : at + rng.randrange(1, 100)] = rng.randbytes(rng.randrange(0, 100))
    return bytes(data[:65_000])


def mutations(seed: int, datagrams: list[bytes], count: int) -> Iterator[bytes]:
    """`count` mutations of the datagrams, with an unchanged one now and then so that templates are known."""
    rng = random.Random(seed)
    usable = [raw for raw in datagrams if len(raw) > 24]
    for place in range(count):
        raw = rng.choice(usable)
        yield raw if place % 16 == 0 else mutate(rng, raw, rng.choice(usable))


def mutate_any(rng: random.Random, raw: bytes, other: bytes, words: tuple[bytes, ...] = ()) -> bytes:
    """One to three mutations of any input, an empty one too; with words of its format, where they are known."""
    data = bytearray(raw)
    for _ in range(rng.randrange(1, 4)):
        place, kind = rng.randrange(len(data) + 1), rng.randrange(9)
        size = rng.randrange(1, 9)
        if kind == 0 and data:  # flip bits
            data[min(place, len(data) - 1)] ^= 1 << rng.randrange(8)
        elif kind == 1:  # nasty bytes
            data[place : place + 1] = bytes([rng.choice(_NASTY)])
        elif kind == 2:  # lengths and counts, in either order and of any width
            width = rng.choice((2, 4, 8))
            number = rng.choice((*_WORDS, (1 << 8 * width) - 1, 1 << (8 * width - 1)))
            data[place : place + width] = number.to_bytes(width, rng.choice(("little", "big")))
        elif kind == 3:  # cut
            del data[place:]
        elif kind == 4:  # repeat a part
            data[place:place] = data[place : place + size * 4] * rng.randrange(1, 30)
        elif kind == 5:  # remove a part
            del data[place : place + size * 4]
        elif kind == 6:  # splice
            data[place:] = other[rng.randrange(len(other) + 1) :]
        elif kind == 7 and words:
            data[place : place + rng.choice((0, size))] = rng.choice(words) * rng.choice((1, 1, 1, 100))
        else:  # noise
            data[place : place + size] = rng.randbytes(size)
    return bytes(data[:65_000])
