"""One request as the methods see it: who asks, for what, with which body."""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import unquote

from radicale.app.base import Access

from gateway.domain.conditional import Condition
from gateway.domain.errors import Forbidden, NotFound, PreconditionFailed
from gateway.domain.model import Level, Principal
from gateway.services import Transaction, access, objects, reading
from gateway.services.access import HomeEntry
from gateway.services.handle import Handle
from gateway.services.objects import Origin
from plugins.radicale import if_header, modified_since, xml_body
from plugins.radicale.problems import Problem, forbidden, not_found, quote_segment
from plugins.radicale.session import FACE, Session
from plugins.radicale.view import View

MAX_XML_BYTES = 4 * 1024 * 1024  # a multiget of some thousand hrefs
MAX_XML_DEPTH = 40
MAX_XML_ELEMENTS = 50_000
PRINCIPALS = "@principals"  # no login begins with an @
JCAL_MARK = "-jcal"  # ends the entity tag of an object's other representation
_TAG = re.compile(r'\s*+((?:W/)?"[^"]*+"|\*|[^\s,"]++)\s*+(?:,|$)')


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names: the root, a home, a calendar in it, an object in that."""

    login: str | None = None
    slug: str | None = None
    name: str | None = None

    @classmethod
    def of(cls, path: str) -> Target:
        """Return what a decoded path below the mount names.

        Raises:
            Problem: nothing lies so deep.
        """
        segments = [segment for segment in path.split("/") if segment]
        if len(segments) > 3:
            raise not_found("There is nothing so deep in a calendar home.")
        login = unicodedata.normalize("NFC", segments[0]).lower() if segments else None
        return cls(login, *segments[1:])


@dataclass(slots=True, kw_only=True)
class Request:
    """One request of a signed-in person."""

    session: Session
    principal: Principal
    environ: dict[str, Any]  # Any: PEP 3333
    prefix: str
    target: Target
    rights: Any  # Any: Radicale's rights object
    user_groups: set[str]

    @property
    def handle(self) -> Handle:
        """Return the database and what goes with it."""
        return self.session.handle

    @property
    def method(self) -> str:
        """Return the method."""
        return str(self.environ["REQUEST_METHOD"])

    @property
    def origin(self) -> Origin:
        """Return who writes."""
        return Origin(label=f"person:{self.principal.login}", principal_id=self.principal.id)

    def header(self, name: str) -> str | None:
        """Return a header, or None."""
        value = self.environ.get("HTTP_" + name.upper().replace("-", "_"))
        return None if value is None else str(value)

    # -- paths ------------------------------------------------------------------------------------------

    def href(self, *segments: str, is_collection: bool = True) -> str:
        """Return the href of what the segments name, escaped for URLs and XML alike."""
        path = "".join(f"/{quote_segment(segment)}" for segment in segments)
        return f"{self.prefix}{path}{'/' if is_collection else ''}"

    @property
    def home_href(self) -> str:
        """Return the href of the person's principal and home."""
        return self.href(self.principal.login)

    def calendar_href(self, slug: str) -> str:
        """Return the href of a calendar in her home."""
        return self.href(self.principal.login, slug)

    # -- rights -----------------------------------------------------------------------------------------

    def check_home(self, target: Target | None = None) -> None:
        """Refuse other people's homes, whether they exist or not.

        Raises:
            Problem: 403.
        """
        login = (target or self.target).login
        if login is not None and login != self.principal.login:
            raise forbidden("This is not your calendar home.", "read", self.href(login))

    def entry(self, target: Target | None = None) -> HomeEntry:
        """Return the calendar that the path names or lies in; Radicale's rules decide who reads it.

        Raises:
            Problem: 403 for other people's homes, 404 for what is not there or not to be seen.
        """
        return self._permitted(target or self.target)[0]

    def require_write(self, target: Target | None = None) -> HomeEntry:
        """Return the calendar where the person may write in it.

        Raises:
            Problem: 403 with the privilege she lacks, or as ``entry``.
        """
        found, rules = self._permitted(target or self.target)
        if not rules.check("w"):
            raise forbidden(
                "You may read this calendar, not change it.", "write", self.calendar_href(found.slug)
            )
        return found

    def require_write_inside(self, tx: Transaction) -> HomeEntry:
        """Return the calendar of the path with its rights as they are inside this write.

        One look instead of one before the write and one in it.

        Raises:
            Problem: as ``require_write``.
        """
        self.check_home()
        if self.target.slug is not None:
            self.session.look_up(tx, self.principal, self.target.slug)
        return self.require_write()

    def _permitted(self, target: Target) -> tuple[HomeEntry, Access]:
        """Return the calendar of a path that Radicale's rules let the person read, and the rules."""
        self.check_home(target)
        slug = target.slug
        found = self.session.entry(self.principal, slug) if slug is not None else None
        if found is not None:
            path = f"/{self.principal.login}/{slug}/"
            rules = Access(self.rights, self.principal.login, self.user_groups, path)
            if rules.check("r"):
                return found, rules
        raise not_found("There is no such calendar in your home.")

    def entry_for_read(self, tx: Transaction, slug: str) -> HomeEntry:
        """Return the calendar with its rights as they are inside a write that reads it.

        Raises:
            NotFound: it is gone from her home.
        """
        found = access.resolve(tx, self.principal, slug, face=FACE)
        if found is None:
            raise NotFound("There is no such calendar in your home.")
        return found

    def entry_for_write(self, tx: Transaction, slug: str) -> HomeEntry:
        """Return the calendar with its rights as they are inside a write.

        Raises:
            NotFound: it is gone from her home.
            Forbidden: she may not write in it any more.
        """
        found = self.entry_for_read(tx, slug)
        if found.level < Level.WRITE:
            raise Forbidden("You may read this calendar, not change it.")
        return found

    # -- conditions and bodies --------------------------------------------------------------------------

    def condition(self) -> Condition:
        """Return If-Match and If-None-Match of the request, lists and weak tags included."""
        return Condition(
            if_match=_tags(self.header("If-Match")), if_none_match=_tags(self.header("If-None-Match"))
        )

    def check_if(self, tx: Transaction, *, also: Target | None = None, is_write: bool = True) -> None:
        """Compare the If header and If-Unmodified-Since with what is there now, as this person sees it.

        In a write the calendars that it names are locked first, ``also`` the other one of a move or copy,
        so that what is compared is what will be changed.

        Raises:
            PreconditionFailed: no list of the header holds, or the object is newer.
            Problem: 400, the header cannot be read.
        """
        header = self.header("If")
        since = self.header("If-Unmodified-Since") if self.header("If-Match") is None else None
        if header is None and since is None:
            return
        lists = if_header.read(header) if header is not None else []
        targets = {one.href: self._named(one.href) for one in lists}
        slugs = {target.slug for target in (*targets.values(), self.target, also) if target is not None}
        entries = {
            slug: access.resolve(tx, self.principal, slug, face=FACE) for slug in slugs if slug is not None
        }
        if is_write:
            objects.lock_all(tx, [entry.calendar_id for entry in entries.values() if entry is not None])
        if since is not None:
            self._check_unmodified(tx, since, entries)
        etags = {href: self._etag(tx, target, entries) for href, target in targets.items()}
        if lists and not if_header.holds(lists, lambda href: etags[href]):
            raise PreconditionFailed

    def _check_unmodified(self, tx: Transaction, since: str, entries: Mapping[str, HomeEntry | None]) -> None:
        entry = entries.get(self.target.slug) if self.target.slug is not None else None
        if entry is None or self.target.name is None:
            return
        found = View.of(tx, self.principal, entry).find(tx, self.target.name)
        if found is not None and modified_since.has_changed(since, found.modified_at_utc):
            raise PreconditionFailed

    def _named(self, href: str | None) -> Target | None:
        """Return what a resource tag names in this person's home, None for anything else."""
        if href is None:
            return self.target
        path = path_of(href, self.prefix)
        try:
            target = Target.of(path) if path is not None else None
        except Problem:
            return None
        return target if target is not None and target.login == self.principal.login else None

    def _etag(
        self, tx: Transaction, target: Target | None, entries: Mapping[str, HomeEntry | None]
    ) -> str | None:
        entry = entries.get(target.slug) if target is not None and target.slug is not None else None
        if entry is None or target is None:
            return None
        view = View.of(tx, self.principal, entry)
        if target.name is None:
            return view.calendar_etag(reading.calendar(tx, entry.calendar_id))
        found = view.find(tx, target.name)
        return view.etag_of(found) if found is not None else None

    def body(self) -> bytes:
        """Return the whole body."""
        stream: IO[bytes] = self.environ["wsgi.input"]
        return stream.read(int(self.environ.get("CONTENT_LENGTH") or 0))

    def xml(self) -> ET.Element | None:
        """Return the parsed body, None where it is empty.

        Raises:
            Problem: 400 for what is not well-formed, has a DOCTYPE or nests too deep; 413 for too large.
        """
        if int(self.environ.get("CONTENT_LENGTH") or 0) > MAX_XML_BYTES:
            raise Problem(413, f"An XML body has at most {MAX_XML_BYTES} bytes.")
        data = self.body()
        if not data.strip():
            return None
        try:
            root = xml_body.parse(data)
        except xml_body.DoctypeRefused:
            raise Problem(400, "A DOCTYPE or an entity is not taken; send plain XML.") from None
        except (ET.ParseError, ValueError, LookupError):
            raise Problem(400, "The body is not well-formed XML.") from None
        _bound(root)
        return root


def _tags(header: str | None) -> tuple[str, ...] | None:
    if header is None:
        return None
    found, place = [], 0
    while place < len(header):
        match = _TAG.match(header, place)
        if match is None:
            place = header.find(",", place) + 1 or len(header)
            continue
        # One resource, two representations: a write on the one is a write on the other.
        found.append(match[1].replace(f'{JCAL_MARK}"', '"'))
        place = match.end()
    return tuple(found) or ("",)


def _bound(root: ET.Element) -> None:
    """Refuse documents whose shape alone would cost too much."""
    count = 0
    level = [root]
    for _ in range(MAX_XML_DEPTH):
        level = [child for parent in level for child in parent]
        count += len(level)
        if not level:
            return
        if count > MAX_XML_ELEMENTS:
            raise Problem(400, f"An XML body has at most {MAX_XML_ELEMENTS} elements.")
    raise Problem(400, f"XML elements are nested deeper than {MAX_XML_DEPTH}.")


def hrefs_of(root: ET.Element) -> Iterator[str]:
    """Yield the text of the href children of an element."""
    for child in root.findall("{DAV:}href"):
        yield (child.text or "").strip()


def path_of(href: str, prefix: str) -> str | None:
    """Return the decoded path below the mount of an href, None where it is none of ours."""
    if href.startswith(("http://", "https://")):
        _, _, rest = href.partition("//")
        _, slash, path = rest.partition("/")
        href = slash + path
    try:
        path = unquote(href.partition("?")[0], errors="strict")
    except UnicodeDecodeError:
        return None
    if not path.startswith(prefix + "/"):
        return None
    return path[len(prefix) :]
