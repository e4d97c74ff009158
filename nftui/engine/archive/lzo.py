"""LZO1X decompression.

No maintained package for Python offers it, and nfdump compressed with it by default for years. This decoder runs in
Python, a few megabytes a second.

Source: the format's description in the Linux kernel, Documentation/staging/lzo.rst.
"""

from __future__ import annotations


class LzoError(ValueError):
    """The compressed data are damaged."""


def decompress(data: bytes, limit: int) -> bytes:
    """The bytes that an LZO1X stream stands for.

    Args:
        data: a raw stream, without a header.
        limit: bytes that may come out at most.

    Raises:
        LzoError: the stream is damaged, is cut off, or stands for more than `limit` bytes.
    """
    out = bytearray()
    try:
        used = _decompress(data, out, limit)
    except IndexError:
        raise LzoError("compressed data end too early") from None
    if used != len(data):
        raise LzoError("bytes behind the compressed data")
    return bytes(out)


def _decompress(data: bytes, out: bytearray, limit: int) -> int:
    """Append the decompressed bytes to `out`; bytes of `data` that were used."""
    at = 0
    state = 0  # literals that the last instruction carried: 1 to 3, or 4 after a run of literals
    size = len(data)
    if data[0] > 17:
        count = data[0] - 17
        at = 1 + count
        if at > size:
            raise IndexError
        out += data[1:at]
        state = min(4, count)
    while True:
        code = data[at]
        at += 1
        if code >= 64:
            distance = (data[at] << 3) + (code >> 2 & 7) + 1
            at += 1
            length = (code >> 5) + 1
            state = code & 3
        elif code >= 16:
            mask = 31 if code >= 32 else 7
            length = code & mask
            if not length:
                length, at = _long(data, at, mask)
            length += 2
            low = data[at] | data[at + 1] << 8
            at += 2
            distance = (low >> 2) + 1
            if code < 32:
                distance += 16383 + ((code & 8) << 11)
                if distance == 16384:
                    if length != 3:
                        raise LzoError("wrong end mark")
                    return at
            state = low & 3
        elif not state:
            count = code
            if not count:
                count, at = _long(data, at, 15)
            count += 3
            end = at + count
            if end > size:
                raise IndexError
            out += data[at:end]
            at = end
            state = 4
            if len(out) > limit:
                raise LzoError(f"more than {limit} bytes")
            continue
        else:
            distance = (data[at] << 2) + (code >> 2) + 1
            at += 1
            length = 2
            if state == 4:
                distance += 2048
                length = 3
            state = code & 3
        start = len(out) - distance
        if start < 0:
            raise LzoError("a copy from before the start")
        if distance >= length:
            out += out[start : start + length]
        else:
            pattern = out[start:]
            out += (pattern * (length // distance + 1))[:length]
        if state:
            end = at + state
            if end > size:
                raise IndexError
            out += data[at:end]
            at = end
        if len(out) > limit:
            raise LzoError(f"more than {limit} bytes")


def _long(data: bytes, at: int, base: int) -> tuple[int, int]:
    """A length that did not fit its instruction, and where the stream goes on."""
    start = at
    while not data[at]:
        at += 1
    return base + 255 * (at - start) + data[at], at + 1
