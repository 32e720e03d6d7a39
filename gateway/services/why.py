"""Why an object is, or is not, at a provider, in a feed, in CalDAV: plain sentences with their facts.

Sentences name times, kinds, settings and reasons; never a title or any other text of the object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.model import Calendar, CalendarObject, Change
from gateway.services import why_feeds, why_links
from gateway.services.limits import Limits
from gateway.services.sync_context import Project
from gateway.services.why_told import Face, instant
from gateway.store import changes as change_store
from gateway.store import links as link_store
from gateway.store import objects as object_store
from gateway.store.database import Transaction

__all__ = ["Explanation", "Face", "explain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One UID in one resource, and every face of it."""

    resource: str
    uid: str
    here: Face
    links: tuple[Face, ...] = ()
    feeds: tuple[Face, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as commands show it."""
        return {
            "resource": self.resource,
            "uid": self.uid,
            "here": self.here.as_json(),
            "links": [one.as_json() for one in self.links],
            "feeds": [one.as_json() for one in self.feeds],
        }


def explain(
    tx: Transaction,
    calendar: Calendar,
    uid: str,
    *,
    project_of: Callable[[str], Project],
    instance_id: str,
    limits: Limits,
    public_url: str | None,
    now: datetime,
) -> Explanation:
    """Return what is to be said about one UID, whether there is such an object or not.

    ``project_of`` returns the projection of a provider's plug-in; it may raise ``GatewayError`` where that is
    not installed.
    """
    stored = object_store.by_uid(tx, calendar.id, uid)
    links = [
        why_links.face(
            tx,
            calendar,
            link,
            uid,
            project_of=project_of,
            instance_id=instance_id,
            limits=limits,
            public_url=public_url,
            now=now,
        )
        for link in link_store.listing(tx, calendar_id=calendar.id)
    ]
    return Explanation(
        resource=calendar.resource.slug,
        uid=uid,
        here=_here(tx, calendar, uid, stored, now),
        links=tuple(links),
        feeds=tuple(why_feeds.faces(tx, calendar, stored, now=now)),
    )


def _here(
    tx: Transaction, calendar: Calendar, uid: str, stored: CalendarObject | None, now: datetime
) -> Face:
    last = change_store.newest_of(tx, calendar.id, uid)
    if stored is None:
        told = ["There is no object with this UID here."]
        if last is not None and last.op == "delete":
            told.append(f"It was deleted {_by(tx, last)} at {instant(last.at_utc)}.")
        else:
            told.append("Nothing about it is on record: it never was here, or that is long ago.")
        return Face(face="here", name="this calendar", is_there=False, sentences=tuple(told))
    length = "a series" if stored.is_recurring else "a single one"
    told = [f"It is here: a {stored.kind.value}, class {stored.classification.name}, {length}."]
    told.append("In CalDAV it is in the calendar of everybody who has a right on this resource.")
    if stored.classification:
        told.append("Because of its class all but its maker, the owner and managers see it as busy there.")
    if last is not None:
        at = instant(last.at_utc)
        told.append(f"Its last change (number {last.seq}) was written {_by(tx, last)} at {at}.")
    if stored.is_over(now):
        told.append("It is a hold that has ended; it goes at the next round.")
    facts = {
        "href": stored.href,
        "kind": stored.kind.value,
        "class": stored.classification.name.lower(),
        "seq": stored.seq,
    }
    return Face(face="here", name="this calendar", is_there=True, sentences=tuple(told), facts=facts)


def _by(tx: Transaction, last: Change) -> str:
    """Return who has written a line of the log."""
    if not last.origin.startswith("link:"):
        return f"by {last.origin}"
    found = link_store.by_uuid(tx, last.origin.removeprefix("link:"))
    return f"by the link to {found[0].remote_name}" if found else "by a link that is gone"
