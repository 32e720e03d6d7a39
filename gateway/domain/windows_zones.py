"""Windows time zone names and IANA names, both ways (Unicode CLDR windowsZones).

From Windows the table comes with icalendar (territory 001: one zone a name); names that CLDR has dropped but
that old calendars still hold are added here. To Windows it comes with tzlocal, which has all territories and
the old names of zones: Vienna has the Windows zone of Berlin.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from tzlocal.windows_tz import tz_win

_ADDED = {
    "Kamchatka Standard Time": "Asia/Kamchatka",
    "Mid-Atlantic Standard Time": "Etc/GMT+2",
    "Coordinated Universal Time": "Etc/UTC",
    "W. Europe Daylight Time": "Europe/Berlin",
    "GMT Daylight Time": "Europe/London",
    "Eastern Daylight Time": "America/New_York",
    "Central Daylight Time": "America/Chicago",
    "Mountain Daylight Time": "America/Denver",
    "Pacific Daylight Time": "America/Los_Angeles",
}

WINDOWS_TO_IANA: Mapping[str, str] = MappingProxyType({**_ADDED, **WINDOWS_TO_OLSON})
IANA_TO_WINDOWS: Mapping[str, str] = MappingProxyType(
    {iana: windows for windows, iana in reversed(WINDOWS_TO_OLSON.items())}
)


def windows_name_of(zone: str) -> str | None:
    """Return the Windows name of an IANA zone, or None: some have none (Antarctica/Troll)."""
    name = IANA_TO_WINDOWS.get(zone) or tz_win.get(zone)
    return name if name in WINDOWS_TO_IANA else None
