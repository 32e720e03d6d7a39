"""docs/caldav.md names every refusal and report that the code has."""

from __future__ import annotations

import re
from pathlib import Path

from plugins.radicale import problems, report

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "caldav.md").read_text()


def test_every_precondition_stands_in_the_table_with_its_status() -> None:
    for _, status, condition in problems._CONDITIONS:
        if condition and "resource-must-be-null" not in condition:
            name = condition.strip("</>")
            assert re.search(rf"^\| {status} \| `{name}` \|", TEXT, re.MULTILINE), name


def test_every_report_is_documented() -> None:
    for name in report._REPORTS:
        assert f"`{name.partition('}')[2]}`" in TEXT
