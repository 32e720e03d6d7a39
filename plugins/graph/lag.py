"""Trap: reads of Graph lag behind its writes (§8), so a 404 for an event that was just made proves nothing.

A write does not lag. One that asks for nothing, tied to a version that no event has, changes nothing: what is
there refuses it, and what is not there is not found.
"""

from __future__ import annotations

from gateway.providers.errors import NotFound, Rejected, VersionConflict
from plugins.graph.client import GraphClient

_NO_VERSION = 'W/"calgate-asks-whether-it-is-there"'


async def is_there(client: GraphClient, calendar_id: str, event_id: str) -> bool:
    """Return whether a calendar has an event, also where reads do not show it yet.

    Where Microsoft refuses the question itself, the reads are believed: no deletion stops a link.

    Raises:
        ProviderError: the question was not answered.
    """
    try:
        await client.call("PATCH", client.event(calendar_id, event_id), json={}, if_match=_NO_VERSION)
    except VersionConflict:
        return True
    except (NotFound, Rejected):
        return False
    return True
