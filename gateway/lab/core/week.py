"""Pages for people that look alike for every provider: templates, a week as a grid, times as text.

A row is a dict of id, title, own_title (empty when there is none), start, end (dates, or aware times), free,
series, timed; a provider's page adds calendar (id, name, color, writable) and color.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web

from gateway.lab.core.lab import HEADER, HEADER_VALUE

HOUR_PX = 28
_FOLDER = Path(__file__).parent.parent / "web"
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action *; base-uri 'none'; frame-ancestors 'none'"
)
Row = dict[str, Any]


class Templates:
    """The laboratory's templates."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
        )

    def page(self, name: str, *, status: int = 200, script_nonce: str = "", **values: Any) -> web.Response:
        """Render a template; with a nonce its one script may run."""
        text = self._environment.get_template(name).render(script_nonce=script_nonce, **values)
        policy = _POLICY + (f"; script-src 'nonce-{script_nonce}'" if script_nonce else "")
        headers = {HEADER: HEADER_VALUE, "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        return web.Response(text=text, content_type="text/html", status=status, headers=headers)


def redirect(address: str) -> web.Response:
    """Send the browser to another address."""
    return web.Response(status=302, headers={"Location": address, HEADER: HEADER_VALUE})


def when(row: Row, view: ZoneInfo) -> str:
    """Return a row's time as text."""
    start, end = row["start"], row["end"]
    if not isinstance(start, datetime):
        last = end - timedelta(days=1)
        return f"{start:%a %d %b}" if last == start else f"{start:%a %d %b} to {last:%a %d %b}"
    return f"{start.astimezone(view):%a %d %b %H:%M} - {end.astimezone(view):%H:%M}"


def column(day: date, rows: list[Row], view: ZoneInfo) -> dict[str, Any]:
    """Return one day of the grid: all-day rows, and boxes with their place in pixels."""
    low = datetime.combine(day, time(), view)
    high = datetime.combine(day + timedelta(days=1), time(), view)
    boxes, whole = [], []
    for row in rows:
        if not isinstance(row["start"], datetime):
            if row["start"] <= day < row["end"]:
                whole.append(row)
            continue
        start, end = row["start"].astimezone(view), row["end"].astimezone(view)
        if start < high and end > low:
            top = (max(start, low).replace(tzinfo=None) - low.replace(tzinfo=None)).total_seconds() / 3600
            bottom = (min(end, high).replace(tzinfo=None) - low.replace(tzinfo=None)).total_seconds() / 3600
            height = max(int((bottom - top) * HOUR_PX), 14)
            boxes.append(row | {"top": int(top * HOUR_PX), "height": height, "at": f"{start:%H:%M}"})
    return {"day": day, "boxes": boxes, "whole": whole}


def first_day(text: str, today: date) -> tuple[date, date]:
    """Return (the day asked for, the Monday of its week); an unreadable day is today."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    return day, day - timedelta(days=day.weekday())


def grid(rows: list[Row], day: date, monday: date, view: ZoneInfo) -> dict[str, Any]:
    """Return what the template of a week needs of its rows."""

    def begins(row: Row) -> datetime:
        start = row["start"]
        return start if isinstance(start, datetime) else datetime.combine(start, time(), view)

    rows = sorted(rows, key=begins)
    return {
        "days": [column(monday + timedelta(days=number), rows, view) for number in range(7)],
        "rows": [row | {"when": when(row, view)} for row in rows],
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
        "day": day,
        "hours": range(24),
        "hour_px": HOUR_PX,
    }
