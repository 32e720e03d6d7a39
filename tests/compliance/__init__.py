"""Which test proves which paragraph of which standard: `proves` marks tests, ``lines`` names the paragraphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., object])


def proves(*labels: str) -> Callable[[Test], Test]:
    """Mark a test as the proof of lines, each as ``RFC 4791 §7.8``; read from the source by `tables`.

    A label that is no line of ``lines`` fails tests/unit/test_compliance.py.
    """
    del labels

    def unchanged(test: Test) -> Test:
        return test

    return unchanged
