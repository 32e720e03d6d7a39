"""Two-way, one-way and busy links of one resource to Google, through every fault of the laboratory."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.lab.app import make_lab
from tests.e2e.google_side import GoogleSide
from tests.e2e.office import SOAK
from tests.e2e.storm import run_storm

EXAMPLES = int(os.environ.get("CALGATE_STORM_EXAMPLES", "200" if SOAK else "2"))


def test_after_every_storm_both_sides_are_equal(sqlite_template: Path) -> None:
    fired = run_storm(GoogleSide, template=sqlite_template, examples=EXAMPLES)
    print(dict(sorted(fired.items())))


async def test_no_fault_of_the_laboratory_is_left_out() -> None:
    async with make_lab() as laboratory:
        assert {fault.kind for fault in GoogleSide().faults} == set(laboratory.lab.faults.kinds)
