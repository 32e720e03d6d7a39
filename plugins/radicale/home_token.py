"""Sync tokens of a calendar home: they carry the state of every calendar in it, so nothing is kept for them.

A token is good as long as the database is the same one, whatever has been added, removed or revoked since.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping

from gateway.domain.errors import InvalidSyncToken
from gateway.services import calendar_properties
from gateway.services.access import HomeEntry
from plugins.radicale.requests import Request

_BEGIN = "urn:calgate:home:"
_MAX_BYTES = 1_000_000  # of a token when it is unpacked: some ten thousand calendars
States = dict[str, str]  # what a calendar is like, by its name in the home


def states(request: Request) -> States:
    """Return the state of every calendar in the home: it changes with objects, properties and rights."""
    entries = request.session.home(request.principal)
    ids = [entry.calendar_id for entry in entries]
    own = calendar_properties.of_person(request.session.tx, ids, request.principal)
    return {entry.slug: _state(entry, own.get(entry.calendar_id, {})) for entry in entries}


def _state(entry: HomeEntry, own: Mapping[str, str]) -> str:
    resource, calendar = entry.resource, entry.calendar
    shown = (
        int(entry.level), resource.name, resource.color, resource.description, resource.zone,
        calendar.components, sorted(own.items()),
    )  # fmt: skip
    return f"{calendar.id}.{calendar.seq}.{zlib.crc32(repr(shown).encode()):x}"


def current(request: Request) -> str:
    """Return the token of the home as it is."""
    return write(request, states(request))


def write(request: Request, known: States) -> str:
    """Return the token of a client that knows these states."""
    packed = zlib.compress(json.dumps(known, sort_keys=True, separators=(",", ":")).encode())
    return f"{_BEGIN}{_epoch(request)}:{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def read(request: Request, token: str) -> States:
    """Return what the client of a token knows.

    Raises:
        InvalidSyncToken: it is none of ours, or of before a restore.
    """
    begin = f"{_BEGIN}{_epoch(request)}:"
    if not token.startswith(begin):
        raise InvalidSyncToken
    text = token.removeprefix(begin)
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacking = zlib.decompressobj()
        found = json.loads(unpacking.decompress(packed, _MAX_BYTES))
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        raise InvalidSyncToken from None
    if not isinstance(found, dict) or not all(isinstance(state, str) for state in found.values()):
        raise InvalidSyncToken
    return found


def _epoch(request: Request) -> str:
    """Return what changes with a restore; a home without any calendar has nothing to follow."""
    entries = request.session.home(request.principal)
    return entries[0].calendar.epoch if entries else "none"
