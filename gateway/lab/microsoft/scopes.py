"""Which permission opens which method: delegated scopes and application roles (short names)."""

from __future__ import annotations

READ = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
SHARED_READ = frozenset({"Calendars.Read.Shared", "Calendars.ReadWrite.Shared"})
WRITE = frozenset({"Calendars.ReadWrite"})
SHARED_WRITE = frozenset({"Calendars.ReadWrite.Shared"})
BASIC = frozenset({"Calendars.ReadBasic", *READ})
SETTINGS = frozenset({"MailboxSettings.Read", "MailboxSettings.ReadWrite"})
PERSON = frozenset({"User.Read", "User.Read.All", "User.ReadBasic.All", "profile", "openid"})
_WRITING = ("create", "patch", "delete", "permanentDelete")


def needed(operation: str) -> frozenset[str]:
    """Return the permissions of which one is enough; empty: none is needed."""
    _graph, room, *rest = operation.split(".")
    act = rest[0] if rest else ""
    if room == "$batch":
        return frozenset()
    if room == "user":
        return PERSON | READ
    if room in {"mailboxSettings", "masterCategories", "supportedTimeZones"}:
        reads = act in {"get", "list"}
        return SETTINGS if reads else frozenset({"MailboxSettings.ReadWrite"})
    if room == "getSchedule":
        return BASIC
    if room == "findMeetingTimes":
        return READ | SHARED_READ
    if room == "subscriptions":
        return READ
    if act in _WRITING or (room == "events" and act not in {"list", "get", "instances", "delta"}):
        return WRITE | SHARED_WRITE
    return READ | SHARED_READ | (BASIC if act == "get" and room == "calendars" else frozenset())
