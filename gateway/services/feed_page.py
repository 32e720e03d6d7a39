"""What the page of a feed shows: a week and what comes after it, with exactly the text its level allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.domain.errors import GatewayError
from gateway.domain.ical import parse_object
from gateway.domain.model import Busy, Window
from gateway.domain.projection import Projected, project
from gateway.domain.recurrence import Instance, iter_instances
from gateway.domain.timezone import to_instant
from gateway.domain.week_layout import DAYS, monday_of
from gateway.domain.zone_book import ZoneBook
from gateway.services.feed_render import Scene, objects_of
from gateway.store.database import Transaction

MAX_ITEMS = 1000
AGENDA_DAYS = 62
MAX_AGENDA_ITEMS = 150
_MAX_INSTANCES = 5000  # of one object; the feed itself shows denser ones


@dataclass(frozen=True, slots=True, kw_only=True)
class PageItem:
    """One occurrence on the page.

    Attributes:
        start: naive wall clock in the page's zone; midnight for all-day items.
        end: the same; exclusive.
        resource: index of its resource.
    """

    title: str
    place: str | None
    start: datetime
    end: datetime
    is_all_day: bool
    busy: Busy
    is_cancelled: bool
    resource: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWeek:
    """One week of a feed.

    Attributes:
        first: Monday of the first week that the feed's window touches; ``last`` of the last one.
        items: of this week, by start.
        is_cut: there was more in the week than the page can show.
        agenda_from: today in the present week, else the week's Monday.
        agenda: what comes from that day on, by start; ``agenda_to`` is the first day that is not listed.
    """

    monday: date
    today: date
    zone: ZoneInfo
    first: date
    last: date
    items: tuple[PageItem, ...]
    is_cut: bool
    agenda_from: date
    agenda_to: date
    agenda: tuple[PageItem, ...]


def week_of(tx: Transaction, scene: Scene, *, monday: date | None, now: datetime) -> PageWeek:
    """Return one week of the feed, by default this one, never outside the feed's window."""
    zone = scene.zone
    today = now.astimezone(zone).date()
    first = monday_of(scene.window.start.astimezone(zone).date())
    last = monday_of((scene.window.end - timedelta(seconds=1)).astimezone(zone).date())
    shown = min(max(monday or monday_of(today), first), last)
    agenda_from = today if shown <= today < shown + timedelta(days=DAYS) else shown
    agenda_to = agenda_from + timedelta(days=AGENDA_DAYS)
    # Days of other zones begin earlier or later than ours: look a day further, choose by wall clock.
    begin = to_instant(datetime.combine(shown, time.min), zone) - timedelta(days=1)
    end = to_instant(datetime.combine(agenda_to, time.min), zone) + timedelta(days=1)
    window = Window(start=max(begin, scene.window.start), end=max(begin, min(end, scene.window.end)))
    found = _items(tx, scene, window, zone) if window.start < window.end else []
    found.sort(key=lambda item: (item.start, not item.is_all_day, item.end, item.title))
    items = _between(found, shown, shown + timedelta(days=DAYS))
    agenda = _between(found, agenda_from, agenda_to)
    if len(agenda) > MAX_AGENDA_ITEMS:
        agenda_to = max(agenda_from, agenda[MAX_AGENDA_ITEMS].start.date()) + timedelta(days=1)
        agenda = _between(agenda, agenda_from, agenda_to)
    return PageWeek(
        monday=shown,
        today=today,
        zone=zone,
        first=first,
        last=last,
        items=tuple(items[:MAX_ITEMS]),
        is_cut=len(items) > MAX_ITEMS,
        agenda_from=agenda_from,
        agenda_to=agenda_to,
        agenda=tuple(agenda[:MAX_ITEMS]),
    )


def _between(items: Sequence[PageItem], first: date, end: date) -> list[PageItem]:
    opens, closes = datetime.combine(first, time.min), datetime.combine(end, time.min)
    return [item for item in items if item.start < closes and (item.end > opens or item.start >= opens)]


def _items(tx: Transaction, scene: Scene, window: Window, zone: ZoneInfo) -> list[PageItem]:
    places = {calendar.resource.slug: place for place, calendar in enumerate(scene.calendars)}
    items: list[PageItem] = []
    for each in objects_of(tx, scene, window):
        try:
            projected = project(
                each, uid=each.uid, view=each.view, zone=each.zone, book=ZoneBook(), is_hold=each.is_hold
            )
            parsed = parse_object(each.ical, max_bytes=len(each.ical))
            instances = iter_instances(parsed, zone=each.zone, window=window, limit=_MAX_INSTANCES)
        except (GatewayError, ValueError, LookupError, OverflowError):
            continue  # the feed itself reports what it cannot show
        faces = {id(component): place for place, component in enumerate(parsed.components)}
        resource = places.get(each.resource[0], 0) if each.resource is not None else 0
        for instance in instances:
            item = _item(projected, faces[id(instance.component)], instance, zone, resource)
            if item is not None:
                items.append(item)
    return items


def _item(
    projected: Projected, place: int, instance: Instance, zone: ZoneInfo, resource: int
) -> PageItem | None:
    part = projected.components[place]
    if part.name != "VEVENT":
        return None
    if instance.is_all_day:
        start = datetime.combine(_day(instance.local_start), time.min)
        end = datetime.combine(_day(instance.local_end), time.min)
    else:
        start = instance.start.astimezone(zone).replace(tzinfo=None)
        end = instance.end.astimezone(zone).replace(tzinfo=None)
    return PageItem(
        title=part.title,
        place=part.place,
        start=start,
        end=max(start, end),
        is_all_day=instance.is_all_day,
        busy=part.busy,
        is_cancelled=part.is_cancelled,
        resource=resource,
    )


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value
