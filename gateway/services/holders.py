"""Who holds a taken slot: for managers only, the doors see to that (rules.md, Conflicts)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.model import CalendarId, to_epoch_s
from gateway.store import occurrences
from gateway.store.database import Transaction

Span = tuple[datetime, datetime]


def names(tx: Transaction, calendar_id: CalendarId, spans: Sequence[Span]) -> dict[Span, str]:
    """Return the name of the person who made the object that takes each span, where it is known."""
    keys = {(to_epoch_s(start), to_epoch_s(end)): (start, end) for start, end in spans}
    found = occurrences.creators(tx, calendar_id, list(keys))
    return {keys[key]: name for key, name in found.items()}
