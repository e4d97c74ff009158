"""Coverage-guided fuzzing of one target, with atheris (libFuzzer).

    make fuzz TARGET=ipfix ARGS="-max_total_time=1800"
    python fuzz/run.py ipfix FILE           one input again
    python fuzz/run.py                      the names of the targets

An input that fails is kept in fuzz/found/TARGET; it gets a name that says what it is and goes to
fuzz/corpus/TARGET, where `tests/faults/test_fuzz_corpus.py` checks it for ever.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path(__file__).parent / "found"


def main() -> None:
    """Fuzz one target until it is stopped."""
    import atheris

    with atheris.instrument_imports(include=["nftui"]):
        from targets import TARGETS

        if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
            sys.exit("targets: " + " ".join(TARGETS))
        name = sys.argv.pop(1)
        target = TARGETS[name]
        # What is imported at the first use is to be followed, too.
        for path in (CORPUS / name).iterdir():
            with suppress(Exception):
                target.check(path.read_bytes())

    def one_input(data: bytes) -> None:
        target.check(data)

    arguments = list(sys.argv)
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    if all(item.startswith("-") for item in arguments[1:]):
        arguments += [str(found), str(CORPUS / name), f"-artifact_prefix={found}/"]
    if target.words:
        words = FOUND / f"{name}.dict"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
        arguments.append(f"-dict={words}")
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    """A word as libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
