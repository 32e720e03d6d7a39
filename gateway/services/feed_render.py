"""From a found feed to what it shows: objects of the window, projected and rendered, in one snapshot.

Rights are applied per resource at this moment, from the levels that the lookup brought.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from gateway.domain.errors import NotFound
from gateway.domain.feed import FeedHead, FeedObject, RenderedFeed, render_feed
from gateway.domain.feed_spec import Feed, links_of
from gateway.domain.freebusy import vfreebusy
from gateway.domain.model import (
    Busy,
    Calendar,
    CalendarId,
    CalendarObject,
    FeedId,
    FeedLevel,
    Level,
    ObjectKind,
    Resource,
    Window,
    to_epoch_s,
)
from gateway.domain.projection import Stamp, View
from gateway.services import occurrence_index, vavailability
from gateway.settings import Settings
from gateway.store import calendars as calendar_store
from gateway.store import changes as change_store
from gateway.store import feeds as store
from gateway.store import objects as object_store
from gateway.store import occurrences as occurrence_store
from gateway.store.database import Transaction
from gateway.store.feed_lookup import FeedHit, FeedLookup

__all__ = ["FeedHit", "FeedLookup", "RenderedFace", "Scene", "render_freebusy", "render_ics", "scene_of"]

_WORDS = {
    FeedLevel.FREEBUSY: "Busy times of {}.",
    FeedLevel.TITLES: "Schedule of {}, titles only.",
    FeedLevel.FIELDS: "Schedule of {}.",
    FeedLevel.FULL: "Schedule of {}.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A feed with the calendars that it may show now, and what it may show of each."""

    feed: Feed
    calendars: tuple[Calendar, ...]
    views: tuple[View, ...]
    today: datetime
    window: Window

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone of the first resource, in which pages are drawn."""
        return ZoneInfo(self.calendars[0].resource.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFace:
    """Bytes with the instant of the last change that they show; ``feed`` where it is the feed itself."""

    body: bytes
    changed_at_utc: datetime
    feed: RenderedFeed | None = None


def midnight(now: datetime) -> datetime:
    """Return the beginning of the UTC day, around which windows roll."""
    return datetime.combine(now.date(), time.min, tzinfo=UTC)


def scene_of(tx: Transaction, hit: FeedHit, *, now: datetime, settings: Settings) -> Scene:
    """Load a found feed and the calendars that its owner may still see.

    Raises:
        NotFound: it went away meanwhile.
    """
    feed = store.by_id(tx, FeedId(hit.feed_id))
    calendars = [calendar_store.get(tx, CalendarId(calendar_id)) for calendar_id, _seq in hit.calendars]
    if feed is None or not calendars:
        raise NotFound
    today = midnight(now)
    window = Window(
        start=today - timedelta(days=feed.past_days), end=today + timedelta(days=feed.future_days + 1)
    )
    mask = masking(feed.mask_key)
    views = tuple(
        _view(feed, hit.levels[calendar.resource.id], mask, settings.feed_untitled) for calendar in calendars
    )
    return Scene(feed=feed, calendars=tuple(calendars), views=views, today=today, window=window)


def masking(key: bytes) -> Callable[[str], str]:
    """Return the function that masks UIDs for the life of one link (rules.md)."""

    def mask(uid: str) -> str:
        return hmac.new(key, uid.encode("utf-8", "surrogatepass"), sha256).hexdigest()[:32]

    return mask


def render_ics(tx: Transaction, scene: Scene, *, settings: Settings, secret: str) -> RenderedFace:
    """Render the feed itself."""
    changed = changed_at(tx, scene)
    first = scene.calendars[0].resource
    names = ", ".join(calendar.resource.name for calendar in scene.calendars)
    links = links_of(settings.base_url, secret, scene.feed.name, scene.feed.title)
    is_single = len(scene.calendars) == 1
    head = FeedHead(
        uid=scene.feed.uuid,
        title=scene.feed.title,
        description=(first.description if is_single else None) or _WORDS[scene.feed.level].format(names),
        zone=first.zone,
        color=first.color if is_single else None,
        url=links.url,
        page_url=links.html,
        changed_at_utc=changed,
    )
    rendered = render_feed(
        head,
        list(objects_of(tx, scene)),
        window=scene.window,
        today=scene.today,
        budget_bytes=settings.feed_budget_bytes,
        uses_utc=scene.feed.uses_utc,
    )
    return RenderedFace(body=rendered.ical, changed_at_utc=changed, feed=rendered)


def render_freebusy(tx: Transaction, scene: Scene, *, now: datetime) -> RenderedFace:
    """Render the busy time of every resource of the feed as one VFREEBUSY over its window."""
    changed = changed_at(tx, scene)
    periods: list[tuple[datetime, datetime, Busy]] = []
    for calendar in scene.calendars:
        periods += occurrence_index.busy_periods(tx, calendar, scene.window, now=now)
        periods += vavailability.busy_periods(tx, calendar, scene.window)
    body = vfreebusy(scene.window, periods, uid=scene.feed.uuid, dtstamp=changed, method_publish=True)
    return RenderedFace(body=body, changed_at_utc=changed)


def changed_at(tx: Transaction, scene: Scene) -> datetime:
    """Return when anything that the feed shows changed last, its own settings included."""
    known = [change_store.newest_at(tx, calendar.id) for calendar in scene.calendars]
    known += [calendar.resource.modified_at_utc for calendar in scene.calendars]
    return max([scene.feed.modified_at_utc, *(at_utc for at_utc in known if at_utc is not None)])


def objects_of(tx: Transaction, scene: Scene, window: Window | None = None) -> Iterable[FeedObject]:
    """Yield everything that reaches into the window (of the feed if none is given), by resource and id."""
    earlier: list[Calendar] = []
    for calendar, view in zip(scene.calendars, scene.views, strict=True):
        reaches = _reaches(tx, calendar, scene, window or scene.window)
        stored = sorted(object_store.by_ids(tx, calendar.id, reaches), key=lambda each: each.id)
        kept = [each for each in stored if _is_wanted(each, scene)]
        clashing: set[str] = set()
        for other in earlier:
            clashing |= object_store.known_uids(tx, other.id, [each.uid for each in kept])
        earlier.append(calendar)
        zone, resource = ZoneInfo(calendar.resource.zone), calendar.resource
        revision, edited = _edits(scene.feed, resource)
        for each in kept:
            modified = max([each.modified_at_utc, *edited])
            yield FeedObject(
                # A UID that an earlier resource of this feed has as well stays apart, in the window or not.
                uid=f"{each.uid}--{resource.uuid[:8]}" if each.uid in clashing else each.uid,
                ical=each.ical,
                stamp=Stamp(
                    created_at_utc=each.created_at_utc,
                    modified_at_utc=modified,
                    sequence=each.revision + revision,
                ),
                zone=zone,
                view=view,
                reach=reaches[each.id],
                is_hold=each.kind is ObjectKind.HOLD,
                resource=(resource.slug, resource.name, resource.location)
                if len(scene.calendars) > 1
                else None,
            )


def _edits(feed: Feed, resource: Resource) -> tuple[int, list[datetime]]:
    """Return how often, and when last, settings changed what the feed shows of every object."""
    edited = [feed.modified_at_utc] if feed.revision else []
    if resource.revision and resource.modified_at_utc is not None:
        edited.append(resource.modified_at_utc)
    return feed.revision + resource.revision, edited


def _view(feed: Feed, level: int, mask: Callable[[str], str], untitled: str) -> View:
    return View(
        # A right that shrank after the link was made shrinks what the link shows.
        level=feed.level if level >= Level.READ else FeedLevel.FREEBUSY,
        mask=mask,
        fields=frozenset(feed.fields),
        shows_private=feed.shows_private and level >= Level.MANAGE,
        has_alarms=feed.has_alarms,
        untitled=untitled,
    )


def _is_wanted(stored: CalendarObject, scene: Scene) -> bool:
    if scene.feed.kinds and stored.kind not in scene.feed.kinds:
        return False
    return stored.expires_at_utc is None or stored.expires_at_utc > scene.today


def _reaches(tx: Transaction, calendar: Calendar, scene: Scene, window: Window) -> dict[int, float]:
    """Return by object id the share of the window, from today outwards, in which it first occurs."""
    today = to_epoch_s(scene.today)
    past = max(1, today - to_epoch_s(scene.window.start))
    ahead = max(1, to_epoch_s(scene.window.end) - today)
    reaches: dict[int, float] = {}
    for span in occurrence_store.in_window(tx, calendar, window):
        reach = (span.start_ts - today) / ahead if span.start_ts > today else (today - span.end_ts) / past
        reach = min(1.0, max(0.0, reach))
        if reach < reaches.get(span.object_id, 2.0):
            reaches[span.object_id] = reach
    # Series are in the index inside its horizon only; beyond it they count as there all the time.
    for part in _beyond(calendar.index, window):
        for stored in object_store.recurring_in(tx, calendar.id, part):
            reaches.setdefault(stored.id, 0.0)
    return reaches


def _beyond(index: Window, window: Window) -> Iterable[Window]:
    if window.start < index.start:
        yield Window(start=window.start, end=min(window.end, index.start))
    if window.end > index.end:
        yield Window(start=max(window.start, index.end), end=window.end)


def last_modified(changed_at_utc: datetime, today: datetime) -> datetime:
    """Return the Last-Modified of an answer: the window moved at midnight, or something changed since."""
    return max(changed_at_utc, today).replace(microsecond=0)
