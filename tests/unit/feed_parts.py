"""A feed to render in tests: its head, its window, and what a reader makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.domain.feed import FeedHead, FeedObject, RenderedFeed, render_feed
from gateway.domain.ical import parse_entry, split_import
from gateway.domain.model import FeedLevel, Window, to_epoch_s
from gateway.domain.projection import Stamp, View
from gateway.domain.recurrence import expand

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(start=TODAY - timedelta(days=62), end=TODAY + timedelta(days=367))
HEAD = FeedHead(
    uid="feed-uid", title="Room; A", description="Schedule of Room A.", zone="Europe/Berlin", color="#3366cc",
    url="https://cal.example.org/feeds/s/room.ics", page_url="https://cal.example.org/feeds/s/room.html",
    changed_at_utc=TODAY,
)  # fmt: skip
FULL = View(level=FeedLevel.FULL, mask=lambda uid: f"masked-{len(uid)}")


def stored(
    data: bytes, uid: str = "u", *, zone: ZoneInfo = BERLIN, view: View = FULL, **more: object
) -> FeedObject:
    """Return an object as the feed gets it."""
    values: dict[str, object] = {
        "stamp": Stamp(created_at_utc=TODAY, modified_at_utc=TODAY, sequence=0), **more
    }  # fmt: skip
    return FeedObject(uid=uid, ical=data, zone=zone, view=view, **values)  # type: ignore[arg-type]  # mixed fields


def render(*objects: FeedObject, budget: int = 10**6, head: FeedHead = HEAD, **more: bool) -> RenderedFeed:
    """Return the feed of these objects on ``TODAY``."""
    return render_feed(head, objects, window=WINDOW, today=TODAY, budget_bytes=budget, **more)


def text_of(*objects: FeedObject, **more: bool) -> str:
    """Return its text, unfolded."""
    return render(*objects, **more).ical.decode().replace("\r\n ", "")


def spans(feed: str, zone: ZoneInfo = BERLIN, window: Window = WINDOW) -> set[tuple[int, int]]:
    """Return the occurrences that a reader of the feed would see, in epoch seconds."""
    found = set()
    for entry in split_import(feed.encode(), max_object_bytes=10**7).entries:
        for each in expand(
            parse_entry(entry, max_bytes=10**7), zone=zone, window=window, limit=5000
        ).occurrences:
            found.add((to_epoch_s(each.start), to_epoch_s(each.end)))
    return found
