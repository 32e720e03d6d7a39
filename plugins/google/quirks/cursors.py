"""Trap: a sync token is bound to the parameters of the first request (§7), so our cursor remembers them."""

from __future__ import annotations

import hashlib
import json

from gateway.providers.contract import Scope

VERSION = 1


def make_cursor(token: str, calendar_id: str, scope: Scope) -> str:
    """Return the cursor for the engine."""
    note = {"v": VERSION, "c": _short(calendar_id), "s": scope.value, "t": token}
    return json.dumps(note, separators=(",", ":"))


def read_cursor(cursor: str, calendar_id: str, scope: Scope) -> str | None:
    """Return the sync token; None where the cursor is of another calendar, scope or release."""
    try:
        note = json.loads(cursor)
    except ValueError:
        return None
    expected = {"v": VERSION, "c": _short(calendar_id), "s": scope.value}
    if not isinstance(note, dict) or any(note.get(name) != value for name, value in expected.items()):
        return None
    token = note.get("t")
    return token if isinstance(token, str) and token else None


def _short(calendar_id: str) -> str:
    return hashlib.sha256(calendar_id.encode()).hexdigest()[:16]
