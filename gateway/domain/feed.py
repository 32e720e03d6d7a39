"""Rendering an ICS feed: calendar properties, components, zones, size budget. Pure; the bytes are stable.

What may be shown is decided by ``projection`` before anything here serialises it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from gateway.domain.content_lines import PRODID, escape_text, fold, quote_parameter
from gateway.domain.css_colors import css_name, hex_of
from gateway.domain.errors import GatewayError
from gateway.domain.feed_expand import is_zoned, utc_instances, without_exrule
from gateway.domain.model import FeedLevel, Window
from gateway.domain.projection import (
    Projected,
    ProjectedComponent,
    Stamp,
    View,
    component_lines,
    project,
    utc_text,
)
from gateway.domain.zone_book import ZoneBook

REFRESH = "PT15M"
# Cancelled objects are shown as such for a while, so that every client learns of it; then they vanish.
CANCELLED_FOR = timedelta(days=7)
WARN_AT = 0.8  # share of the size budget from which on a warning is given
_EVENT_ROOM_BYTES = 2_000  # kept free for VTIMEZONEs that the shrunk feed may still need


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHead:
    """What a feed says about itself.

    Attributes:
        uid: stable, of the feed.
        color: ``#RRGGBB`` or a CSS name, or None.
        url: address of the feed itself.
        page_url: address of the page for people.
        changed_at_utc: last change of anything it shows.
    """

    uid: str
    title: str
    description: str
    zone: str
    color: str | None
    url: str
    page_url: str
    changed_at_utc: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedObject:
    """One stored object on its way into a feed.

    Attributes:
        uid: unmasked, and unlike every other one in this feed.
        zone: of its resource.
        view: what may be shown of it.
        reach: smallest share of the window, 0 to 1 from today outwards, in which it still has an occurrence.
        resource: (slug, name, location) where a feed shows several resources.
    """

    uid: str
    ical: bytes
    stamp: Stamp
    zone: tzinfo
    view: View
    reach: float = 0.0
    is_hold: bool = False
    resource: tuple[str, str, str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFeed:
    """A feed as bytes.

    Attributes:
        window: what it covers; smaller than asked for where ``share`` is below 1.
        share: how much of the window the size budget allowed.
        objects: number of calendar objects in it.
        skipped: UIDs of objects that could not be read; the others are there.
    """

    ical: bytes
    window: Window
    share: float
    objects: int
    skipped: tuple[str, ...]

    def is_near(self, budget_bytes: int) -> bool:
        """Return whether the feed has come close to its size budget, or over it."""
        return self.share < 1 or len(self.ical) > WARN_AT * budget_bytes


def render_feed(
    head: FeedHead,
    objects: Sequence[FeedObject],
    *,
    window: Window,
    today: datetime,
    budget_bytes: int,
    uses_utc: bool = False,
) -> RenderedFeed:
    """Render a feed.

    Args:
        head: what the feed says about itself.
        objects: everything that reaches into ``window``, in a stable order.
        window: the rolling window.
        today: the instant that the window rolls around, inside it.
        budget_bytes: size above which the window shrinks towards ``today``, on both sides alike.
        uses_utc: no zones; series are written out (conventions.md, for clients that misread TZID).
    """
    book = ZoneBook(writes_utc=uses_utc)
    chunks: list[tuple[float, bytes]] = []
    skipped: list[str] = []
    for each in objects:
        try:
            lines = _object_lines(each, window=window, book=book, today=today, uses_utc=uses_utc)
        except (GatewayError, ValueError, LookupError, OverflowError):
            skipped.append(each.uid)
            continue
        if lines:
            chunks.append((each.reach, fold_all(lines)))
    top, tail = fold_all(_head_lines(head)), b"END:VCALENDAR\r\n"
    zones = fold_all(book.vtimezones(window))
    room = budget_bytes - len(top) - len(zones) - len(tail)
    share = _share(chunks, room)
    if share < 1:
        chunks = [chunk for chunk in chunks if chunk[0] <= share]
        window = Window(
            start=today - (today - window.start) * share, end=today + (window.end - today) * share
        )
    return RenderedFeed(
        ical=b"".join((top, zones, *(chunk for _, chunk in chunks), tail)),
        window=window,
        share=share,
        objects=len(chunks),
        skipped=tuple(skipped),
    )


def fold_all(lines: Sequence[str]) -> bytes:
    """Return folded content lines; the many short ones take a short way."""
    return "".join(
        [f"{line}\r\n" if len(line) <= 75 and line.isascii() else fold(line).decode() for line in lines]
    ).encode()


def _share(chunks: Sequence[tuple[float, bytes]], room_bytes: int) -> float:
    """Return the largest share of the window whose objects fit into the room; 1 where all do."""
    if sum(len(chunk) for _, chunk in chunks) <= room_bytes:
        return 1.0
    share = used = 0.0
    ranked = sorted(chunks, key=lambda each: each[0])
    for place, (reach, chunk) in enumerate(ranked):
        used += len(chunk)
        if used > room_bytes:
            # Objects of equal reach stay or go together.
            return share if share < reach else max((r for r, _ in ranked[:place] if r < reach), default=0.0)
        share = reach
    return share


def _object_lines(
    each: FeedObject, *, window: Window, book: ZoneBook, today: datetime, uses_utc: bool
) -> list[str]:
    view = each.view
    projected = project(each, uid=each.uid, view=view, zone=each.zone, book=book, is_hold=each.is_hold)
    is_settled = each.stamp.modified_at_utc < today - CANCELLED_FOR
    if each.resource is not None:
        parts = tuple(_of_resource(part, each.resource) for part in projected.components)
        projected = replace(projected, components=parts)
    if uses_utc and is_zoned(projected):
        return utc_instances(
            projected,
            each,
            window,
            each.stamp,
            is_shown=lambda part: _is_shown(part, view) and not (is_settled and part.is_cancelled),
        )
    if b"EXRULE" in each.ical.upper():
        projected = without_exrule(projected, each, window)
    if is_settled:
        projected = _without_cancelled(projected)
    return [
        line
        for part in projected.components
        if _is_shown(part, view)
        for line in component_lines(part, uid=projected.uid, stamp=each.stamp)
    ]


def _is_shown(part: ProjectedComponent, view: View) -> bool:
    """Leave out tasks and notes that would only say that they take no time."""
    return part.name == "VEVENT" or not (part.is_masked or view.level is FeedLevel.FREEBUSY)


def _without_cancelled(projected: Projected) -> Projected:
    """Leave out what is cancelled; an instance of a series becomes an EXDATE."""
    parts = list(projected.components)
    if parts[0].is_cancelled and not parts[0].is_override:
        return replace(projected, components=())
    gone = [part for part in parts if part.is_override and part.is_cancelled]
    gone = [part for part in gone if not part.time.lines[0].startswith("RECURRENCE-ID;RANGE")]
    kept = [part for part in parts if part not in gone]
    if gone and kept and not kept[0].is_override:
        dates = tuple(part.time.lines[0].replace("RECURRENCE-ID", "EXDATE", 1) for part in gone)
        kept[0] = replace(kept[0], time=replace(kept[0].time, lines=kept[0].time.lines + dates))
    return replace(projected, components=tuple(kept))


def _of_resource(part: ProjectedComponent, resource: tuple[str, str, str | None]) -> ProjectedComponent:
    """Say which resource it is about; people read it as the place where the object names none."""
    slug, name, location = resource
    lines = [f"X-CALGATE-RESOURCE;X-NAME={quote_parameter(name)}:{escape_text(slug)}"]
    if part.place is None:
        lines.append(f"LOCATION:{escape_text(f'{name}, {location}' if location else name)}")
    return replace(part, lines=(*part.lines, *lines))


def _head_lines(head: FeedHead) -> list[str]:
    title, description = escape_text(head.title), escape_text(head.description)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODID}",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"UID:{head.uid}",
        f"NAME:{title}",
        f"X-WR-CALNAME:{title}",
        f"DESCRIPTION:{description}",
        f"X-WR-CALDESC:{description}",
        f"X-WR-TIMEZONE:{head.zone}",
        f"LAST-MODIFIED:{utc_text(head.changed_at_utc)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
        f"SOURCE;VALUE=URI:{head.url}",
        f"URL:{head.page_url}",
    ]
    color = hex_of(head.color) if head.color else None
    if color is not None:
        lines += [f"COLOR:{css_name(color)}", f"X-APPLE-CALENDAR-COLOR:{color}"]
    return lines
