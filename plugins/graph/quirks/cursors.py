"""Trap: a delta link is bound to the window of its first request, for ever (§9), so our cursor remembers it.

It also remembers which expanded series there were: a removal names only the event that is gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.domain.model import Window
from gateway.providers.contract import Scope

VERSION = 1
# Trap: calendarView takes at most 1825 days (§9).
LONGEST = timedelta(days=1825)
_PAST, _FUTURE = timedelta(days=366), timedelta(days=366 * 2)
_WIDER = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the next round of a calendar begins.

    Attributes:
        link: Graph's delta link.
        window: what it tells of.
        groups: expanded series by id, with a digest of their events.
    """

    link: str
    window: Window
    groups: Mapping[str, str] = field(default_factory=dict)

    def text(self, calendar_id: str, scope: Scope) -> str:
        """Return the cursor for the engine."""
        note = {
            "v": VERSION,
            "c": _short(calendar_id),
            "s": scope.value,
            "w": [moment.isoformat() for moment in (self.window.start, self.window.end)],
            "g": dict(sorted(self.groups.items())),
            "d": self.link,
        }
        return json.dumps(note, separators=(",", ":"))


def read_cursor(cursor: str, calendar_id: str, scope: Scope) -> Cursor | None:
    """Return the cursor; None where it is of another calendar, scope or release."""
    try:
        note = json.loads(cursor)
        expected = {"v": VERSION, "c": _short(calendar_id), "s": scope.value}
        if not isinstance(note, dict) or any(note.get(name) != value for name, value in expected.items()):
            return None
        start, end = (datetime.fromisoformat(text).astimezone(UTC) for text in note["w"])
        groups, link = note["g"], note["d"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(link, str) or not isinstance(groups, dict):
        return None
    return Cursor(
        link=link, window=Window(start=start, end=end), groups={str(k): str(v) for k, v in groups.items()}
    )


def window_for(wanted: Window | None, now: datetime) -> Window:
    """Return the window of a new round: what is wanted and a month more, so that it lasts for a month."""
    asked = clamped(wanted, now) if wanted is not None else Window(start=now - _PAST, end=now + _FUTURE)
    start, end = asked.start - _WIDER, asked.end + _WIDER
    return Window(start=_midnight(start), end=_midnight(min(end, start + LONGEST - timedelta(days=1))))


def clamped(wanted: Window, now: datetime) -> Window:
    """Return what of a window can be asked for at once, the past first given up."""
    room = LONGEST - 2 * _WIDER - timedelta(days=2)
    start = wanted.start
    if wanted.end - start > room:
        start = max(start, min(now - _PAST, wanted.end - room))
    return Window(start=start, end=min(wanted.end, start + room))


def covers(cursor: Cursor, wanted: Window | None, now: datetime) -> bool:
    """Return whether a cursor still tells of what is wanted; otherwise the window rolls: a new round."""
    if wanted is None:
        return True
    asked = clamped(wanted, now)
    return cursor.window.start <= asked.start and asked.end <= cursor.window.end


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _short(calendar_id: str) -> str:
    return hashlib.sha256(calendar_id.encode()).hexdigest()[:16]
