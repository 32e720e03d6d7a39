"""The rows of the sync engine run, small, and count what they have written; no test asserts their lines."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.bench.bench_engine import ROWS
from tests.conftest import ROOT

SOAK = os.environ.get("CALGATE_SOAK") == "1"
IN_SHORT = ("visible", "nodes")


@pytest.mark.timeout(280)
@pytest.mark.parametrize("row", sorted(ROWS) if SOAK else IN_SHORT)
def test_a_row_loses_nothing_and_doubles_nothing(row: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_engine", "--quick", "--only", row],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=270,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "p99" in ended.stdout or "of a core" in ended.stdout
