"""How often calendar programs really fetch a feed: measured or reported by others, told as it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """One program: how often it looks, and what to do where that is too slow."""

    program: str
    rhythm: str
    advice: str


RHYTHMS = (
    Rhythm(
        program="Apple Calendar",
        rhythm="every 5 minutes to weekly, as you choose",
        advice="Choose the interval when you subscribe; “on my device” is faster than iCloud.",
    ),
    Rhythm(
        program="Google Calendar",
        rhythm="every 4 to 24 hours, not adjustable",
        advice="For anything urgent connect the calendar directly instead of subscribing.",
    ),
    Rhythm(
        program="Outlook on the web, Outlook.com",
        rhythm="about every 3 hours, at times once a day",
        advice="For anything urgent connect the calendar directly instead of subscribing.",
    ),
    Rhythm(
        program="Outlook desktop (classic)",
        rhythm="with every send/receive, at most every 15 minutes",
        advice="Press Send/Receive to look at once.",
    ),
    Rhythm(
        program="Thunderbird",
        rhythm="every 30 minutes, adjustable",
        advice="Set it in the calendar’s properties; CalDAV is live.",
    ),
    Rhythm(
        program="ICSx5, DAVx5 (Android)",
        rhythm="as you choose, from every 15 minutes",
        advice="CalDAV is live.",
    ),
    Rhythm(program="Nextcloud", rhythm="every 15 minutes, as this feed asks", advice=""),
)
