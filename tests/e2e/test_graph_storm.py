"""Two-way, one-way and busy links of one resource to Microsoft, through every fault of the laboratory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.lab.app import make_lab
from tests.e2e.graph_side import GraphSide
from tests.e2e.office import SOAK
from tests.e2e.storm import run_storm

EXAMPLES = int(os.environ.get("CALGATE_STORM_EXAMPLES", "200" if SOAK else "2"))


@pytest.mark.timeout(7200)
def test_after_every_storm_outlook_and_we_are_equal(sqlite_template: Path) -> None:
    fired = run_storm(GraphSide, template=sqlite_template, examples=EXAMPLES, deals_all=SOAK)
    print(dict(sorted(fired.items())))


async def test_no_fault_of_the_laboratorys_microsoft_is_left_out() -> None:
    async with make_lab(providers=frozenset({"microsoft"})) as laboratory:
        assert {fault.kind for fault in GraphSide().faults} == set(laboratory.lab.faults.kinds)
