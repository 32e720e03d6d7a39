"""What this machine is: three small figures that put all others in proportion."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from gateway.domain.ical import parse_object
from tests.bench.seed import bench_event


def probe() -> dict[str, float]:
    """Return the loop (million steps a second), one fsync (ms), and parsing of one event (ms)."""
    return {"loop_msteps_s": _loop(), "fsync_ms": _fsync(), "parse_ms": _parse()}


def _loop() -> float:
    begun = time.perf_counter()
    total = 0
    for number in range(2_000_000):
        total += number
    assert total
    return 2.0 / (time.perf_counter() - begun)


def _fsync() -> float:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "probe"
        took = []
        with path.open("wb", buffering=0) as handle:
            for _ in range(50):
                begun = time.perf_counter()
                handle.write(b"x" * 4096)
                os.fsync(handle.fileno())
                took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def _parse() -> float:
    data = bench_event(1)
    took = []
    for _ in range(100):
        begun = time.perf_counter()
        parse_object(data, max_bytes=100_000)
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000
