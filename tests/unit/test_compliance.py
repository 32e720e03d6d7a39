"""Every line of docs/compliance.md is proved or says why not (its being current: test_documentation.py)."""

from __future__ import annotations

import pytest

from tests.compliance import tables
from tests.compliance.lines import LINES, TITLES


@pytest.mark.parametrize("label", tables.known())
def test_a_line_is_proved_or_says_why_not(label: str) -> None:
    line = tables.known()[label]
    proofs = tables.proofs().get(label, [])
    if line.why_not:
        assert not proofs, f"{label} is proved now: leave out why_not"
    else:
        assert proofs, f"{label}: {line.what}: mark the test that proves it, or say why not"


def test_every_mark_names_a_line() -> None:
    assert set(tables.proofs()) <= set(tables.known())
    assert set(TITLES) == set(LINES)
    assert sum(map(len, LINES.values())) == len(tables.known()), "two lines have one label"
