"""Zone names as Exchange takes them: Windows names (CLDR windowsZones) and IANA names."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tzlocal.windows_tz import tz_win, win_tz

from gateway.lab.core.errors import Refusal
from gateway.lab.core.zones import zone

CUSTOM = "tzone://Microsoft/Custom"


def info_of(name: str) -> ZoneInfo | None:
    """Return the zone behind a Windows or IANA name, or None."""
    return zone(win_tz.get(name, name))


def wanted(name: str | None, where: str) -> ZoneInfo:
    """Return the zone that a client names; raises Refusal 400."""
    info = info_of(name or "")
    if info is None:
        raise Refusal(
            400,
            "TimeZoneNotSupportedException",
            f"A valid TimeZone value must be specified. {where}: {name!r}",
        )
    return info


def windows_name(name: str) -> str:
    """Return the Windows name of an IANA name; a name without one stays."""
    return name if name in win_tz else tz_win.get(name, name)


def supported(standard: str) -> list[str]:
    """Return all names of a standard, ``Windows`` or ``Iana``."""
    return sorted({win_tz[name] for name in win_tz}) if standard == "Iana" else sorted(win_tz)
