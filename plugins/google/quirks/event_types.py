"""Trap: birthdays and working locations are events too (§4): always ask for the types by name."""

from __future__ import annotations

from gateway.providers.contract import Scope

TYPES = {
    Scope.OBJECTS: ("default",),
    Scope.BUSY: ("default", "focusTime", "fromGmail", "outOfOffice"),
}
