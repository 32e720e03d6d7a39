"""Every complaint that links and the engine answer has a test that carries its number (``test_pain_NN_...``).

A test is about the provider that its name ends with, or its file's name or folder; ``_everywhere`` is about all
that can be written to. Where a complaint does not concern a provider, the reason stands here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Google, the engine and their doors; those of feeds and of the CalDAV server are counted where they live.
LINKS = frozenset({*range(1, 11), *range(14, 34), 35, 67, 68})
# What each provider is asked about (issue 4).
CONCERNED = (*range(1, 36), 61, *range(64, 69))
WRITTEN_TO = ("google", "graph", "caldav")
_NAME = re.compile(r"def (test_pain_(\d+(?:_(?:and_)?\d+)*)_\w+)")

_FILES = "it is about files at an address, which the ICS plug-in reads"
_WINDOW = "it is about Microsoft's delta of a window"
_READ = "a file is only read: nothing is written, mailed, doubled or removed there"
_HINTS = "nothing there sends messages: it is polled"
NOT_CONCERNED: dict[str, dict[int, str]] = {
    "google": {
        11: _WINDOW,
        13: _WINDOW,
        34: "it is about Microsoft's four calls at once",
        64: _FILES,
        65: _FILES,
        66: "it is about Microsoft's transactionId; ids at Google are ours",
    },
    "graph": {
        15: "it is about Google's limit of guests",
        35: "it is about Google's refusals for hours; Microsoft names the wait (33)",
        64: _FILES,
        65: _FILES,
    },
    "caldav": {
        11: _WINDOW,
        13: _WINDOW,
        15: "it is about Google's limit of guests",
        29: "a password is not refreshed",
        31: _HINTS,
        32: _HINTS,
        34: "it is about Microsoft's four calls at once",
        35: "it is about Google's refusals for hours; servers name the wait (33)",
        64: _FILES,
        65: _FILES,
        66: "it is about Microsoft's transactionId; names and UIDs there are ours",
    },
    "ics": {
        **dict.fromkeys((1, 3, 4, 6, 9, 14, 15, 16, 18, 20, 66, 68), _READ),
        11: _WINDOW,
        13: _WINDOW,
        29: "a password is not refreshed",
        31: _HINTS,
        32: _HINTS,
        34: "it is about Microsoft's four calls at once",
        35: "it is about Google's refusals for hours; servers name the wait (33)",
    },
}


def _tests() -> Iterator[tuple[Path, str, set[int]]]:
    """Yield where a test is, its name, and the numbers in it."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name, numbers in _NAME.findall(path.read_text("utf-8")):
            yield path.relative_to(ROOT / "tests"), name, {int(one) for one in re.findall(r"\d+", numbers)}


def _rows(*folders: str) -> set[int]:
    return {
        one for path, _, numbers in _tests() if path.parts[0] in folders or not folders for one in numbers
    }


def _providers(path: Path, name: str) -> tuple[str, ...]:
    if name.endswith("_everywhere") or path.stem == "test_daylight_saving":
        return WRITTEN_TO
    if found := [one for one in NOT_CONCERNED if name.endswith(f"_{one}")]:
        return tuple(found)
    return tuple(
        one for one in NOT_CONCERNED if one in path.parts or one in path.stem.removeprefix("test_").split("_")
    )


def test_every_complaint_about_links_has_a_test() -> None:
    assert sorted(LINKS - _rows()) == []


def test_every_complaint_about_links_has_a_test_of_the_engine_itself() -> None:
    assert sorted(LINKS - _rows("e2e", "services")) == []


@pytest.mark.parametrize("provider", sorted(NOT_CONCERNED))
def test_every_complaint_has_a_test_with_each_provider_or_a_reason_why_not(provider: str) -> None:
    tested = {
        one for path, name, numbers in _tests() if provider in _providers(path, name) for one in numbers
    }
    reasons = NOT_CONCERNED[provider]
    assert sorted(set(CONCERNED) - tested - reasons.keys()) == []
    # A reason that is none any more goes.
    assert sorted(reasons.keys() & tested) == []
