"""caldav-server-tester against the door: about a hundred behaviours, graded by a foreign program.

What it does not grade as *full* stands in ``docs/caldav.md`` with the paragraph that allows it, and nothing else
may stand there.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.servers import ROOT

_ROW = re.compile(r"^\| `([a-z.-]+)` \| ([^|]+) \|", re.MULTILINE)
_RUN = "from caldav_server_tester import check_server_compatibility; check_server_compatibility()"
_LEAST = 90  # features; fewer would mean that checks were left out


def documented() -> set[str]:
    """Return the features in the table of deviations."""
    text = (ROOT / "docs" / "caldav.md").read_text("utf-8")
    table = text.partition("## What a server tester says")[2].partition("\n## ")[0]
    rows = dict(_ROW.findall(table))
    assert all(len(reason.strip()) > 20 for reason in rows.values()), rows
    return set(rows)


def test_the_server_tester_finds_no_deviation_that_is_not_documented(
    sqlite_world: Any, tmp_path: Path
) -> None:
    bob = sqlite_world.bob
    ended = subprocess.run(
        [
            sys.executable, "-c", _RUN, "--format", "hints", "--caldav-url", f"{sqlite_world.base}/dav/",
            "--caldav-username", "bob", "--caldav-password", bob.password,
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        # No configuration of whoever runs the tests.
        env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    graded: dict[str, dict[str, Any]] = ast.literal_eval(ended.stdout)
    assert len(graded) >= _LEAST
    deviating = {name for name, found in graded.items() if found.get("support", "full") != "full"}
    assert deviating == documented(), {name: graded.get(name) for name in deviating ^ documented()}
