"""Decompression of the blocks in nfdump's files, bounded: nfdump itself has room for 5 MB of one block."""

from __future__ import annotations

import bz2

from nftui.engine.archive.lzo import LzoError
from nftui.engine.archive.lzo import decompress as decompress_lzo
from nftui.engine.archive.nfdump_layout import LARGEST_BLOCK, Compression


class BlockDamaged(ValueError):
    """A block cannot be decompressed; the text says why."""


def decompress(kind: Compression, payload: bytes) -> bytes:
    """The payload of a block as it was before compression.

    Args:
        kind: how it is compressed.
        payload: as it is in the file.

    Raises:
        BlockDamaged: it is damaged or stands for more than `LARGEST_BLOCK` bytes.
    """
    match kind:
        case Compression.NONE:
            return payload
        case Compression.LZ4:
            return _lz4(payload)
        case Compression.BZ2:
            return _bz2(payload)
        case Compression.ZSTD:
            return _zstd(payload)
        case Compression.LZO:
            try:
                return decompress_lzo(payload, LARGEST_BLOCK)
            except LzoError as error:
                raise BlockDamaged(f"LZO: {error}") from None


def _lz4(payload: bytes) -> bytes:
    """A raw LZ4 block. Not with Arrow's codec: that does not tell how many bytes came out."""
    import lz4.block

    try:
        out: bytes = lz4.block.decompress(payload, uncompressed_size=LARGEST_BLOCK)
    except lz4.block.LZ4BlockError as error:
        raise BlockDamaged(f"LZ4: {str(error).lower()}") from None
    return out


def _bz2(payload: bytes) -> bytes:
    reader = bz2.BZ2Decompressor()
    try:
        out = reader.decompress(payload, LARGEST_BLOCK)
    except (OSError, ValueError) as error:
        raise BlockDamaged(f"bzip2: {str(error).lower()}") from None
    if not reader.eof:
        raise BlockDamaged("bzip2: no end of the stream")
    return out


def _zstd(payload: bytes) -> bytes:
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.BufferReader(payload), "zstd") as stream:
            out: bytes = stream.read(LARGEST_BLOCK + 1)
    except (OSError, pa.ArrowException) as error:
        raise BlockDamaged(f"zstd: {str(error).lower()}") from None
    if len(out) > LARGEST_BLOCK:
        raise BlockDamaged(f"zstd: more than {LARGEST_BLOCK} bytes")
    return out
