"""The corpus as objects to push to a provider, and their occurrences in the year of their first start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.domain.errors import InvalidInput
from gateway.domain.ical import ParsedObject, parse_entry, split_import
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from gateway.providers.contract import ObjectKey
from tests.judge.corpus import calendar_files

ZONE = ZoneInfo("Europe/Berlin")
MAX_BYTES = 10_000_000
LIMIT = 5000
_PROBE = Window(start=datetime(1900, 1, 1, tzinfo=UTC), end=datetime(1900, 1, 2, tzinfo=UTC))
Spans = set[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One object of the corpus; ``name`` is its file and UID."""

    name: str
    obj: ParsedObject
    key: ObjectKey


def cases(step: int = 1) -> Iterator[Case]:
    """Yield every object that can be read, or one of ``step`` of them, always in the same order."""
    base, files = calendar_files()
    number = 0
    for path in files:
        try:
            entries = list(split_import(path.read_bytes(), max_object_bytes=MAX_BYTES).entries)
        except InvalidInput:
            continue
        for entry in entries:
            number += 1
            if number % step:
                continue
            try:
                obj = parse_entry(entry, max_bytes=MAX_BYTES)
            except InvalidInput:
                continue
            key = ObjectKey(instance_id="corpus", resource_uuid=f"object-{number}", uid=obj.uid)
            yield Case(name=f"{path.relative_to(base)} {obj.uid}", obj=obj, key=key)


def year_of(obj: ParsedObject) -> Window:
    """Return the year in which an object starts for the first time."""
    first = expand(obj, zone=ZONE, window=_PROBE, limit=LIMIT).first_start
    assert first is not None
    return Window(
        start=datetime(first.year, 1, 1, tzinfo=UTC), end=datetime(first.year + 1, 1, 1, tzinfo=UTC)
    )


def spans_of(obj: ParsedObject, window: Window) -> Spans:
    """Return the occurrences of an object in a window as instants."""
    found = expand(obj, zone=ZONE, window=window, limit=LIMIT).occurrences
    return {(each.start, each.end) for each in found}
