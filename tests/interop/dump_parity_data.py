"""The same flows in an nfdump file and in a store: data for comparing the two programs' answers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
from live_peers import PATIENCE_SECONDS, send_paced, wait_for_socket
from loopback_ports import free_port

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.engine.store.writer import StoreWriter
from nftui.text import V4_PREFIX

FIRST_MS = 1_767_261_600_000  # 2026-01-01 10:00:00 UTC
FLOWS = 4000
SLOT_SECONDS = 300


def make_batch(flows: int = FLOWS, seed: int = 7) -> FlowBatch:
    """Flows of one exporter: IPv4 and IPv6, TCP, UDP and ICMP, with AS, masks, VLANs and MAC addresses."""
    rng = np.random.default_rng(seed)
    batch = FlowBatch(flows)
    column = batch.columns
    v6 = rng.random(flows) < 0.1
    for name, base, spread, prefix in (
        ("src_addr", 0x0A000000, 200, 0x20010DB8), ("dst_addr", 0xC0000200, 60, 0x20010DB9),
    ):  # fmt: skip
        host = (rng.pareto(1.2, flows) * 3).astype(np.int64) % spread
        column[f"{name}_lo"] = np.where(v6, host + 1, V4_PREFIX | (base + host))
        column[f"{name}_hi"] = np.where(v6, prefix << 32, 0)
    column["proto"] = rng.choice([6, 17, 1], flows, p=[0.6, 0.33, 0.07]).astype(np.uint8)
    column["proto"][v6 & (column["proto"] == 1)] = 58
    icmp = np.isin(column["proto"], (1, 58))
    ports = rng.choice([53, 80, 123, 443, 8080, 51820], flows).astype(np.uint16)
    column["src_port"] = np.where(icmp, 0, rng.integers(1024, 1400, flows)).astype(np.uint16)
    # nfcapd 1.7.1 forgets an ICMP type that comes as destination port
    column["dst_port"] = np.where(icmp, 0, ports).astype(np.uint16)
    swap = (rng.random(flows) < 0.3) & ~icmp
    for a, b in (("src_port", "dst_port"), ("src_addr_hi", "dst_addr_hi"), ("src_addr_lo", "dst_addr_lo")):
        column[a], column[b] = np.where(swap, column[b], column[a]), np.where(swap, column[a], column[b])
    flags = rng.choice([2, 16, 18, 24, 27, 31, 4, 20], flows)
    column["tcp_flags"] = np.where(column["proto"] == 6, flags, 0).astype(np.uint16)
    column["ip_tos"] = rng.choice([0, 0, 0, 8, 184], flows).astype(np.uint8)
    column["packets"] = 1 + (rng.pareto(0.9, flows) * 4).astype(np.int64) % 5_000_000
    column["bytes"] = column["packets"] * rng.integers(40, 1500, flows)
    column["flows"] = np.ones(flows, np.int64)
    column["in_if"] = rng.integers(1, 5, flows).astype(np.uint32)
    column["out_if"] = rng.integers(1, 5, flows).astype(np.uint32)
    column["src_as"] = rng.choice([0, 13, 64512, 4200000001], flows).astype(np.uint32)
    column["dst_as"] = rng.choice([13, 559, 64512], flows).astype(np.uint32)
    column["src_mask"] = rng.choice([8, 24], flows).astype(np.uint8)
    column["dst_mask"] = rng.choice([16, 24], flows).astype(np.uint8)
    column["src_vlan"] = rng.choice([10, 20], flows).astype(np.uint16)
    column["dst_vlan"] = rng.choice([10, 30], flows).astype(np.uint16)
    column["in_src_mac"] = 0x001122334400 + rng.integers(0, 5, flows)
    column["out_dst_mac"] = 0x00AABBCCDD00 + rng.integers(0, 5, flows)
    column["direction"] = rng.integers(0, 2, flows).astype(np.uint8)
    column["forwarding_status"] = rng.choice([64, 64, 64, 128, 131], flows).astype(np.uint8)
    for name in ("next_hop", "bgp_next_hop"):
        column[f"{name}_hi"] = np.zeros(flows, np.int64)
        column[f"{name}_lo"] = V4_PREFIX | (0xC6336400 + rng.integers(1, 4, flows))
    start = FIRST_MS + rng.integers(0, 1_500_000, flows)
    duration = np.where(rng.random(flows) < 0.15, 0, rng.integers(0, 90_000, flows))
    column["time_flow_start_ms"] = start
    column["time_flow_end_ms"] = start + duration
    column["time_received_ms"] = column["time_flow_end_ms"] + rng.integers(0, 3000, flows)
    column["sampler_address_hi"] = np.zeros(flows, np.int64)
    column["sampler_address_lo"] = np.full(flows, V4_PREFIX | 0x7F000001)
    column["observation_domain_id"] = np.full(flows, 5, np.uint32)
    column["flow_source"] = np.full(flows, 9, np.uint8)
    column["quality"] = np.zeros(flows, np.uint16)
    return batch.take(np.argsort(column["time_received_ms"], kind="stable"))


def write_store(batch: FlowBatch, root: Path, slot_seconds: int = SLOT_SECONDS) -> None:
    """Flows into sealed slots by their times of reception."""
    clock = ManualClock(int(batch.columns["time_received_ms"][0]))
    writer = StoreWriter(root, slot_seconds, clock)
    writer.open()
    slots = batch.columns["time_received_ms"].astype(np.int64) // (slot_seconds * 1000)
    for slot in np.unique(slots).tolist():
        clock.step(slot * slot_seconds - clock.now_ms() / 1000 + 1)
        writer.append(batch.take(slots == slot))
        clock.advance(slot_seconds)
        writer.tick()
    writer.close()


def write_nfcapd(batch: FlowBatch, folder: Path) -> Path:
    """Flows over loopback into nfcapd; returns the folder of its files."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = ["nfcapd", "-w", str(folder), "-p", str(port), "-t", "3600", "-b", "127.0.0.1", "-B", "20000000"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_socket(port)
        time.sleep(0.3)
        boot = int(batch.columns["time_flow_start_ms"].min()) - 3_600_000
        export = int(batch.columns["time_flow_end_ms"].max()) + 1000
        skip = ("time_received_ms", "flow_source", "quality", "observation_domain_id", "sampler_address")
        encoder = NetFlow9Encoder(5, boot_ms=boot, skip=skip)
        send_paced(encoder.encode(batch, export), port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)
    return folder


def rows_of(printed: str) -> list[str]:
    """The data rows of a list or of statistics, without headers and summary."""
    return [line.rstrip() for line in printed.splitlines() if line[:4].isdigit()]


def nfdump(files: Path, *arguments: str) -> str:
    """What nfdump prints, in UTC."""
    done = subprocess.run(
        ["nfdump", "-R", str(files), *arguments], capture_output=True, text=True, env={**os.environ, "TZ": "UTC"},
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
