"""Coverage-guided fuzzing of the decoders, with atheris (libFuzzer).

    make fuzz TARGET=ipfix ARGS="-max_total_time=1800"
    python fuzz/decode.py ipfix FILE        one input again

Targets: v5, v9, ipfix, sflow. An input is a list of datagrams, each with its length in two bytes in front, decoded one
after the other by one decoder, as two blocks: so templates, waiting data and both ways to decode are within reach. An
input that fails is kept in fuzz/found/TARGET; it gets a name that says what it is and goes to
fuzz/corpus/TARGET, where `tests/faults/test_fuzz_corpus.py` decodes it for ever.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path(__file__).parent / "found"
VERSIONS = {"v5": b"\x00\x05", "v9": b"\x00\x09", "ipfix": b"\x00\x0a", "sflow": b"\x00\x00\x00\x05"}


def datagrams_of(data: bytes, head: bytes) -> list[bytes]:
    """The datagrams of an input; each begins with the version, so that no time goes into other ones."""
    found, at = [], 0
    while at + 2 <= len(data) and len(found) < 8:
        (size,) = struct.unpack_from(">H", data, at)
        found.append(head + data[at + 2 : at + 2 + size])
        at += 2 + size
    return found


def packed(datagrams: list[bytes], head: bytes) -> bytes:
    """An input made of datagrams: the opposite of `datagrams_of`."""
    return b"".join(struct.pack(">H", len(raw) - len(head)) + raw[len(head) :] for raw in datagrams)


def main() -> None:
    """Fuzz one target until it is stopped."""
    import atheris

    with atheris.instrument_imports(include=["nftui.engine.decode"]):
        from decode_once import decode_once

    target = sys.argv.pop(1)
    head = VERSIONS[target]

    def one_input(data: bytes) -> None:
        decode_once(datagrams_of(data, head))

    arguments = list(sys.argv)
    if all(item.startswith("-") for item in arguments[1:]):
        found = FOUND / target
        found.mkdir(parents=True, exist_ok=True)
        arguments += [str(found), str(CORPUS / target), f"-artifact_prefix={found}/"]
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
