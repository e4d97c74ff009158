"""The table of everything that is fuzzed: one entry for each way by which bytes come in.

An entry is found by `make fuzz TARGET=NAME` (coverage-guided), by the seeded mutations of
`tests/faults/test_parser_mutations.py`, and by `test_fuzz_corpus.py`, which checks every file of `corpus/NAME`.
A new parser needs an entry here and its first inputs in `seeds.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import check_answers
import check_exports
import check_files
import check_packets
import check_screen
import check_texts

_JSON = (
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b'""',
    b"18446744073709551616",
    b"0.5",
    b'"\\u001b"',
)
_WORDS = (
    b" and ", b" or ", b"not ", b"(", b")", b"src ", b"dst ", b"net ", b"port ", b"proto ", b"flags ", b" in [", b"]",
    b"10.0.0.0/8", b"::1/128", b"> ", b"< ", b"bytes ", b"1k", b"-1", b"packets ", b"duration ", b"@a", b"ip ",
    b"ident ", b"as ", b"any", b"mac ", b"if ", b"tos ", b"icmp ", b"\"x\"", b"=", b"exists ", b"username ",
)  # fmt: skip
_TIMES = (b"-", b"/", b":", b".", b"T", b"Z", b"now", b"today", b"yesterday", b"..", b"+", b"2026/11/21", b"1h", b" ")
_LINES = (b"\n", b"\t", b"#", b",", b";", b'"', b"0", b"/33", b"::", b"hxxp://", b"[.]", b"port ", b"65536", b"\x1b[2J")

_KEYS = (b"[keys]\n", b"=", b'"', b"\n", b" ", b"ctrl+", b"F5", b"Space", b"pause", b"units", b"\\u001b", b"\xc3\xa9")
_TOML = (b"=", b'"', b"\n", b"'''", b'"""', b"[", b"]", b"new", b"include", b"\\u001b", b"#", b"\r", b"\\")
_PLACES = (b"country", b"names", b"\xab\xcd\xefMaxMind.com", b"en", b"\xe3", b"\x20\x00", b"node_count", b"\xc1")


@dataclass(frozen=True)
class Target:
    """One way in.

    Attributes:
        check: takes an input, raises for anything that must not happen, and gives how much came out of it.
        words: bytes that the format is made of, for the mutations.
        rounds: mutations in a run of the tests; a few seconds' worth.
        fruitless: whether nothing needs to come out of mutated inputs, because a checksum guards them.
    """

    check: Callable[[bytes], int]
    words: tuple[bytes, ...] = ()
    rounds: int = 3000
    fruitless: bool = False


TARGETS: dict[str, Target] = {
    **{name: Target(partial(check_exports.export, target=name), rounds=300) for name in check_exports.VERSIONS},
    "frames": Target(check_packets.frames, rounds=400),
    "nfdump": Target(check_files.archive, rounds=1500),
    "nfdump-v1": Target(check_files.archive, rounds=1500),
    "flow-tools": Target(check_files.archive, rounds=1500),
    "export-capture": Target(check_files.archive, rounds=300),
    "ipfix-file": Target(check_files.archive, rounds=300),
    "goflow2": Target(check_files.archive, rounds=600),
    "packet-capture": Target(check_files.capture, rounds=500),
    "parquet": Target(check_files.foreign_parquet, rounds=150),
    "segment": Target(check_files.segment, rounds=1500),
    "chunk": Target(check_files.chunk, rounds=1500),
    "footer": Target(check_files.footer, _JSON, rounds=600),
    "sealed": Target(check_files.sealed, rounds=100),
    "filter": Target(check_texts.filter_text, _WORDS, rounds=1500),
    "window": Target(check_texts.time_window, _TIMES, rounds=10_000),
    "options": Target(
        check_texts.options, (b"/", b",", b":", b"=", b"%", b"/24", b"flows", b"srcip", b"5m", b"["), 2000
    ),
    "packet-filter": Target(check_texts.packet_filter, _WORDS, rounds=2000),
    "config": Target(check_texts.config, (b"[", b"]", b"=", b'"', b"\n", b"{", b"'''", b"\\u", b"."), rounds=2000),
    "kafka-settings": Target(check_texts.kafka_settings, (b"=", b"\n", b"#", b" ", b"\xff", b"\x1b[2J"), rounds=2000),
    "keymap": Target(check_screen.keymap, _KEYS, rounds=800),
    "saved-filters": Target(check_screen.saved, _TOML, rounds=800),
    "geography": Target(check_screen.geography, _PLACES, rounds=2000),
    "element-file": Target(check_texts.element_file, _LINES),
    "element-value": Target(check_texts.element_value, rounds=10_000),
    "indicators": Target(check_texts.indicators, _LINES, rounds=2000),
    "control-request": Target(check_answers.request, _JSON, rounds=10_000),
    "control-answer": Target(check_answers.answer, _JSON, rounds=3000),
    "templates": Target(check_answers.templates, _JSON, rounds=800),
    "watch-state": Target(check_answers.watch_state, _JSON, rounds=2000),
    "journal": Target(check_answers.journal, _JSON, rounds=1000),
}
