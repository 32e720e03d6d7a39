"""What the tests of CalDAV's traps do at the laboratory: write an object, look at a calendar, set a fault."""

from __future__ import annotations

from uuid import uuid4

from gateway.lab.app import Laboratory
from gateway.lab.caldav.model import Calendar
from gateway.lab.core.faults import Match
from gateway.providers.contract import ObjectKey, Presentation, Put, Upsert
from gateway.providers.samples import SINGLE
from plugins.caldav.account import CalDavAccount

PRESENTATION = Presentation(zone="Europe/Berlin")


def fresh() -> ObjectKey:
    """Return the key of an object that was never written."""
    return ObjectKey(instance_id="i", resource_uuid="r", uid=f"{uuid4()}@example.org")


async def put(
    account: CalDavAccount, calendar_id: str, key: ObjectKey, ical: bytes = SINGLE, over: Upsert | None = None
) -> Upsert:
    """Write an object, in the place of ``over`` where that is given."""
    write = Put(
        key=key,
        ical=ical,
        presentation=PRESENTATION,
        remote_id=over.remote_id if over else None,
        if_version=over.version if over else None,
    )
    made = await account.push(calendar_id, write)
    assert isinstance(made, Upsert)
    return made


def there(laboratory: Laboratory, calendar_id: str) -> Calendar:
    """Return a calendar as the laboratory has it."""
    return laboratory.dav.calendar("ada", calendar_id.rstrip("/").rpartition("/")[2])


def fault(laboratory: Laboratory, kind: str, *, times: int = 1, **match: str) -> None:
    """Let the next calls that match fail."""
    params = {"seconds": 600} if "no_answer" in kind else {}
    laboratory.lab.faults.script(kind, Match(**match), times=times, params=params)
