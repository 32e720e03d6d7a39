"""Quota properties (RFC 4331): the bytes that objects take, and what the disk still has."""

from __future__ import annotations

import os

from gateway.services import reading
from plugins.radicale.requests import Request
from plugins.radicale.view import View


def used_by_calendar(request: Request, view: View) -> str | None:
    """Return the size of all objects; nothing where it would tell how long hidden text is."""
    if view.is_masked:
        return None
    return str(reading.total_bytes(request.session.tx, [view.entry.calendar_id]))


def used_by_person(request: Request) -> str:
    """Return the size of all objects in the calendars that the person has made."""
    home = request.session.home(request.principal)
    own = [
        entry.calendar_id
        for entry in home
        if entry.resource.is_personal and entry.resource.owner_id == request.principal.id
    ]
    return str(reading.total_bytes(request.session.tx, own))


def available(request: Request) -> str | None:
    """Return what the disk of the database has left; nothing where it is another machine's."""
    if not request.handle.db.is_sqlite:
        return None
    try:
        disk = os.statvfs(request.handle.settings.data)
    except OSError:
        return None
    return str(disk.f_bavail * disk.f_frsize)
