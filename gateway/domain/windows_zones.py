"""Windows time zone names and IANA names, both ways (Unicode CLDR windowsZones, territory 001).

The table comes with icalendar; names that CLDR has dropped but that old calendars still hold are added here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

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
