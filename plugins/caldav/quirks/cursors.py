"""Two kinds of places: a sync token where the server has them, else what was listed last.

Without RFC 6578 the cursor itself holds the ETags, shortened and packed; beyond ``MAX_KNOWN`` resources
only a digest, with which an unchanged calendar costs one listing and a changed one a full compare.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION = 1
MAX_KNOWN = 5000
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the last pull ended: ``token``, or the digest of a listing, and its resources if they are few."""

    token: str = ""
    digest: str = ""
    known: Mapping[str, str] | None = field(default=None, repr=False)


def short(etag: str) -> str:
    """Return the part of an ETag that is kept."""
    return hashlib.sha256(etag.encode("utf-8", "replace")).hexdigest()[:12]


def place_of(listing: Mapping[str, str]) -> Place:
    """Return the place after a listing of names and ETags."""
    known = {name: short(etag) for name, etag in sorted(listing.items())}
    digest = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:32]
    return Place(digest=digest, known=known if len(known) <= MAX_KNOWN else None)


def make_cursor(place: Place, calendar_id: str) -> str:
    """Return the cursor for the engine."""
    note: dict[str, object] = {"v": VERSION, "c": short(calendar_id)}
    if place.token:
        note["t"] = place.token
    else:
        note["d"] = place.digest
        if place.known is not None:
            packed = zlib.compress(json.dumps(place.known, separators=(",", ":")).encode(), 6)
            note["k"] = base64.b85encode(packed).decode()
    return json.dumps(note, separators=(",", ":"))


def read_cursor(cursor: str, calendar_id: str) -> Place | None:
    """Return the place; None where the cursor is of another calendar or release."""
    try:
        note = json.loads(cursor)
    except (ValueError, RecursionError):
        return None
    if not isinstance(note, dict) or note.get("v") != VERSION or note.get("c") != short(calendar_id):
        return None
    token, digest = note.get("t", ""), note.get("d", "")
    if not isinstance(token, str) or not isinstance(digest, str) or not (token or digest):
        return None
    try:
        known = _unpacked(note["k"]) if "k" in note else None
    except (ValueError, TypeError, zlib.error):
        return None
    return Place(token=token, digest=digest, known=known)


def _unpacked(text: str) -> Mapping[str, str]:
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b85decode(text), _MAX_BYTES)
    found = json.loads(data) if not unpacker.unconsumed_tail else None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("not a listing")
    return found
