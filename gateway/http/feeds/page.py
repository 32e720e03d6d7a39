"""The page of a feed link: a week as a picture and as a list, and how to subscribe. No login, no tracking.

Everything is escaped by the template; the only styles made here are positions, allowed by their hash.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from gateway.domain.css_colors import hex_of
from gateway.domain.errors import NotFound
from gateway.domain.feed_spec import links_of
from gateway.domain.model import Busy, FeedLevel
from gateway.domain.week_layout import DAYS, bars_of, segments_of
from gateway.http.deps import Deps
from gateway.http.feeds.cache import Cache, Entry, entry_of
from gateway.http.feeds.conditional import matches, takes_gzip
from gateway.http.feeds.rhythms import RHYTHMS
from gateway.services import Transaction
from gateway.services.feed_page import PageItem, PageWeek, week_of
from gateway.services.feed_render import FeedHit, FeedLookup, Scene, scene_of

_HERE = Path(__file__).parent
_PALETTE = ("#3867d6", "#20895e", "#b8560f", "#8854d0", "#c2354b", "#0f7f8c")
_TYPES = {"css": "text/css", "js": "text/javascript"}
_LEVELS = {
    FeedLevel.FREEBUSY: "This link shows when time is taken, and nothing else.",
    FeedLevel.TITLES: "This link shows times and titles.",
    FeedLevel.FIELDS: "This link shows times, titles and chosen details.",
    FeedLevel.FULL: "This link shows all details.",
}
_COMMON = {
    "Cache-Control": "private, no-cache",
    "Vary": "Accept-Encoding",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_BUSY_CLASSES = {Busy.BUSY: "busy", Busy.TENTATIVE: "tentative", Busy.UNAVAILABLE: "away", Busy.FREE: "free"}
_EARLIEST_MIN, _LATEST_MIN = 8 * 60, 18 * 60


def add_static(app: web.Application) -> None:
    """Serve the page's own style sheet and script; no secret can be called ``-``."""
    app.router.add_get("/feeds/-/static/{file}", _static)


async def answer(
    request: web.Request,
    hit: FeedHit,
    deps: Deps,
    lookup: FeedLookup,
    cache: Cache,
    *,
    secret: str,
    digest: bytes,
    now: datetime,
) -> web.StreamResponse:
    """Answer with the page of one week (``?week=2026-W10``, by default the present one).

    Raises:
        NotFound: the link died meanwhile.
    """
    monday = _week(request.query.get("week", ""))
    is_gzip = hit.allows_gzip and takes_gzip(request.headers.get("Accept-Encoding"))
    tag = _tag(hit, monday, now)
    etag = f'"{tag}-gz"' if is_gzip else f'"{tag}"'
    headers = {**_COMMON, "ETag": etag}
    if matches(request.headers.get("If-None-Match", ""), etag):
        return web.Response(status=304, headers=headers)
    key = (hit.feed_id, "html", monday)
    entry = cache.get(key, tag)
    if entry is None:
        entry = await deps.db.aread(_drawn, lookup, deps, digest, monday=monday, secret=secret, now=now)
        cache.put(key, entry)
        headers["ETag"] = f'"{entry.tag}-gz"' if is_gzip else f'"{entry.tag}"'
    headers["Content-Type"] = "text/html; charset=utf-8"
    headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self' '{entry.style_hash}'; script-src 'self'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    body = entry.body
    if is_gzip and entry.gzipped is not None:
        body, headers["Content-Encoding"] = entry.gzipped, "gzip"
    return web.Response(body=body, headers=headers)


def _tag(hit: FeedHit, monday: date | None, now: datetime) -> str:
    # "Today" turns at midnight of the resource's zone, which is at some quarter of an hour everywhere.
    quarter = int(now.timestamp()) // 900
    validator = repr((hit.validator, quarter, monday, _version("page.css"), _version("page.js")))
    return f"{hit.uuid[:8]}-{hashlib.sha256(validator.encode()).hexdigest()[:20]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """The week as the template draws it: per day (number of the style rule, item, is short)."""

    lanes: list[list[tuple[int, PageItem, bool]]]
    bars: list[tuple[int, PageItem]]
    hours: list[int]
    rules: list[str]


def _drawn(
    tx: Transaction,
    lookup: FeedLookup,
    deps: Deps,
    digest: bytes,
    *,
    monday: date | None,
    secret: str,
    now: datetime,
) -> Entry:
    hit = lookup.find(tx, digest)
    if hit is None:
        raise NotFound
    scene = scene_of(tx, hit, now=now, settings=deps.settings)
    week = week_of(tx, scene, monday=monday, now=now)
    picture = _picture(week)
    style = "\n".join([*_colors(scene), *picture.rules])
    html = _template().render(
        scene=scene,
        week=week,
        links=links_of(deps.settings.base_url, secret, scene.feed.name, scene.feed.title),
        level_sentence=_LEVELS[scene.feed.level],
        resources=[calendar.resource for calendar in scene.calendars],
        days=[week.monday + timedelta(days=number) for number in range(DAYS)],
        agenda=_agenda(week),
        picture=picture,
        style=style,
        rhythms=RHYTHMS,
        heading=_heading(week),
        previous=_label(week.monday - timedelta(days=DAYS)) if week.monday > week.first else None,
        following=_label(week.monday + timedelta(days=DAYS)) if week.monday < week.last else None,
        assets={name: _version(name) for name in ("page.css", "page.js")},
        busy_classes=_BUSY_CLASSES,
    )
    digest_ = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    entry = entry_of(_tag(hit, monday, now), html.encode(), "", allows_gzip=hit.allows_gzip)
    return replace(entry, style_hash=f"sha256-{digest_}")


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["span"] = _span
    return environment.get_template("page.html")


def _week(text: str) -> date | None:
    try:
        return datetime.strptime(f"{text}-1", "%G-W%V-%u").date()  # noqa: DTZ007 - a date
    except ValueError:
        return None


def _label(monday: date) -> str:
    return f"{monday:%G-W%V}"


def _heading(week: PageWeek) -> str:
    first, last = week.monday, week.monday + timedelta(days=DAYS - 1)
    if first.year != last.year:
        return f"{first.day} {first:%B %Y} – {last.day} {last:%B %Y}"
    if first.month != last.month:
        return f"{first.day} {first:%B} – {last.day} {last:%B %Y}"
    return f"{first.day} – {last.day} {last:%B %Y}"


def _agenda(week: PageWeek) -> list[tuple[date, list[PageItem]]]:
    """Return the days that have something, each with its items: a longer one stands on each of its days."""
    days: dict[date, list[PageItem]] = {}
    for item in week.agenda:
        day = max(item.start.date(), week.agenda_from)
        while day < week.agenda_to and (
            datetime.combine(day, datetime.min.time()) < item.end or day == item.start.date()
        ):
            days.setdefault(day, []).append(item)
            day += timedelta(days=1)
    return sorted(days.items())


def _span(item: PageItem, day: date) -> str:
    """Return the times of an item as they are on one day."""
    if item.is_all_day:
        return "all day"
    begins, ends = item.start.date() == day, item.end.date() == day
    if item.start == item.end:
        return f"{item.start:%H:%M}"
    if begins and (ends or item.end == datetime.combine(day + timedelta(days=1), datetime.min.time())):
        return f"{item.start:%H:%M} – {item.end:%H:%M}"
    if begins:
        return f"from {item.start:%H:%M}"
    return f"until {item.end:%H:%M}" if ends else "all day"


def _picture(week: PageWeek) -> _Picture:
    """Return what the template draws, and the style rules that place it."""
    timed = [(n, item.start, item.end) for n, item in enumerate(week.items) if not item.is_all_day]
    whole = [(n, item.start.date(), item.end.date()) for n, item in enumerate(week.items) if item.is_all_day]
    segments = segments_of(timed, week.monday)
    bars = bars_of(whole, week.monday)
    first = min([_EARLIEST_MIN, *(each.start_min // 60 * 60 for each in segments)])
    last = max([_LATEST_MIN, *(-(-each.end_min // 60) * 60 for each in segments)])
    length = last - first
    rules = [f".hours,.day-lane{{--hours:{length // 60}}}"]
    for number, each in enumerate(segments):
        top, height = (each.start_min - first) / length * 100, (each.end_min - each.start_min) / length * 100
        left, width = each.lane / each.lanes * 100, 100 / each.lanes
        rules.append(f".s{number}{{top:{top:.3f}%;height:{height:.3f}%;left:{left:.3f}%;width:{width:.3f}%}}")
    for number, bar in enumerate(bars):
        rules.append(
            f".b{number}{{grid-column:{bar.first_day + 1}/{bar.end_day + 1};grid-row:{bar.row + 1}}}"
        )
    lanes: list[list[tuple[int, PageItem, bool]]] = [[] for _ in range(DAYS)]
    for number, each in enumerate(segments):
        lanes[each.day].append((number, week.items[each.item], each.end_min - each.start_min < 45))
    return _Picture(
        lanes=lanes,
        bars=[(number, week.items[bar.item]) for number, bar in enumerate(bars)],
        hours=list(range(first // 60, last // 60)),
        rules=rules,
    )


def _colors(scene: Scene) -> list[str]:
    rules = []
    for number, calendar in enumerate(scene.calendars):
        own = hex_of(calendar.resource.color) if calendar.resource.color else None
        rules.append(f".r{number}{{--c:{own or _PALETTE[number % len(_PALETTE)]}}}")
    return rules


@lru_cache(maxsize=8)
def _file(name: str) -> bytes:
    return (_HERE / "static" / name).read_bytes()


@lru_cache(maxsize=8)
def _version(name: str) -> str:
    return hashlib.sha256(_file(name)).hexdigest()[:12]


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["file"]
    kind = name.rpartition(".")[2]
    if name not in {"page.css", "page.js"}:
        raise web.HTTPNotFound
    return web.Response(
        body=_file(name),
        content_type=_TYPES[kind],
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"},
    )
