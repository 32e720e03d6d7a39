"""Google's colours: 24 for calendars, 11 for events (known from practice, not part of the schema)."""

from __future__ import annotations

CALENDAR = {
    str(number): f"#{value}"
    for number, value in enumerate(
        ["ac725e", "d06b64", "f83a22", "fa573c", "ff7537", "ffad46", "42d692", "16a765", "7bd148", "b3dc6c", "fbe983", "fad165", "92e1c0", "9fe1e7", "9fc6e7", "4986e7", "9a9cff", "b99aff", "c2c2c2", "cabdbf", "cca6ac", "f691b2", "cd74e6", "a47ae2"],
        start=1,
    )
}
EVENT = {
    str(number): f"#{value}"
    for number, value in enumerate(
        ["a4bdfc", "7ae7bf", "dbadff", "ff887c", "fbd75b", "ffb878", "46d6db", "e1e1e1", "5484ed", "51b749", "dc2127"], start=1
    )
}
CALENDAR_INK = "#000000"
EVENT_INK = "#1d1d1d"


def nearest(color: str) -> str:
    """Return the id of the calendar colour nearest to ``#rrggbb``."""

    def distance(other: str) -> int:
        return sum((int(color[at : at + 2], 16) - int(other[at : at + 2], 16)) ** 2 for at in (1, 3, 5))

    return min(CALENDAR, key=lambda number: distance(CALENDAR[number]))
