"""Two-way, one-way and busy links of one resource to CalDAV servers, through every fault of the laboratory."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from gateway.lab.app import make_lab
from tests.e2e.caldav_side import NOT_HERE, CalDavSide
from tests.e2e.office import SOAK
from tests.e2e.storm import run_storm

EXAMPLES = int(os.environ.get("CALGATE_STORM_EXAMPLES", "200" if SOAK else "1"))
SERVERS = {
    "honest": {},
    "lying": {
        "dav_sync_collection": False, "dav_ignore_conditions": False, "dav_rewrite": True, "dav_drop_x": True,
        "dav_etags": "weak", "dav_html_errors": True,
    },
}  # fmt: skip


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("server", SERVERS if SOAK else ["honest"])
def test_after_every_storm_both_sides_are_equal_caldav(sqlite_template: Path, server: str) -> None:
    side = partial(CalDavSide, **SERVERS[server])
    fired = run_storm(side, template=sqlite_template, examples=EXAMPLES)
    print(dict(sorted(fired.items())))


async def test_no_fault_of_the_laboratorys_server_is_left_out() -> None:
    async with make_lab(providers=frozenset({"caldav"})) as laboratory:
        here = {name for name, kind in laboratory.lab.faults.kinds.items() if kind.family == "api"}
    assert {fault.kind for fault in CalDavSide().faults} == here - NOT_HERE
