"""Series whose time zone Exchange does not name (``tzone://Microsoft/Custom``), by their occurrences (§13).

Nothing tells the rules of such a zone, so the rule of the series cannot be carried out here. But every
occurrence comes with its instant, because every call asks for UTC. They are listed for a window of whole
months, so that what is seen changes once a month and not every day.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.domain.model import Window
from plugins.graph.client import GraphClient
from plugins.graph.items import valid
from plugins.graph.reading import Event

# A daily series has fewer dates in it than a list of dates may have (``expand.MAX_DATES``).
_PAST, _FUTURE = timedelta(days=31), timedelta(days=366)


def window_at(now: datetime) -> Window:
    """Return the months of which occurrences are listed."""
    first = (now - _PAST).astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = (now + _FUTURE).astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Window(start=first, end=(last + timedelta(days=31)).replace(day=1))


async def read_instances(
    client: GraphClient, calendar_id: str, master: Event, *, now: datetime | None = None
) -> tuple[Event, ...]:
    """Return the occurrences of a series, by id as they come."""
    window = window_at(now or datetime.now(UTC))
    query = {
        "startDateTime": f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
        "endDateTime": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
        "$top": "250",
    }
    found: dict[str, Event] = {}
    async for page in client.pages(f"{client.event(calendar_id, str(master['id']))}/instances", query):
        found |= {event["id"]: event for event in valid(page["value"])}
    return tuple(found.values())
