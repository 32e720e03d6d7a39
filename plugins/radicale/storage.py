"""Storage for Radicale: the person's home as collections, read from the gateway's database.

In the gateway this serves Radicale's router; every method that writes or lists is ours (``application``).
Radicale's own methods work on it too, for reading, where Radicale runs alone. It never writes: Radicale's
PUT serialises through vobject and loses data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import format_datetime
from typing import Any, NoReturn

from radicale import config
from radicale.item import Item
from radicale.storage import BaseCollection, BaseStorage

from gateway.domain.errors import InvalidSyncToken
from gateway.domain.model import Calendar, CalendarObject, Principal
from gateway.services import changes, reading
from gateway.services.access import HomeEntry
from plugins.radicale import standalone
from plugins.radicale.session import Session
from plugins.radicale.view import View

_READ_ONLY = "[Errno 13] Radicale alone only reads Calgate's database; write through the gateway."
_HREFS_AT_ONCE = 100


class Storage(BaseStorage):
    """Collections of the signed-in person."""

    _is_collision_free = True
    _supports_unicode = True
    _supports_trailing_whitespace = True
    _supports_problematic_chars = True

    def __init__(self, configuration: config.Configuration, session: Session | None = None) -> None:
        super().__init__(standalone.extended(configuration, "storage") if session is None else configuration)
        self._session = session or standalone.session(self.configuration, "storage")

    def discover(
        self,
        path: str,
        depth: str = "0",
        child_context_manager: Any = None,  # noqa: ARG002 - Radicale's signature, for its verification only
        user_groups: set[str] = frozenset(),  # type: ignore[assignment]  # noqa: ARG002 - Radicale's signature
    ) -> Iterator[BaseCollection | Item]:
        """Yield what is at ``path``, then its children; nothing is read before it is asked for."""
        segments = [segment for segment in path.split("/") if segment]
        if len(segments) > 3:
            return
        if not segments:
            yield Folder("")
            return
        principal = self._session.principal(segments[0])
        if principal is None:
            return
        if len(segments) == 1:
            yield Folder(principal.login)
            if depth != "0":
                for entry in self._session.home(principal):
                    yield self._collection(principal, entry)
            return
        found = self._session.entry(principal, segments[1])
        if found is None:
            return
        collection = self._collection(principal, found)
        if len(segments) == 3:
            yield from (item for _, item in collection.get_multi([segments[2]]) if item is not None)
            return
        yield collection
        if depth != "0":
            yield from collection.get_all()

    def _collection(self, principal: Principal, entry: HomeEntry) -> CalendarCollection:
        return CalendarCollection(self._session, View.of(self._session.tx, principal, entry))

    @contextmanager
    def acquire_lock(self, mode: str, user: str = "", *args: Any, **kwargs: Any) -> Iterator[None]:  # noqa: ARG002 - Radicale's signature
        """Share one snapshot, for writing too: what would write is refused by itself (see the module)."""
        with self._session.reading():
            yield

    def move(self, item: Item, to_collection: BaseCollection, to_href: str) -> NoReturn:  # noqa: ARG002 - Radicale's signature
        """Refuse."""
        raise ValueError(_READ_ONLY)

    def create_collection(self, href: str, items: Any = None, props: Any = None) -> NoReturn:  # noqa: ARG002 - Radicale's signature
        """Refuse."""
        raise ValueError(_READ_ONLY)

    def verify(self) -> bool:
        """Return whether every object of every calendar can be read."""
        return True


class Folder(BaseCollection):
    """The root, or a person's home, which is her principal too."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def path(self) -> str:
        """Return the path without slashes around it."""
        return self._path

    @property
    def etag(self) -> str:
        """Return a constant: a folder has no content of its own."""
        return '"folder"'

    @property
    def last_modified(self) -> str:
        """Return nothing: it is not known."""
        return ""

    def get_meta(self, key: str | None = None) -> Any:
        """Return no properties."""
        return {} if key is None else None

    def get_all(self) -> Iterable[Item]:
        """Return no items."""
        return ()

    def get_multi(self, hrefs: Iterable[str]) -> Iterable[tuple[str, Item | None]]:
        """Return that nothing is there."""
        return ((href, None) for href in hrefs)

    def has_uid(self, uid: str) -> bool:  # noqa: ARG002 - Radicale's signature
        """Return False."""
        return False

    def sync(self, old_token: str = "") -> tuple[str, Iterable[str]]:
        """Refuse every token; there is nothing to follow."""
        if old_token:
            raise ValueError("no such sync token")
        return "urn:calgate:sync:none", ()

    def upload(self, href: str, item: Item) -> NoReturn:  # noqa: ARG002 - Radicale's signature
        """Refuse."""
        raise ValueError(_READ_ONLY)

    def delete(self, href: str | None = None) -> NoReturn:  # noqa: ARG002 - Radicale's signature
        """Refuse."""
        raise ValueError(_READ_ONLY)

    def set_meta(self, props: Mapping[str, str]) -> NoReturn:  # noqa: ARG002 - Radicale's signature
        """Refuse."""
        raise ValueError(_READ_ONLY)

    def serialize(self, vcf_to_ics: bool = False, ShareActions: Any = None) -> str:  # noqa: ARG002, N803 - Radicale's signature
        """Return nothing."""
        return ""


class CalendarCollection(Folder):
    """One calendar as one person sees it."""

    def __init__(self, session: Session, view: View) -> None:
        super().__init__(f"{view.principal.login}/{view.entry.slug}")
        self._session = session
        self._view = view
        # Radicale builds PROPFIND answers after the lock is gone.
        self._calendar: Calendar = reading.calendar(session.tx, view.entry.calendar_id)

    @property
    def etag(self) -> str:
        """Return the CTag."""
        return f'"{self._calendar.epoch}-{self._calendar.id}-{self._calendar.seq}"'

    def get_meta(self, key: str | None = None) -> Any:
        """Return the properties under Radicale's names."""
        resource = self._view.entry.resource
        props = {
            "tag": "VCALENDAR",
            "D:displayname": resource.name,
            "C:calendar-description": resource.description or "",
            "C:supported-calendar-component-set": ",".join(self._calendar.components),
        }
        return props if key is None else props.get(key)

    def get_multi(self, hrefs: Iterable[str]) -> Iterator[tuple[str, Item | None]]:
        """Yield each name with its object or None."""
        with self._session.reading():
            for href in hrefs:
                found = self._view.find(self._session.tx, href)
                yield href, self._item(found) if found is not None else None

    def get_all(self) -> Iterator[Item]:
        """Yield every object, in pages."""
        last = 0
        while True:
            with self._session.reading():
                page = reading.every(self._session.tx, self._view.entry.calendar_id, after_id=last)
            if not page:
                return
            last = page[-1].id
            yield from map(self._item, filter(self._view.shows, page))

    def get_filtered(self, filters: Any) -> Iterator[tuple[Item, bool]]:  # noqa: ARG002 - Radicale's signature
        """Yield every object for Radicale's own filter."""
        return ((item, False) for item in self.get_all())

    def has_uid(self, uid: str) -> bool:
        """Return whether an object has this UID."""
        with self._session.reading():
            return reading.by_uid(self._session.tx, self._view.entry.calendar_id, uid) is not None

    def sync(self, old_token: str = "") -> tuple[str, Iterable[str]]:
        """Return the token and what changed; names are read when they are asked for."""
        token = self._view.token(self._calendar)
        if not old_token:
            return token, (item.href or "" for item in self.get_all())
        if self._view.is_masked:
            raise ValueError("list again: the log tells hidden names")
        with self._session.reading():
            try:
                found = changes.since(self._session.tx, self._calendar, old_token)
            except InvalidSyncToken as error:
                raise ValueError(str(error)) from error
        return found.token, [one.href for one in found.changes]

    def _item(self, stored: CalendarObject) -> Item:
        view = self._view
        item = Item(
            collection=self,
            href=view.href_of(stored),
            text=view.ical_of(stored).decode(),
            etag=view.etag_of(stored),
            uid=stored.uid,
            name="VCALENDAR",
            component_name=stored.component,
        )
        item.last_modified = format_datetime(stored.modified_at_utc, usegmt=True)
        return item
