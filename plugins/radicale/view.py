"""One calendar as one person sees it: which objects are masked for her, and under which names.

Objects of CLASS PRIVATE and CONFIDENTIAL are busy time without text to everybody but the owner of the
resource, its managers and who made the object (rules.md). To who may see free/busy only, all objects are.
Name, UID and ETag of a masked object are HMACs, stable for this person and resource, and tell nothing about
the object. Of what is masked only events are shown: tasks and journals take no time.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from gateway.domain.errors import InvalidSyncToken
from gateway.domain.model import Calendar, CalendarObject, Level, Principal
from gateway.services import Transaction, changes, masks, reading
from gateway.services.access import HomeEntry
from plugins.radicale import masked_names
from plugins.radicale.masking import mask_object

_MASKED_HREF = re.compile(r"[0-9a-f]{40}\.ics")
_SUFFIX = re.compile(r"(:masked|:busy)?(?::listing-(\d{1,18}))?$")


def is_masked_href(href: str) -> bool:
    """Return whether an object's name looks like that of a masked one."""
    return _MASKED_HREF.fullmatch(href) is not None


class Seen(Protocol):
    """What decides how an object is shown."""

    @property
    def href(self) -> str: ...  # noqa: D102 - see CalendarObject
    @property
    def uid(self) -> str: ...  # noqa: D102 - see CalendarObject
    @property
    def component(self) -> str: ...  # noqa: D102 - see CalendarObject
    @property
    def etag(self) -> str: ...  # noqa: D102 - see CalendarObject
    @property
    def seq(self) -> int: ...  # noqa: D102 - see CalendarObject
    @property
    def classification(self) -> int: ...  # noqa: D102 - see CalendarObject
    @property
    def creator_id(self) -> int | None: ...  # noqa: D102 - see CalendarObject


Shown = TypeVar("Shown", bound=Seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A calendar in somebody's home; ``is_masked``: private objects, or all, are without text for her."""

    principal: Principal
    entry: HomeEntry
    is_masked: bool
    key: bytes
    hrefs: dict[str, str] = field(default_factory=dict)  # masked href by UID, as listings ask for it twice
    hashers: dict[str, hmac.HMAC] = field(default_factory=dict, repr=False)  # with the key prepared, once

    @classmethod
    def of(cls, tx: Transaction, principal: Principal, entry: HomeEntry) -> View:
        """Return the view that a person has of a calendar."""
        is_masked = cls.masks(principal, entry)
        key = masks.key_of(tx, principal, entry.resource) if is_masked else b""
        return cls(principal=principal, entry=entry, is_masked=is_masked, key=key)

    @staticmethod
    def masks(principal: Principal, entry: HomeEntry) -> bool:
        """Return whether private objects of others are masked for this person."""
        return entry.level < Level.MANAGE and entry.resource.owner_id != principal.id

    @property
    def is_busy_only(self) -> bool:
        """Return whether she sees nothing but busy time."""
        return self.entry.level < Level.READ

    def hides(self, seen: Seen) -> bool:
        """Return whether she sees this object as busy time only."""
        return self.hides_row(seen.classification, seen.creator_id)

    def hides_row(self, classification: int, creator_id: int | None) -> bool:
        """Return the same from the two columns that decide."""
        if self.is_busy_only:
            return True
        return self.is_masked and bool(classification) and creator_id != self.principal.id

    def shows(self, seen: Seen) -> bool:
        """Return whether this object is there for her at all."""
        return seen.component == "VEVENT" or not self.hides(seen)

    def shown(self, items: list[Shown]) -> list[Shown]:
        """Return the items that are there for her, in an order that tells nothing of hidden names."""
        if not self.is_masked:
            return items
        return sorted((item for item in items if self.shows(item)), key=self.href_of)

    def href_of(self, seen: Seen) -> str:
        """Return the object's name for her."""
        return self.masked_href(seen.uid) if self.hides(seen) else seen.href

    def etag_of(self, seen: Seen) -> str:
        """Return the object's entity tag for her, quotes included."""
        return self.masked_etag(seen.etag, seen.seq) if self.hides(seen) else seen.etag

    def ical_of(self, stored: CalendarObject) -> bytes:
        """Return the object as she may read it."""
        if not self.hides(stored):
            return stored.ical
        return mask_object(stored, self._hash("uid", stored.uid)[:40], self.entry.resource.zone)

    def masked_href(self, uid: str) -> str:
        """Return the name under which she sees the object with this UID where it is masked."""
        href = self.hrefs.get(uid)
        if href is None:
            href = self.hrefs[uid] = f"{self._hash('href', uid)[:40]}.ics"
        return href

    def masked_etag(self, etag: str, seq: int) -> str:
        """Return the entity tag of an object that she sees masked; ``seq`` is that of its last change."""
        return f'"{self._hash("etag", f"{etag} {seq} {self.entry.resource.zone}")[:32]}"'

    def find(self, tx: Transaction, href: str) -> CalendarObject | None:
        """Return the object that has ``href`` in her view."""
        found = reading.by_href(tx, self.entry.calendar_id, href)
        if found is not None:
            return None if self.hides(found) else found
        if not self.is_masked or not is_masked_href(href):
            return None
        hidden = self._hidden_names(tx).get(href)
        return reading.by_href(tx, self.entry.calendar_id, hidden) if hidden is not None else None

    def _hidden_names(self, tx: Transaction) -> Mapping[str, str]:
        """Return the href by the masked href of every object that she sees masked."""
        calendar = self.entry.calendar

        def read() -> dict[str, str]:
            if self.is_busy_only:
                every = reading.names(tx, calendar.id, component="VEVENT")
                return {self.masked_href(uid): href for uid, href in every}
            private = (
                item for item in reading.private(tx, calendar.id) if self.hides(item) and self.shows(item)
            )
            return {self.masked_href(item.uid): item.href for item in private}

        # The number is that of before the names are read, so they are never older than it says.
        key = (self.key, int(calendar.id), calendar.epoch, calendar.seq, self.is_busy_only)
        return masked_names.CACHE.get(key, read)

    # -- sync tokens: those of busy-only, masked and full views do not mix ----------------------------------

    def token(self, calendar: Calendar, base: str | None = None, *, listed_above: int | None = None) -> str:
        """Return the sync token of this view; ``base`` is that of the change log, by default the newest."""
        text = base or changes.token(calendar)
        text += self._suffix
        return text if listed_above is None else f"{text}:listing-{listed_above}"

    def calendar_etag(self, calendar: Calendar) -> str:
        """Return the entity tag of the whole calendar: that of its state, as bytes may come in any order."""
        return f'"{self.token(calendar)}"'

    def read_token(self, tx: Transaction, calendar: Calendar, token: str) -> tuple[str, int | None]:
        """Return the token of the change log and where a listing in pages began, from a token of ours.

        Raises:
            InvalidSyncToken: of another view, or of before an object changed between public and private.
        """
        match = _SUFFIX.search(token)
        assert match is not None  # noqa: S101 - the pattern matches everything
        base = token[: match.start()]
        listed_above = int(match[2]) if match[2] is not None else None
        if (match[1] or "") != self._suffix:
            raise InvalidSyncToken
        seq = changes.position(calendar, base, listed_above=listed_above)
        if self.is_masked and not self.is_busy_only and seq < masks.class_seq(tx, calendar.id):
            raise InvalidSyncToken
        return base, listed_above

    @property
    def _suffix(self) -> str:
        if self.is_busy_only:
            return ":busy"
        return ":masked" if self.is_masked else ""

    def _hash(self, what: str, text: str) -> str:
        prepared = self.hashers.get(what)
        if prepared is None:
            prepared = self.hashers[what] = hmac.new(self.key, f"{what}\n".encode(), "sha256")
        digest = prepared.copy()
        digest.update(text.encode())
        return digest.hexdigest()
