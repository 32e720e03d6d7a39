"""Every complaint that links and the engine answer has a test that carries its number (``test_pain_NN_...``)."""

from __future__ import annotations

import re

from tests.conftest import ROOT

# Google, the engine and their doors; those of feeds and of the CalDAV server are counted where they live.
LINKS = frozenset({*range(1, 11), *range(14, 34), 35, 67, 68})
_NAME = re.compile(r"def test_pain_(\d+(?:_and_\d+)*)_")


def _rows(folder: str) -> set[int]:
    found: set[int] = set()
    for path in (ROOT / "tests" / folder).rglob("test_*.py"):
        for match in _NAME.finditer(path.read_text("utf-8")):
            found.update(int(number) for number in match[1].split("_and_"))
    return found


def test_every_complaint_about_links_has_a_test() -> None:
    everywhere = _rows(".")
    assert sorted(LINKS - everywhere) == []


def test_every_complaint_about_links_has_a_test_of_the_engine_itself() -> None:
    engine = _rows("e2e") | _rows("services")
    assert sorted(LINKS - engine) == []
