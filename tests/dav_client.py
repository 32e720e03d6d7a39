"""A plain CalDAV client over one kept connection, for tests and the benchmark; it hides nothing."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree as ET

DAV = "{DAV:}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TokenRefused(Exception):
    """The server does not know the sync token (any more)."""


class DavClient:
    """One person's connection; ``root`` is the address of a calendar, ending in a slash."""

    def __init__(self, root: str, login: str, password: str, *, timeout_s: float = 60) -> None:
        parts = urlsplit(root)
        self.path = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
        secret = base64.b64encode(f"{login}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}"} if login else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(self, method: str, name: str = "", body: bytes | str = b"", **headers: str) -> Answer:
        """Send one request; ``_`` in header names stands for a hyphen."""
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        data = body.encode() if isinstance(body, str) else body
        self._connection.request(method, self.path + quote(name), data or None, self._headers | given)
        answer = self._connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def put(self, name: str, data: bytes, **headers: str) -> Answer:
        return self.ask("PUT", name, data, Content_Type="text/calendar; charset=utf-8", **headers)

    def get(self, name: str) -> Answer:
        return self.ask("GET", name)

    def delete(self, name: str, **headers: str) -> Answer:
        return self.ask("DELETE", name, **headers)

    def sync(self, token: str = "", limit: int | None = None) -> tuple[str, dict[str, str | None], bool]:
        """Return (new token, etag or None by name, whether there is more) of one sync-collection.

        Raises:
            TokenRefused: the server wants a reader of this token to begin again.
        """
        limited = f"<limit><nresults>{limit}</nresults></limit>" if limit else ""
        body = (
            f'<sync-collection xmlns="DAV:"><sync-token>{token}</sync-token><sync-level>1</sync-level>'
            f"{limited}<prop><getetag/></prop></sync-collection>"
        )
        answer = self.ask("REPORT", body=body, Content_Type="text/xml", Depth="1")
        if answer.status in {403, 409, 410}:
            assert b"valid-sync-token" in answer.body, answer.body
            raise TokenRefused
        assert answer.status == 207, (answer.status, answer.body[:500])
        tree = ET.fromstring(answer.body)
        found: dict[str, str | None] = {}
        is_truncated = False
        for response in tree.iter(f"{DAV}response"):
            name = unquote(response.findtext(f"{DAV}href", "")).removeprefix(self.path)
            status = response.findtext(f"{DAV}status", "")
            if not name:
                is_truncated = is_truncated or "507" in status
            elif "404" in status:
                found[name] = None
            else:
                found[name] = response.findtext(f"{DAV}propstat/{DAV}prop/{DAV}getetag")
        return tree.findtext(f"{DAV}sync-token", ""), found, is_truncated


class Replica:
    """A client's copy of a calendar: it syncs by token and begins again where the token is refused."""

    def __init__(self) -> None:
        self.token = ""
        self.objects: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.restarts = 0

    def pull(self, client: DavClient, *, limit: int | None = None) -> None:
        """Bring the copy to the state of the server."""
        kept: set[str] | None = None if self.token else set()
        more = True
        while more:
            try:
                self.token, found, more = client.sync(self.token, limit)
            except TokenRefused:
                self.restarts += 1
                self.token, kept = "", set()
                continue
            for name, etag in found.items():
                if kept is not None:
                    kept.discard(name)
                    if etag is not None:
                        kept.add(name)
                self._take(client, name, etag)
        if kept is not None:  # a whole listing: what it does not name is gone
            for name in set(self.objects) - kept:
                self._take(client, name, None)

    def _take(self, client: DavClient, name: str, etag: str | None) -> None:
        if etag is None:
            self.objects.pop(name, None)
            self.etags.pop(name, None)
        elif self.etags.get(name) != etag:
            answer = client.get(name)
            assert answer.status == 200, answer
            self.objects[name] = answer.body
            self.etags[name] = etag
