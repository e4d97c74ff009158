"""Packet filters: compiled by libpcap, run by the kernel when live and here, all packets at once, for files.

The language is tcpdump's (pcap-filter(7)); the machine is the classic BPF of McCanne and Jacobson (USENIX 1993).
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.frames.views import Link, load
from nftui.errors import BackendError, UsageError
from nftui.probe.packets import PacketBlock

Instruction = tuple[int, int, int, int]
"""Operation code, jump if true, jump if false, constant."""
Program = tuple[Instruction, ...]

_SO_ATTACH_FILTER = 26
_WORD = 0xFFFFFFFF
_RETURN = 6
Ints = NDArray[np.int64]


def compile_filter(expression: str, link: int, snaplen: int) -> Program:
    """Compile an expression for packets of a link type.

    Args:
        expression: in the language of pcap-filter(7); empty for all packets.
        link: link type of the packets; `Link.NETWORK` is compiled as raw IP.
        snaplen: bytes of each packet to keep, what an accepting program returns.

    Raises:
        UsageError: the expression is wrong.
        BackendError: libpcap is missing.
    """
    if not expression.strip():
        return ((_RETURN, 0, 0, snaplen),)
    pcap, structure = _libpcap()
    handle = pcap.pcap_open_dead(Link.RAW_BSD if link in {Link.NETWORK, Link.RAW} else link, snaplen)
    program = structure()
    try:
        if pcap.pcap_compile(handle, ctypes.byref(program), expression.encode(), 1, _WORD) != 0:
            reason = ctypes.string_at(pcap.pcap_geterr(handle)).decode(errors="replace")
            raise UsageError(f"packet filter {expression!r}: {reason}")
        return tuple((i.code, i.jt, i.jf, i.k) for i in program.bf_insns[: program.bf_len])
    finally:
        pcap.pcap_close(handle)


def _libpcap() -> tuple[Any, Any]:
    """Scapy's binding of libpcap, and its structure for programs."""
    try:
        import scapy.libs.winpcapy as pcap
        from scapy.libs.structures import bpf_program
    except (ImportError, OSError) as error:
        raise BackendError(
            "packet filters need libpcap: install the package libpcap0.8 (Debian, Ubuntu) or libpcap (Fedora, Alpine)"
        ) from error
    return pcap, bpf_program


def attach(opened: socket.socket, program: Program) -> None:
    """Let the kernel filter what a socket gets (SO_ATTACH_FILTER, socket(7)). Raises OSError."""
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(buffer)))


def matches(program: Program, block: PacketBlock) -> NDArray[np.bool_]:
    """Which packets of a block a program accepts."""
    return _Machine(program, block).run()


class _Machine:
    """Runs a program over a block. Jumps only lead forward, so one pass over the instructions is enough."""

    def __init__(self, program: Program, block: PacketBlock) -> None:
        count = len(block)
        self._program = program
        self._data = block.data
        self._start = block.offset
        self._captured = block.captured.astype(np.int64)
        self._wire = block.wire.astype(np.int64)
        self._a = np.zeros(count, np.int64)
        self._x = np.zeros(count, np.int64)
        self._memory = np.zeros((16, count), np.int64)
        self._waiting: dict[int, list[Ints]] = {0: [np.arange(count)]}
        self._accepted = np.zeros(count, np.bool_)

    def run(self) -> NDArray[np.bool_]:
        """Execute; True where the program returns anything but 0."""
        for counter, (code, true, false, k) in enumerate(self._program):
            parts = self._waiting.pop(counter, None)
            if parts is None:
                continue
            rows = np.concatenate(parts)
            kind = code & 7
            if kind == _RETURN:
                self._accepted[rows] = k != 0 if code & 0x18 == 0 else self._a[rows] != 0
            elif kind == 5:
                self._jump(counter, code, true, false, k, rows)
            else:
                self._go(counter + 1, self._compute(kind, code, k, rows))
        return self._accepted

    def _go(self, counter: int, rows: Ints) -> None:
        if len(rows):
            self._waiting.setdefault(counter, []).append(rows)

    def _jump(self, counter: int, code: int, true: int, false: int, k: int, rows: Ints) -> None:
        if code & 0xF0 == 0:
            self._go(counter + 1 + k, rows)
            return
        left = self._a[rows]
        right = self._x[rows] if code & 8 else np.int64(k)
        tests: dict[int, Callable[[], NDArray[np.bool_]]] = {
            0x10: lambda: left == right,
            0x20: lambda: left > right,
            0x30: lambda: left >= right,
            0x40: lambda: (left & right) != 0,
        }
        yes = tests[code & 0xF0]()
        self._go(counter + 1 + true, rows[yes])
        self._go(counter + 1 + false, rows[~yes])

    def _compute(self, kind: int, code: int, k: int, rows: Ints) -> Ints:
        """One instruction that is no jump; returns the rows that go on: reading beyond the packet rejects it."""
        if kind in {0, 1}:
            rows, values = self._load(code, k, rows)
            (self._a if kind == 0 else self._x)[rows] = values
        elif kind in {2, 3}:
            self._memory[k & 15, rows] = (self._a if kind == 2 else self._x)[rows]
        elif kind == 4:
            rows = self._calculate(code, k, rows)
        elif code & 0xF8:
            self._a[rows] = self._x[rows]
        else:
            self._x[rows] = self._a[rows]
        return rows

    def _load(self, code: int, k: int, rows: Ints) -> tuple[Ints, Ints]:
        mode, size = code & 0xE0, code & 0x18
        if mode == 0:
            return rows, np.full(len(rows), k, np.int64)
        if mode == 0x60:
            return rows, self._memory[k & 15, rows]
        if mode == 0x80:
            return rows, self._wire[rows]
        width = {0: 4, 8: 2, 16: 1}[size] if mode != 0xA0 else 1
        at = k + (self._x[rows] if mode == 0x40 else np.zeros(len(rows), np.int64))
        inside = at + width <= self._captured[rows]
        rows, at = rows[inside], at[inside]
        values = load(self._data, f">u{width}")[self._start[rows] + at].astype(np.int64)
        return rows, (values & 15) * 4 if mode == 0xA0 else values

    def _calculate(self, code: int, k: int, rows: Ints) -> Ints:
        right = self._x[rows] if code & 8 else np.full(len(rows), k, np.int64)
        operation = code & 0xF0
        if operation in {0x30, 0x90}:
            rows, right = rows[right != 0], right[right != 0]
        left = self._a[rows]
        operations: dict[int, Callable[[], Ints]] = {
            0x00: lambda: left + right,
            0x10: lambda: left - right,
            0x20: lambda: left * right,
            0x30: lambda: left // right,
            0x40: lambda: left | right,
            0x50: lambda: left & right,
            0x60: lambda: np.where(right < 32, left << np.minimum(right, 31), 0),
            0x70: lambda: np.where(right < 32, left >> np.minimum(right, 31), 0),
            0x80: lambda: -left,
            0x90: lambda: left % right,
            0xA0: lambda: left ^ right,
        }
        self._a[rows] = operations[operation]() & _WORD
        return rows
