"""Calendars of our own that are to be made at a provider, which lets an account make a few at a time only.

Creating one is not idempotent, so the wish is a row before the provider is asked, the attempt is noted in it,
and an attempt whose end nobody saw is looked for by name before another one is made. The row's remote id
tells its state until the calendar is there; links may be bound to it from the beginning.
"""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.link_model import AccountId
from gateway.domain.model import from_epoch_s, to_epoch_s
from gateway.providers.contract import CalendarLook, RemoteCalendar
from gateway.store import remote_calendars
from gateway.store.database import Transaction

_WANTED, _MAKING = "wanted:", "making:"
_PATIENCE = timedelta(minutes=2)  # longer than any call to a provider may take


class Step(enum.Enum):
    """What is to be done about a wanted calendar."""

    MAKE = "make"
    LOOK = "look"  # an attempt was begun and its end is not known
    WAIT = "wait"  # another link or process is at it
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A calendar to be made, and the next step; ``known_ids`` were there before it was wanted."""

    row_id: int
    step: Step
    look: CalendarLook
    known_ids: frozenset[str]


def is_wanted(remote_id: str) -> bool:
    """Return whether a calendar's remote id says that it is still to be made."""
    return remote_id.startswith((_WANTED, _MAKING))


def want(tx: Transaction, account_id: AccountId, look: CalendarLook, *, now: datetime) -> int:
    """Note that an account shall have a calendar of our own; return its row."""
    return remote_calendars.save(
        tx,
        account_id,
        f"{_WANTED}{uuid.uuid4()}",
        {
            "name": (look.name or "Calgate")[:255],
            "color": look.color,
            "zone": look.zone,
            "is_writable": True,
            "is_ours": True,
            "seen_at_utc": now,
        },
    )


def begin(tx: Transaction, row_id: int, *, now: datetime) -> Wish | None:
    """Take the right to make a calendar, and note the attempt; None where nobody wants it any more."""
    row = remote_calendars.get(tx, row_id)
    if row is None:
        return None
    step = _step(row["remote_id"], now)
    if step in {Step.MAKE, Step.LOOK}:
        remote_calendars.change(tx, row_id, {"remote_id": f"{_MAKING}{to_epoch_s(now)}:{uuid.uuid4()}"})
    return Wish(
        row_id=row_id,
        step=step,
        look=CalendarLook(name=row["name"], zone=row["zone"] or "UTC", color=row["color"]),
        known_ids=remote_calendars.ids_before(tx, AccountId(row["account_id"]), row_id),
    )


def made(tx: Transaction, row_id: int, found: RemoteCalendar, *, now: datetime) -> int:
    """Store the id of a calendar that was made or found; return the row that stands for it now."""
    return remote_calendars.resolve(
        tx,
        row_id,
        found.id,
        {"name": found.name[:255], "zone": found.zone, "place": found.place, "seen_at_utc": now},
    )


def again(tx: Transaction, row_id: int) -> None:
    """Note that an attempt surely made nothing."""
    remote_calendars.change(tx, row_id, {"remote_id": f"{_WANTED}{uuid.uuid4()}"})


def give_up(tx: Transaction, row_id: int) -> None:
    """Forget a wish that the provider refuses for good, where no link waits for it."""
    remote_calendars.remove_unlinked(tx, row_id)


def _step(remote_id: str, now: datetime) -> Step:
    if remote_id.startswith(_WANTED):
        return Step.MAKE
    if not remote_id.startswith(_MAKING):
        return Step.DONE
    begun = from_epoch_s(int(remote_id.split(":")[1]))
    return Step.WAIT if now - begun < _PATIENCE else Step.LOOK
