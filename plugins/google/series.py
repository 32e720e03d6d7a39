"""Reading one object whole: the event, or the series with all its exceptions."""

from __future__ import annotations

from gateway.providers.errors import BadAnswer, CalendarMissing, NotFound
from plugins.google.client import PAGE, GoogleClient
from plugins.google.items import Remote, is_exception, text, valid
from plugins.google.reading import Event


async def read_object(client: GoogleClient, calendar_id: str, event_id: str) -> Remote | None:
    """Return an object as it is now, deleted ones included; None where it never existed."""
    event = await client.get(calendar_id, event_id)
    if event is None:
        return None
    if not valid([event]) or event["id"] != event_id:
        raise BadAnswer("Google answered with another event than the one asked for.")
    if not event.get("recurrence") or event.get("status") == "cancelled":
        return Remote(event=event)
    return Remote(event=event, exceptions=await read_exceptions(client, calendar_id, event))


async def check_calendar(client: GoogleClient, calendar_id: str) -> None:
    """Trap: a 404 may mean that the whole calendar is gone or closed (§10): ask once before believing.

    Raises:
        CalendarMissing: it is.
    """
    # Under every scope that reads or writes events; calendars.get needs another one.
    query = {"maxResults": "1", "fields": "kind"}
    try:
        await client.call("GET", client.events(calendar_id), query=query)
    except NotFound as error:
        raise CalendarMissing(code=error.code) from None


async def read_exceptions(client: GoogleClient, calendar_id: str, master: Event) -> dict[str, Event]:
    """Return the exceptions of a series by id, cancelled ones included.

    All items of a series share its iCalUID, so one list call finds them; expanding the series would cost a
    page for every few hundred occurrences. Cancelled exceptions of a living series come without
    ``showDeleted`` (D).
    """
    uid = text(master, "iCalUID")
    if not uid:
        raise BadAnswer("Google answered with a series without iCalUID.")
    query = {"iCalUID": uid, "singleEvents": "false", "maxResults": PAGE}
    found: dict[str, Event] = {}
    async for page in client.pages(client.events(calendar_id), query):
        for item in valid(page.get("items", [])):
            if is_exception(item) and item["recurringEventId"] == master["id"]:
                found[item["id"]] = item
    return found
