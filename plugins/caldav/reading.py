"""Reading the resources of one calendar: single, many at once, by UID; and whether the calendar is there."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.providers.contract import Unreadable
from gateway.providers.errors import (
    BadAnswer,
    CalendarMissing,
    Forbidden,
    NotFound,
    Rejected,
    Unavailable,
)
from plugins.caldav import xml
from plugins.caldav.client import DavClient, Reply
from plugins.caldav.hrefs import is_plain, name_of, object_path
from plugins.caldav.items import Remote
from plugins.caldav.multistatus import DAV, Member, members
from plugins.caldav.quirks.etags import clean

AT_ONCE = 50
STUMBLED = frozenset({"500", "501"})
DATA = f"{xml.CALENDAR}calendar-data"
ETAG = f"{DAV}getetag"
CALENDAR = f"{xml.CALENDAR}calendar"


class Reader:
    """One calendar of an account."""

    def __init__(self, client: DavClient, calendar_id: str) -> None:
        """Read this calendar.

        Raises:
            CalendarMissing: the id is no path of a collection.
        """
        if not calendar_id.startswith("/") or not calendar_id.endswith("/") or not is_plain(calendar_id):
            raise CalendarMissing
        self.client, self.path = client, calendar_id

    def at(self, name: str) -> str:
        """Return the path of a resource."""
        return object_path(self.path, name)

    def name(self, reply: Reply, member: Member) -> str | None:
        """Return the name of a member that lies in this calendar."""
        return name_of(self.path, reply.url, member.href)

    async def properties(self) -> Member:
        """Return what the server says about the calendar.

        Raises:
            CalendarMissing: it is gone, and the home answers.
        """
        try:
            reply = await self.client.ask("PROPFIND", self.path, xml.calendar(), depth=0)
        except NotFound as error:
            await self._home_answers()
            raise CalendarMissing(code=error.code) from None
        for member in members(reply.tree):
            if CALENDAR in member.names(f"{DAV}resourcetype"):
                return member
        raise CalendarMissing(code="notACalendar")

    async def _home_answers(self) -> None:
        """Believe that a calendar is gone only where its server still knows the account's home."""
        try:
            await self.client.ask("PROPFIND", self.client.home, xml.propfind(), depth=0)
        except NotFound:
            raise BadAnswer(
                "The server does not know the account's calendars any more; nothing is concluded."
            ) from None
        except Forbidden:
            return

    async def one(self, name: str) -> Remote | None:
        """Return one resource; None where it is gone, which the calendar was asked to confirm.

        Raises:
            CalendarMissing: the whole calendar is gone.
        """
        try:
            reply = await self.client.request(self.at(name), "GET", headers={"Accept": "text/calendar"})
        except NotFound:
            await self.properties()
            return None
        return Remote(name=name, etag=clean(reply.headers.get("ETag")), body=checked(reply.body))

    async def many(self, names: Sequence[str]) -> list[Remote | Unreadable | str]:
        """Return resources, in place of those that are gone their names."""
        found: list[Remote | Unreadable | str] = []
        for start in range(0, len(names), AT_ONCE):
            found += await self._some(names[start : start + AT_ONCE])
        return found

    async def _some(self, names: Sequence[str]) -> list[Remote | Unreadable | str]:
        got: dict[str, Remote | Unreadable] = {}
        try:
            reply = await self.client.ask("REPORT", self.path, xml.multiget(map(self.at, names)), depth=1)
            got = {remote.name: remote for remote in self._remotes(reply)}
        except (Rejected, Forbidden, NotFound, Unavailable) as error:
            if isinstance(error, Unavailable) and error.code not in STUMBLED:
                raise
        failed: Unavailable | None = None
        for name in names:
            if name not in got:
                try:
                    remote = await self.one(name)
                except Unavailable as error:
                    # The server may stumble over one object: that one must not hide the others.
                    if error.code not in STUMBLED:
                        raise
                    failed = error
                    got[name] = Unreadable(
                        remote_id=name, version="", reason="the server fails when it is asked for this object"
                    )
                    continue
                if remote is not None:
                    got[name] = remote
        if failed is not None and not any(isinstance(found, Remote) for found in got.values()):
            raise failed
        return [got.get(name, name) for name in names]

    async def with_uid(self, uid: str) -> Remote | None:
        """Return the resource with a UID, None where the server shows none."""
        try:
            reply = await self.client.ask("REPORT", self.path, xml.by_uid(uid), depth=1)
        except (Forbidden, BadAnswer, NotFound):
            return None
        return next(
            (remote for remote in self._remotes(reply) if uid.encode() in _unfolded(remote.body)), None
        )

    def _remotes(self, reply: Reply) -> list[Remote]:
        found = []
        for member in members(reply.tree):
            name, data = self.name(reply, member), member.raw(DATA)
            if name is not None and data and member.status // 100 == 2:
                found.append(Remote(name=name, etag=clean(member.text(ETAG)), body=data.encode()))
        return found


def _unfolded(body: bytes) -> bytes:
    return body.replace(b"\r\n", b"\n").replace(b"\n ", b"").replace(b"\n\t", b"")


def checked(body: bytes) -> bytes:
    """Return the body of a resource, if it is one at all.

    Raises:
        BadAnswer: HTML or something else in its place: a sign-in page, a proxy.
    """
    head = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].upper()
    if not head.startswith(b"BEGIN:VCALENDAR"):
        raise BadAnswer("The server answered with something that is no calendar object.")
    return body
