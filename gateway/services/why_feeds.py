"""Why an object is, or is not, in each feed of its resource."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.domain.feed_spec import Feed
from gateway.domain.ical import parse_object
from gateway.domain.model import Calendar, CalendarObject, FeedLevel, Level, Window
from gateway.domain.recurrence import expand
from gateway.services import access, feeds
from gateway.services.feed_render import midnight
from gateway.services.why_told import Face, instant
from gateway.store import feeds as feed_store
from gateway.store import principals as principal_store
from gateway.store.database import Transaction

_ONE = 1


def faces(
    tx: Transaction, calendar: Calendar, stored: CalendarObject | None, *, now: datetime
) -> Iterable[Face]:
    """Yield one face per feed that shows the resource."""
    for feed in feed_store.all_(tx, resource_id=calendar.resource.id):
        level = _level(tx, feed, calendar)
        why_not = _why_not(feed, level, calendar, stored, now)
        told = [why_not] if why_not else ["It is in this feed."]
        if why_not is None and stored is not None and level is not None:
            told += _shown_as(feed, level, stored)
        owner = feeds.names_of(tx, feed).owner
        yield Face(
            face="feed",
            name=f"{feed.title} ({feed.uuid[:8]})",
            is_there=why_not is None,
            sentences=tuple(told),
            facts={"feed": feed.uuid, "level": feed.level.value, "owner": owner},
        )


def _level(tx: Transaction, feed: Feed, calendar: Calendar) -> Level | None:
    """Return the right that the feed has on the resource now: its owner's, or the operator's."""
    if feed.owner_id is None:
        return Level.MANAGE
    owner = principal_store.by_id(tx, feed.owner_id)
    return access.level_on(tx, owner, calendar.resource.id, face="feed") if owner is not None else None


def _why_not(
    feed: Feed, level: Level | None, calendar: Calendar, stored: CalendarObject | None, now: datetime
) -> str | None:
    if feed.revoked_at_utc is not None:
        return f"The feed was revoked at {instant(feed.revoked_at_utc)}: it shows nothing."
    if feed.expires_at_utc is not None and feed.expires_at_utc <= now:
        return f"The feed expired at {instant(feed.expires_at_utc)}: it shows nothing."
    if level is None:
        return "The feed's owner has no right on this resource any more, so it is left out."
    if stored is None:
        return "There is no such object here."
    if feed.kinds and stored.kind not in feed.kinds:
        kinds = ", ".join(each.value for each in feed.kinds)
        return f"The feed shows only {kinds}; this is a {stored.kind.value}."
    today = midnight(now)
    if stored.expires_at_utc is not None and stored.expires_at_utc <= today:
        return "It is a hold that has ended."
    window = Window(
        start=today - timedelta(days=feed.past_days), end=today + timedelta(days=feed.future_days + 1)
    )
    parsed = parse_object(stored.ical, max_bytes=max(len(stored.ical), 1))
    zone = ZoneInfo(calendar.resource.zone)
    if not expand(parsed, zone=zone, window=window, limit=10**9).occurrences:
        return f"It has no occurrence in the feed's window, {instant(window.start)} to {instant(window.end)}."
    return None


def _shown_as(feed: Feed, level: Level, stored: CalendarObject) -> Iterable[str]:
    shown = feed.level if level >= Level.READ else FeedLevel.FREEBUSY
    if shown is FeedLevel.FREEBUSY:
        yield "It shows as busy without any text: the feed is free/busy only."
    elif stored.classification and not (feed.shows_private and level >= Level.MANAGE):
        yield (
            f"It shows as busy without any text, because its class is {stored.classification.name};"
            " the owner can tick private objects for this feed."
        )
    else:
        yield f"It shows with the level {shown.value}."
    if shown is not feed.level:
        yield f"The feed was made with {feed.level.value}; its owner's right has shrunk since."
