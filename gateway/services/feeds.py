"""Feed links: create, list, change, revoke, and show a link again to its owner.

A feed of a person has her rights and never more: a resource that she may not see any more is left out of
it, and one of which she may see only free/busy shows only that. A feed without an owner is the operator's.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from gateway.domain.errors import Forbidden, InvalidInput, NotFound
from gateway.domain.feed_spec import Feed, FeedLinks, links_of, name_of, path_of
from gateway.domain.model import FeedLevel, Level, ObjectKind, Principal, Resource
from gateway.domain.projection import FIELD_PROPERTIES, chosen_fields
from gateway.services import access, principals, resources
from gateway.services.principals import OPERATOR
from gateway.settings import Settings
from gateway.store import audit
from gateway.store import feeds as store
from gateway.store import principals as principal_store
from gateway.store import resources as resource_store
from gateway.store.database import Transaction
from gateway.store.sealed import sealer_of

FACE = "feed"
PAST_DAYS, FUTURE_DAYS = 62, 366
_MAX_DAYS = 3660
_SECRET_BYTES = 24
_PURPOSE = "feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeed:
    """A feed that was just made; the secret is in no other place but, sealed, in the database."""

    feed: Feed
    secret: str

    @property
    def path(self) -> str:
        """Return the path of the feed below the public address."""
        return path_of(self.secret, self.feed.name)

    def links(self, base_url: str) -> FeedLinks:
        """Return every address of the feed."""
        return links_of(base_url, self.secret, self.feed.name, self.feed.title)


def secret_hash(secret: str) -> bytes:
    """Return what a secret is looked up by."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def create(
    tx: Transaction,
    addresses: Sequence[str],
    *,
    settings: Settings,
    now: datetime,
    actor: str = OPERATOR,
    owner: str | None = None,
    title: str | None = None,
    level: FeedLevel = FeedLevel.TITLES,
    fields: Iterable[str] = (),
    kinds: Iterable[ObjectKind] = (),
    past_days: int = PAST_DAYS,
    future_days: int = FUTURE_DAYS,
    has_alarms: bool = False,
    shows_private: bool = False,
    uses_utc: bool = False,
    allows_gzip: bool = True,
    expires_at_utc: datetime | None = None,
) -> NewFeed:
    """Make a feed link of one or several resources.

    Args:
        tx: a write transaction.
        addresses: of the resources, as the CLI names them, in the order of the feed.
        settings: whether the secret is kept sealed, and with which key.
        now: the current instant.
        actor: for the audit table.
        owner: login of the person whose feed it is; None: the operator's.
        title: shown as the calendar's name; None makes one of the resources' names.
        level: how much it shows.
        fields: for the level *chosen fields*: names of ``FIELD_PROPERTIES``.
        kinds: only objects of these kinds.
        past_days: the window reaches back so far from today.
        future_days: and so far ahead.
        has_alarms: reminders are kept.
        shows_private: PRIVATE and CONFIDENTIAL are shown like all others.
        uses_utc: no zones; for clients that misread TZID.
        allows_gzip: compressed answers where a client asks.
        expires_at_utc: the link is dead from then on.

    Raises:
        InvalidInput: a setting cannot be.
        NotFound: no such resource or person.
        Forbidden: the owner has no right for it.
    """
    found = _resources(tx, addresses)
    person = principals.get(tx, owner) if owner is not None else None
    _check_rights(tx, person, found, level=level, shows_private=shows_private)
    shown_title = (title or "").strip() or ", ".join(each.name for each in found)[:255]
    values = {
        "title": _check_title(shown_title),
        "level": level.value,
        "fields": _check_fields(level, fields),
        "kinds": sorted({ObjectKind(kind).value for kind in kinds}),
        "past_days": _check_days(past_days),
        "future_days": _check_days(future_days),
        "has_alarms": has_alarms,
        "shows_private": shows_private,
        "uses_utc": uses_utc,
        "allows_gzip": allows_gzip,
        "expires_at_utc": _check_expiry(expires_at_utc, now),
    }
    secret, uuid = secrets.token_urlsafe(_SECRET_BYTES), str(uuid4())
    sealed = sealer_of(tx, settings).seal(_PURPOSE, uuid, secret) if settings.feeds_keep_secret else None
    feed_id = store.add(
        tx,
        [each.id for each in found],
        values
        | {
            "uuid": uuid,
            "name": name_of(shown_title),
            "secret_hash": secret_hash(secret),
            "secret_sealed": sealed,
            "mask_key": secrets.token_bytes(32),
            "owner_id": person.id if person is not None else None,
            "revision": 0,
            "created_at_utc": now,
            "modified_at_utc": now,
        },
    )
    detail: dict[str, object] = {"resources": list(addresses), "level": level.value, "owner": owner}
    _audit(tx, now, actor, "feed.create", uuid, detail)
    feed = store.by_id(tx, feed_id)
    if feed is None:
        raise NotFound
    return NewFeed(feed=feed, secret=secret)


def get(tx: Transaction, feed_id: str) -> Feed:
    """Return a feed by its id, of which the first eight digits are enough.

    Raises:
        NotFound: there is none.
    """
    prefix = feed_id.strip().lower()
    is_hex = bool(prefix) and all(char in "0123456789abcdef-" for char in prefix)
    found = store.by_uuid_prefix(tx, prefix) if is_hex and len(prefix) >= 8 else []
    if len(found) != 1:
        raise NotFound("There is no such feed; `calgate feed list` shows their ids.")
    return found[0]


def list_(tx: Transaction, *, address: str | None = None, owner: str | None = None) -> list[Feed]:
    """Return feeds, oldest first, only those of one resource or person if given."""
    resource = resources.get(tx, address) if address is not None else None
    person = principals.get(tx, owner) if owner is not None else None
    return store.all_(
        tx, resource_id=resource.id if resource else None, owner_id=person.id if person else None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedNames:
    """What a feed shows and whose it is, as the CLI names them."""

    resources: list[str]
    owner: str | None


def names_of(tx: Transaction, feed: Feed) -> FeedNames:
    """Return the names behind a feed's ids."""
    found = [resource_store.by_id(tx, each) for each in feed.resource_ids]
    person = principal_store.by_id(tx, feed.owner_id) if feed.owner_id is not None else None
    return FeedNames(
        resources=[resources.address(tx, each) for each in found if each is not None],
        owner=person.login if person is not None else None,
    )


def set_(
    tx: Transaction,
    feed_id: str,
    /,
    *,
    now: datetime,
    actor: str = OPERATOR,
    **fields: Any,  # Any: settings of ``create``, each checked below
) -> Feed:
    """Change settings of a feed; the link stays the same.

    Raises:
        InvalidInput: a setting cannot be changed or cannot have this value.
        Forbidden: the owner has no right for it.
    """
    feed = get(tx, feed_id)
    given = {key: value for key, value in fields.items() if value is not None}
    if unknown := sorted(given.keys() - _SETTABLE):
        raise InvalidInput(f"A feed has no setting {unknown[0]!r} that can change.")
    level = FeedLevel(given.get("level", feed.level))
    shows_private = bool(given.get("shows_private", feed.shows_private))
    person = principal_store.by_id(tx, feed.owner_id) if feed.owner_id is not None else None
    loaded = [resource_store.by_id(tx, each) for each in feed.resource_ids]
    found = [each for each in loaded if each is not None]
    _check_rights(tx, person, found, level=level, shows_private=shows_private)
    values: dict[str, object] = {key: given[key] for key in given.keys() & _PLAIN}
    values["level"] = level.value
    values["fields"] = _check_fields(level, given.get("fields", feed.fields))
    if "title" in given:
        values["title"] = _check_title(given["title"].strip())
    if "kinds" in given:
        values["kinds"] = sorted({ObjectKind(kind).value for kind in given["kinds"]})
    for key in ("past_days", "future_days"):
        if key in given:
            values[key] = _check_days(given[key])
    if "expires_at_utc" in given:
        values["expires_at_utc"] = _check_expiry(given["expires_at_utc"], now)
    store.change(tx, feed.id, values | {"revision": feed.revision + 1, "modified_at_utc": now})
    _audit(tx, now, actor, "feed.set", feed.uuid, {"settings": sorted(given)})
    return get(tx, feed.uuid)


def revoke(tx: Transaction, feed_id: str, *, now: datetime, actor: str = OPERATOR) -> Feed:
    """End a feed; its link is dead at once, on every node, and cannot come back."""
    feed = get(tx, feed_id)
    if feed.revoked_at_utc is None:
        store.change(tx, feed.id, {"revoked_at_utc": now, "secret_sealed": None})
        _audit(tx, now, actor, "feed.revoke", feed.uuid, {})
    return get(tx, feed.uuid)


def show_link(
    tx: Transaction,
    feed_id: str,
    *,
    settings: Settings,
    now: datetime,
    viewer: Principal | None,
    actor: str = OPERATOR,
) -> NewFeed:
    """Return a feed with its secret, to its owner after an explicit request and to nobody else.

    Args:
        tx: a write transaction: each look is on record.
        feed_id: the feed.
        settings: for the key.
        now: the current instant.
        viewer: who asks; None is the operator, whose own feeds have no owner.
        actor: for the audit table.

    Raises:
        Forbidden: it is somebody else's.
        NotFound: it is revoked, or the secret was not kept.
    """
    feed = get(tx, feed_id)
    if feed.owner_id != (viewer.id if viewer is not None else None):
        raise Forbidden("Only its owner can see the link of a feed again.")
    sealed = store.sealed_secret(tx, feed.id)
    if sealed is None or feed.revoked_at_utc is not None:
        raise NotFound("The link was not kept, or it is revoked; make a new feed.")
    secret = sealer_of(tx, settings).open(_PURPOSE, feed.uuid, sealed)
    _audit(tx, now, actor, "feed.show-link", feed.uuid, {})
    return NewFeed(feed=feed, secret=secret)


_PLAIN = frozenset({"has_alarms", "shows_private", "uses_utc", "allows_gzip"})
_SETTABLE = _PLAIN | {"title", "level", "fields", "kinds", "past_days", "future_days", "expires_at_utc"}


def _resources(tx: Transaction, addresses: Sequence[str]) -> list[Resource]:
    if not addresses:
        raise InvalidInput("A feed needs at least one resource.")
    found = {(each := resources.get(tx, address)).id: each for address in addresses}
    return list(found.values())


def _check_rights(
    tx: Transaction,
    person: Principal | None,
    found: Sequence[Resource],
    *,
    level: FeedLevel,
    shows_private: bool,
) -> None:
    if person is None:
        return
    for each in found:
        own = access.level_on(tx, person, each.id, face=FACE)
        if own is None:
            # The same words as for a resource that is not there: names of others are not told.
            raise NotFound(f"There is no resource {each.slug[:80]!r} that {person.login} may see in feeds.")
        if own < Level.READ and level is not FeedLevel.FREEBUSY:
            raise Forbidden(f"{person.login} may see only free/busy of {each.slug}; use --privacy freebusy.")
        if shows_private and own < Level.MANAGE:
            raise Forbidden(f"Only the owner and managers of {each.slug} may show what is private.")


def _check_title(title: str) -> str:
    if not title or len(title) > 255 or not title.isprintable():
        raise InvalidInput("The name of a feed has 1 to 255 printable characters.")
    return title


def _check_fields(level: FeedLevel, fields: Iterable[str]) -> list[str]:
    try:
        chosen = list(chosen_fields(fields))
    except ValueError as error:
        known = ", ".join(FIELD_PROPERTIES)
        raise InvalidInput(f"{error} is no field of a feed; there are {known}.") from None
    if level is not FeedLevel.FIELDS:
        return []
    if not chosen:
        raise InvalidInput("The level fields needs at least one field, e.g. --fields location.")
    return chosen


def _check_days(days: int) -> int:
    if not 0 <= days <= _MAX_DAYS:
        raise InvalidInput(f"The window of a feed reaches 0 to {_MAX_DAYS} days.")
    return days


def _check_expiry(expires_at_utc: datetime | None, now: datetime) -> datetime | None:
    if expires_at_utc is not None and expires_at_utc <= now:
        raise InvalidInput("The expiry of a feed lies in the future.")
    return expires_at_utc


def _audit(
    tx: Transaction, now: datetime, actor: str, action: str, target: str, detail: dict[str, object]
) -> None:
    audit.record(tx, now=now, actor=actor, action=action, target_kind="feed", target=target, detail=detail)
