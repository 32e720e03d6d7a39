"""The table of Google's rooms: official method id -> function."""

from __future__ import annotations

from gateway.lab.google import (
    calendar_list,
    calendars,
    channels,
    event_lists,
    event_reads,
    event_writes,
    freebusy,
    small_rooms,
)
from gateway.lab.google.door import Room

ROOMS: dict[str, Room] = {
    **calendars.ROOMS,
    **calendar_list.ROOMS,
    **event_lists.ROOMS,
    **event_reads.ROOMS,
    **event_writes.ROOMS,
    **freebusy.ROOMS,
    **channels.ROOMS,
    **small_rooms.ROOMS,
}
