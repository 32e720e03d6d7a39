"""What a feed is: its settings as frozen values, and the links that are made from its secret."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from gateway.domain.model import FeedId, FeedLevel, ObjectKind, PrincipalId, ResourceId

GOOGLE_BY_URL_PAGE = "https://calendar.google.com/calendar/r/settings/addbyurl"
MAX_NAME_CHARS = 60
_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One feed link and its settings.

    Attributes:
        name: last segment of its path, without ``.ics``; it never changes.
        owner_id: whose rights it has; None: made by the operator for anybody.
        fields: what the level *chosen fields* shows beside the title.
        kinds: only objects of these kinds; empty: all.
        mask_key: of the HMAC that makes masked UIDs.
        resource_ids: what it shows, in order.
    """

    id: FeedId
    uuid: str
    name: str
    title: str
    owner_id: PrincipalId | None
    level: FeedLevel
    fields: tuple[str, ...]
    kinds: tuple[ObjectKind, ...]
    past_days: int
    future_days: int
    has_alarms: bool
    shows_private: bool
    uses_utc: bool
    allows_gzip: bool
    revision: int
    created_at_utc: datetime
    modified_at_utc: datetime
    expires_at_utc: datetime | None
    revoked_at_utc: datetime | None
    mask_key: bytes
    resource_ids: tuple[ResourceId, ...]

    @property
    def state(self) -> str:
        """Return ``revoked`` or ``live``; whether it has expired depends on the time."""
        return "revoked" if self.revoked_at_utc is not None else "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLinks:
    """Every address that leads to one feed (conventions.md, Add-by-URL links)."""

    url: str
    webcal: str
    html: str
    ifb: str
    google: str
    google_page: str
    outlook: str
    outlook_personal: str

    def as_dict(self) -> dict[str, str]:
        """Return the links by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def path_of(secret: str, name: str) -> str:
    """Return the path of a feed below the public address."""
    return f"/feeds/{secret}/{name}.ics"


def links_of(base_url: str, secret: str, name: str, title: str) -> FeedLinks:
    """Return the links of a feed.

    A plain link to an .ics file imports once instead of subscribing, so pages never use ``url`` as a button.
    """
    url = f"{base_url}{path_of(secret, name)}"
    webcal = re.sub(r"^https?://", "webcal://", url)
    stem = url.removesuffix(".ics")
    encoded, shown = quote(url, safe=""), quote(title, safe="")
    return FeedLinks(
        url=url,
        webcal=webcal,
        html=f"{stem}.html",
        ifb=f"{stem}.ifb",
        google=f"https://calendar.google.com/calendar/r?cid={quote(webcal, safe='')}",
        google_page=GOOGLE_BY_URL_PAGE,
        outlook=f"https://outlook.office.com/calendar/0/addfromweb?url={encoded}&name={shown}",
        outlook_personal=f"https://outlook.live.com/calendar/0/addfromweb?url={encoded}&name={shown}",
    )


def name_of(title: str) -> str:
    """Return the last path segment for a title: lower-case ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return _NOT_IN_NAME.sub("-", plain).strip("-")[:MAX_NAME_CHARS].strip("-") or "calendar"
