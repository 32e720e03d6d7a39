"""What has changed in a calendar: by sync-collection where there is one (RFC 6578), else by listing ETags."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from gateway.providers.contract import Page, Removed, Unreadable, always
from gateway.providers.errors import BadAnswer, CalendarMissing, CursorExpired, NotFound, ProviderError
from plugins.caldav import xml
from plugins.caldav.items import Item, Remote, item_of
from plugins.caldav.multistatus import DAV, members, sync_token
from plugins.caldav.quirks.cursors import Place, make_cursor, place_of, read_cursor, short
from plugins.caldav.quirks.etags import clean
from plugins.caldav.quirks.sync_tokens import is_too_old
from plugins.caldav.reading import AT_ONCE, ETAG, Reader

MAX_PAGES = 2000
SYNC_REPORT = f"{DAV}sync-collection"


class Pull:
    """One pull of one calendar."""

    def __init__(self, reader: Reader, *, cursor: str | None, addresses: frozenset[str]) -> None:
        """Begin at the cursor.

        Raises:
            CursorExpired: it is no cursor of ours for this calendar.
        """
        self._reader, self._addresses = reader, addresses
        self._place: Place | None = None
        if cursor is not None:
            self._place = read_cursor(cursor, reader.path)
            if self._place is None:
                raise CursorExpired

    async def pages(self) -> AsyncIterator[Page]:
        """Yield changed objects, at last the cursor."""
        calendar = await self._reader.properties()
        has_sync = SYNC_REPORT in calendar.names(f"{DAV}supported-report-set")
        if self._place is None:
            pages = self._everything(has_sync=has_sync)
        elif self._place.token:
            pages = self._by_token(self._place.token)
        else:
            pages = self._by_listing(self._place)
        try:
            async for page in pages:
                yield page
        except CalendarMissing:
            raise
        except NotFound as error:
            # The calendar has just answered: whoever says 404 now is not its server.
            raise BadAnswer("The server knows the calendar and not its content.", code=error.code) from None

    # -- sync-collection

    async def _by_token(self, token: str) -> AsyncIterator[Page]:
        try:
            changed, gone, last = await self._changes(token)
        except ProviderError as error:
            if is_too_old(error):
                raise CursorExpired(code=error.code) from None
            raise
        async for page in self._pages(list(changed)):
            yield page
        yield Page(
            items=tuple(Removed(remote_id=name) for name in sorted(gone)),
            cursor=make_cursor(Place(token=last), self._reader.path),
            is_last=True,
        )

    async def _changes(self, token: str | None) -> tuple[dict[str, str], set[str], str]:
        """Return names with ETags, names that are gone, and the next token; parts are put together (§3.6)."""
        changed: dict[str, str] = {}
        gone: set[str] = set()
        for _ in range(MAX_PAGES):
            reply = await self._reader.client.ask(
                "REPORT", self._reader.path, xml.sync_collection(token), depth=0
            )
            is_part = False
            for member in members(reply.tree):
                is_part = is_part or member.status == 507
                name = self._reader.name(reply, member)
                if name is None:
                    continue
                if member.status in {404, 410}:
                    gone.add(name)
                    changed.pop(name, None)
                elif member.status // 100 == 2:
                    changed[name] = clean(member.text(ETAG))
                    gone.discard(name)
            following = sync_token(reply.tree)
            if following is None:
                raise BadAnswer("The server told changes without a sync token.")
            if not is_part:
                return changed, gone, following
            if following == token:
                break
            token = following
        raise BadAnswer("The server's changes come without end.")

    # -- listing

    async def _everything(self, *, has_sync: bool) -> AsyncIterator[Page]:
        """List all. The token is taken before the objects are read: what changes meanwhile comes again."""
        place: Place | None = None
        listing: Mapping[str, str] = {}
        if has_sync:
            try:
                listing, _, token = await self._changes(None)
                place = Place(token=token)
            except BadAnswer:
                place = None
        if place is None:
            listing = await self._listing()
            place = place_of(listing)
        async for page in self._pages(list(listing)):
            yield page
        yield Page(items=(), cursor=make_cursor(place, self._reader.path), is_last=True, looked=always())

    async def _by_listing(self, last: Place) -> AsyncIterator[Page]:
        listing = await self._listing()
        place = place_of(listing)
        cursor = make_cursor(place, self._reader.path)
        if place.digest == last.digest and all(listing.values()):
            yield Page(items=(), cursor=cursor, is_last=True)
            return
        known = last.known
        # Without an ETag nothing is known about a resource but that it is there.
        names = [name for name, etag in listing.items() if not etag or (known or {}).get(name) != short(etag)]
        async for page in self._pages(names):
            yield page
        gone = sorted(set(known) - set(listing)) if known is not None else []
        yield Page(
            items=tuple(Removed(remote_id=name) for name in gone),
            cursor=cursor,
            is_last=True,
            looked=always() if known is None else None,
        )

    async def _listing(self) -> dict[str, str]:
        reply = await self._reader.client.ask("PROPFIND", self._reader.path, xml.etags(), depth=1)
        found = {}
        for member in members(reply.tree):
            name = self._reader.name(reply, member)
            if name is None or f"{DAV}collection" in member.names(f"{DAV}resourcetype"):
                continue
            if member.status // 100 == 2:
                found[name] = clean(member.text(ETAG))
        return found

    async def _pages(self, names: list[str]) -> AsyncIterator[Page]:
        for start in range(0, len(names), AT_ONCE):
            found = await self._reader.many(names[start : start + AT_ONCE])
            yield Page(items=tuple(map(self._item, found)), total=len(names))

    def _item(self, found: Remote | Unreadable | str) -> Item:
        if isinstance(found, Remote):
            return item_of(found, self._addresses)
        return Removed(remote_id=found) if isinstance(found, str) else found
