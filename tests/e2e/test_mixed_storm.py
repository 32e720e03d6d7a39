"""One resource with links to several providers at once: copies to one, both ways with another, busy times back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.caldav_side import CalDavSide
from tests.e2e.google_side import GoogleSide
from tests.e2e.graph_side import GraphSide
from tests.e2e.office import SOAK
from tests.e2e.storm import run_storm

EXAMPLES = int(os.environ.get("CALGATE_STORM_EXAMPLES", "50" if SOAK else "1"))


@pytest.mark.timeout(7200)
def test_pain_5_after_a_storm_over_several_providers_all_sides_are_equal(sqlite_template: Path) -> None:
    fired = run_storm(
        GoogleSide, GraphSide, CalDavSide, template=sqlite_template, examples=EXAMPLES, deals_all=SOAK
    )
    # Every fault fires in the storm of each provider; here it is the company that counts.
    print(dict(sorted(fired.items())))
