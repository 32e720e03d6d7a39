"""The benchmark runs, small; its lines are targets and no test asserts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

NAMES = {
    "import of 300 events",
    "other requests meanwhile, p95",
    "resident memory, RSS",
    "feed of 500 events, 304, of nginx",
    "PROPFIND at 3000 against 50 events",
    "PUT update with If-Match",
    "sync-collection, nothing new",
    "calendar-query by UID",
    "free-busy-query one month",
    "4 clients, errors",
    "event-loop delay p95, four clients list everything",
}


@pytest.mark.timeout(280)
def test_the_benchmark_measures_every_figure_and_writes_it_down(tmp_path: Path) -> None:
    target = tmp_path / "bench.json"
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--json", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=270,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    written = json.loads(target.read_text())
    figures = {one["name"]: one for one in written["figures"]}
    assert figures.keys() >= NAMES
    assert any(name.startswith("PUT into 300, times stock Radicale") for name in figures)
    assert all(one["value"] is None or one["value"] > 0 or one["line"] == 0 for one in figures.values())
    assert written["machine"]["fsync_ms"] > 0
    for name in figures:
        assert name[:50] in ended.stdout
    assert set(written["below"]) <= figures.keys()
