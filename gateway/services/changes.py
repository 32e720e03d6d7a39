"""The change log as readers see it: sync tokens (RFC 6578) and what changed since one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.errors import InvalidSyncToken
from gateway.domain.model import Calendar, CalendarId, Change
from gateway.services.objects import lock
from gateway.store import calendars as calendar_store
from gateway.store import changes as change_store
from gateway.store.changes import MASKED
from gateway.store.database import Transaction

__all__ = ["MASKED", "ChangeSet", "position", "prune", "since", "token"]

_TOKEN = re.compile(r"urn:calgate:sync:([0-9a-f]{8,40}):([0-9a-f]{8}):(0|[1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """What a reader has to learn: the newest change of each href, oldest first, and the token that follows.

    ``is_truncated``: there is more behind ``token``.
    """

    token: str
    changes: tuple[Change, ...]
    is_truncated: bool


def token(calendar: Calendar, seq: int | None = None) -> str:
    """Return the sync token of a calendar at ``seq``, by default at its newest change."""
    number = calendar.seq if seq is None else seq
    return f"urn:calgate:sync:{calendar.epoch}:{calendar.resource.uuid[:8]}:{number}"


def position(calendar: Calendar, sync_token: str, *, listed_above: int | None = None) -> int:
    """Return the number that a sync token of this calendar stands for.

    ``listed_above`` is the floor of the log when a listing in pages began: its reader holds nothing that
    was deleted below, so its tokens are good while the floor stays.

    Raises:
        InvalidSyncToken: it is of another calendar, of before a restore, too old, or never given out.
    """
    match = _TOKEN.fullmatch(sync_token)
    if match is None or match[1] != calendar.epoch or match[2] != calendar.resource.uuid[:8]:
        raise InvalidSyncToken
    seq = int(match[3])
    floor = 0 if listed_above == calendar.min_seq else calendar.min_seq
    if not floor <= seq <= calendar.seq:
        raise InvalidSyncToken
    return seq


def since(
    tx: Transaction,
    calendar: Calendar,
    sync_token: str,
    *,
    limit: int | None = None,
    listed_above: int | None = None,
) -> ChangeSet:
    """Return what changed since ``sync_token``; ``calendar`` was read in the same transaction.

    Raises:
        InvalidSyncToken: see ``position``.
    """
    seq = position(calendar, sync_token, listed_above=listed_above)
    lines = change_store.since(tx, calendar.id, seq, limit=None if limit is None else limit + 1)
    is_truncated = limit is not None and len(lines) > limit
    lines = lines[:limit] if is_truncated else lines
    end = calendar.seq
    if is_truncated:
        end = lines[-1].seq if lines else seq  # a limit of nothing leads nowhere
    return ChangeSet(token=token(calendar, end), changes=tuple(lines), is_truncated=is_truncated)


def prune(tx: Transaction, calendar_id: CalendarId, *, before: datetime) -> None:
    """Forget tombstones older than ``before`` and refuse the sync tokens that would need them."""
    calendar = lock(tx, calendar_id)
    floor = change_store.prune(tx, calendar_id, before=before)
    if floor > calendar.min_seq:
        calendar_store.set_min_seq(tx, calendar_id, floor)
