"""From an address to the calendar homes (RFC 6764 §6, RFC 4791 §6.2.1), in the thread of the sign-in.

SRV records are asked for last: most services answer under their well-known address or are entered by their
full one. A password never follows a redirect, or a record, to a stranger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from gateway.providers.addresses import AddressFilter, target_of
from gateway.providers.blocking import fetch
from gateway.providers.contract import Answer
from gateway.providers.errors import (
    BadAnswer,
    ProviderError,
    SignInRefused,
    Unavailable,
)
from plugins.caldav import xml
from plugins.caldav.hrefs import is_plain
from plugins.caldav.multistatus import DAV, Member, members, parse
from plugins.caldav.quirks.other_hosts import may_follow
from plugins.caldav.service_records import WELL_KNOWN, named_services

MAX_HOPS = 5
MAX_BYTES = 4 * 1024 * 1024
_HOME = f"{xml.CALENDAR}calendar-home-set"
_PRINCIPAL = f"{DAV}current-user-principal"
_ADDRESSES = f"{xml.CALENDAR}calendar-user-address-set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found: addresses of homes, the person's own calendar addresses in lower case."""

    homes: list[str]
    addresses: list[str]


def discover(config: Mapping[str, str], address: str, credentials: str) -> Found:
    """Return the account's calendar homes.

    Raises:
        SignInRefused: wrong name or password, or no CalDAV server there; says what to do.
        AddressRefused: the address filter does not let us go there.
        Unavailable: nobody answers; nothing is known.
    """
    return _Walk(config, _entered(address), credentials).run()


def _entered(address: str) -> str:
    text = address.strip()
    if "://" not in text:
        # Of a mail address the domain counts (RFC 6764 §6); the user name has a field of its own.
        is_mail = "@" in text and "/" not in text
        text = f"https://{text.rpartition('@')[2] if is_mail else text}"
    if text.startswith(("caldav://", "caldavs://")):
        text = "https://" + text.partition("://")[2]
    target_of(text)
    return text


class _Walk:
    def __init__(self, config: Mapping[str, str], start: str, credentials: str) -> None:
        self._addresses = AddressFilter.from_config(config)
        self._ca_file = config.get("ca_file") or None
        self._start, self._credentials = start, credentials
        self._trouble: ProviderError | None = None

    def run(self) -> Found:
        for candidate in self._candidates():
            found = self._members(candidate)
            if found is None:
                continue
            base, root = found
            homes, addresses = self._homes(base, root)
            if homes:
                return Found(homes=homes, addresses=addresses)
        if self._trouble is not None:
            raise self._trouble
        raise SignInRefused(
            "There is no CalDAV server at this address; give the address that the service names for CalDAV."
        )

    def _candidates(self) -> Iterator[str]:
        has_path = (urlsplit(self._start).path or "/") != "/"
        if has_path:
            yield self._start
        yield urljoin(self._start, WELL_KNOWN)
        yield urljoin(self._start, "/")
        if not has_path:
            yield from named_services(target_of(self._start).host)

    def _homes(self, base: str, member: Member) -> tuple[list[str], list[str]]:
        homes, addresses = member.hrefs(_HOME), member.hrefs(_ADDRESSES)
        principal = next(iter(member.hrefs(_PRINCIPAL)), None)
        if not homes and principal is not None:
            found = self._members(urljoin(base, principal))
            if found is not None:
                base, inner = found
                homes, addresses = inner.hrefs(_HOME), inner.hrefs(_ADDRESSES)
        own = [text.lower() for text in addresses if text.lower().startswith("mailto:")]
        return [url for home in homes if (url := self._home(base, home)) is not None], own

    def _home(self, base: str, href: str) -> str | None:
        url = urljoin(base, href)
        if not is_plain(urlsplit(url).path):
            return None
        self._allow(url)
        return url if url.endswith("/") else f"{url}/"

    def _members(self, url: str) -> tuple[str, Member] | None:
        """Ask one address; None where no WebDAV answers there."""
        try:
            answer = self._asked(url)
            if answer.status != 207:
                return None
            return next(((answer.url, member) for member in members(parse(answer.body))), None)
        except (BadAnswer, Unavailable) as error:
            self._trouble = error
            return None

    def _asked(self, url: str) -> Answer:
        for _ in range(MAX_HOPS):
            self._allow(url)
            answer = fetch(
                "PROPFIND",
                url,
                addresses=self._addresses,
                body=xml.principal().encode(),
                headers={
                    "Authorization": f"Basic {self._credentials}",
                    "Content-Type": "application/xml; charset=utf-8",
                    "Accept": "*/*",
                    "Depth": "0",
                },
                ca_file=self._ca_file,
                max_bytes=MAX_BYTES,
            )
            if answer.status == 401:
                raise _refused(answer)
            moved = answer.headers.get("location")
            if answer.status not in {301, 302, 303, 307, 308} or not moved:
                if answer.status >= 500 or answer.status == 429:
                    raise Unavailable("The server is not well; try again later.", code=str(answer.status))
                return answer
            url = urljoin(url, moved)
        raise BadAnswer("The server's redirects come without end.")

    def _allow(self, url: str) -> None:
        target = self._addresses.check(url)
        if not may_follow(target_of(self._start), target):
            raise SignInRefused(
                f"The server sends us to another host, {target.host}; connect with that one if it is yours."
            )


def _refused(answer: Answer) -> ProviderError:
    offered = answer.headers.get("www-authenticate", "").lower()
    if offered and "basic" not in offered:
        return SignInRefused(
            "The server takes no password in this way (Basic); use an app password if it has them."
        )
    return SignInRefused("The server does not accept this user name and password.")
