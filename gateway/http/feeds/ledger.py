"""The freshness ledger: who fetches which feed how often. Families of programs, never addresses.

Fetches are counted in memory and written every 30 seconds and at shutdown, so a poll costs no write.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from gateway.domain.errors import GatewayError
from gateway.services import Database
from gateway.services.feed_fetches import Fetch, note, prune

_log = structlog.get_logger("gateway.http.feeds")
FLUSH_S = 30.0
_KEEP = timedelta(days=90)
_MAX_LINES = 10_000
_MAX_CLIENT_CHARS = 60

# What clients call themselves; most are known by one word somewhere in a long line.
_FAMILIES = (
    ("google-calendar", "Google Calendar"),
    ("dataaccessd", "Apple Calendar (iOS)"),
    ("calendaragent", "Apple Calendar (macOS)"),
    ("macos", "Apple Calendar (macOS)"),
    ("mac os x", "Apple Calendar (macOS)"),
    ("ios/", "Apple Calendar (iOS)"),
    ("microsoft office", "Outlook desktop"),
    ("microsoft outlook", "Outlook desktop"),
    ("exchange", "Outlook on the web"),
    ("outlook", "Outlook"),
    ("thunderbird", "Thunderbird"),
    ("icsx5", "ICSx5"),
    ("icsdroid", "ICSx5"),
    ("davx5", "DAVx5"),
    ("nextcloud", "Nextcloud"),
    ("evolution", "Evolution"),
    ("home assistant", "Home Assistant"),
    ("mozilla", "a browser"),
)
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9 _+-]*")


def family(user_agent: str) -> str:
    """Return the family of programs behind a User-Agent, without versions, addresses and names."""
    words = user_agent.lower()
    if "applewebkit" in words or "gecko/" in words or "chrome/" in words:
        return "Thunderbird" if "thunderbird" in words else "a browser"
    for mark, name in _FAMILIES:
        if mark in words:
            return name
    found = _TOKEN.match(user_agent.strip())
    return found[0].strip()[:_MAX_CLIENT_CHARS] if found is not None else "unknown"


class Ledger:
    """Fetches of one process that are not written yet."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock
        self._families: dict[str, str] = {}
        self._counts: dict[tuple[int, str, int, str], int] = {}
        self._lost = 0

    def count(self, feed_id: int, user_agent: str, status: int, seqs: str) -> None:
        """Note one fetch."""
        client = self._families.get(user_agent)
        if client is None:
            client = family(user_agent)
            if len(self._families) < 1000:
                self._families[user_agent] = client
        key = (feed_id, client, status, seqs)
        if key in self._counts or len(self._counts) < _MAX_LINES:
            self._counts[key] = self._counts.get(key, 0) + 1
        else:
            self._lost += 1

    async def flush(self) -> None:
        """Write what was counted; where that fails it is kept for the next time."""
        if not self._counts:
            return
        counts, self._counts = self._counts, {}
        now = self._clock()
        fetches = [
            Fetch(feed_id=key[0], client=key[1], status=key[2], seqs=key[3], fetches=number)
            for key, number in counts.items()
        ]
        try:
            await self._db.awrite(note, fetches, now=now)
            await self._db.awrite(prune, before=now - _KEEP)
        except GatewayError as error:
            for key, number in counts.items():
                self._counts[key] = self._counts.get(key, 0) + number
            _log.warning("feed.ledger_not_written", reason=type(error).__name__, lines=len(counts))
        if self._lost:
            _log.warning("feed.ledger_overflow", lost=self._lost)
            self._lost = 0

    async def run(self) -> None:
        """Flush at its rhythm until cancelled, and once more then."""
        with suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(FLUSH_S)
                await self.flush()
        await self.flush()
