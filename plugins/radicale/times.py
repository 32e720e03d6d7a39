"""Time ranges of reports (RFC 4791 §9.9): UTC instants, half-open, one end may be missing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain.date_bounds import FIRST, LAST
from gateway.domain.model import Window
from plugins.radicale.problems import Problem

_UTC = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """``[start, end)``; an end that is missing is None."""

    start: datetime | None
    end: datetime | None

    @property
    def window(self) -> Window:
        """Return the range with the ends of all time in the place of missing ones."""
        return Window(start=self.start or FIRST, end=self.end or LAST)

    @property
    def is_bounded(self) -> bool:
        """Return whether both ends are given."""
        return self.start is not None and self.end is not None


def read_range(node: ET.Element) -> TimeRange:
    """Return the range of a time-range element.

    Raises:
        Problem: 403 valid-filter where it is none.
    """
    start, end = _instant(node.get("start")), _instant(node.get("end"))
    if start is None and end is None:
        raise _bad("A time range has a start, an end, or both.")
    if start is not None and end is not None and end <= start:
        raise _bad("A time range ends after it starts.")
    return TimeRange(start, end)


def read_window(node: ET.Element) -> Window:
    """Return the range of an element that needs both ends.

    Raises:
        Problem: 403 valid-filter where one is missing.
    """
    found = read_range(node)
    if not found.is_bounded:
        raise _bad("This time range needs a start and an end.")
    return found.window


def _instant(value: str | None) -> datetime | None:
    if value is None:
        return None
    if not _UTC.fullmatch(value):
        raise _bad("A time range is in UTC, as 20260101T000000Z.")
    try:
        instant = datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _bad("There is no such date.") from None
    return min(max(instant, FIRST), LAST)


def _bad(message: str) -> Problem:
    return Problem(403, message, "<C:valid-filter/>")
