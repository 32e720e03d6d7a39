"""Writing one object: read, compare, write under a condition, read back. Every write can be repeated.

The condition is sent always; because some servers do not look at it, the object is also read right before.
What is left there is the moment between the two.
"""

from __future__ import annotations

from gateway.domain.errors import InvalidInput
from gateway.domain.line_edit import events as components
from gateway.domain.line_edit import put, to_bytes, tree_of
from gateway.providers.contract import Delete, Put, Removed, Upsert
from gateway.providers.errors import (
    BadAnswer,
    HasGuests,
    NotFound,
    ProviderError,
    Rejected,
    Unavailable,
    VersionConflict,
)
from plugins.caldav.items import Remote, item_of
from plugins.caldav.mapping import project, readable, version_of, with_lines
from plugins.caldav.overlay import overlaid
from plugins.caldav.quirks.etags import condition
from plugins.caldav.quirks.markers import MAX_GENERATIONS, copy_name, copy_of, copy_uid, guests_of, properties
from plugins.caldav.reading import Reader

_TYPE = {"Content-Type": "text/calendar; charset=utf-8"}
_MAY_BE_TAKEN = frozenset({"400", "409", "no-uid-conflict", "unique-scheduling-object-resource", "occupied"})
_TAKEN = frozenset({"no-uid-conflict", "unique-scheduling-object-resource"})


class Push:
    """One write to one calendar."""

    def __init__(self, reader: Reader, addresses: frozenset[str]) -> None:
        """Write to this calendar."""
        self._reader, self._addresses = reader, addresses

    async def put(self, write: Put) -> Upsert:
        """Create or change; see ``RemoteAccount.push``."""
        wanted = project(write.ical, write.presentation)
        try:
            readable(wanted)
        except InvalidInput as error:
            raise Rejected(f"Its copy could not be read again: {error}", code="unreadable") from None
        if write.remote_id is None:
            return await self._create(wanted, write)
        found = await self._reader.one(write.remote_id)
        if found is None:
            raise NotFound
        return await self._change(wanted, write, found, version=write.if_version)

    async def delete(self, write: Delete) -> Removed:
        """Delete; gone already counts as done. Nobody is told (RFC 6638 §8.1)."""
        gone = Removed(remote_id=write.remote_id)
        found = await self._reader.one(write.remote_id)
        if found is None:
            return gone
        self._check(found, write.if_version)
        headers = {"Schedule-Reply": "F"}
        try:
            await self._conditional("DELETE", found, b"", headers)
        except NotFound:
            await self._reader.properties()
        return gone

    # -- creating

    async def _create(self, wanted: bytes, write: Put) -> Upsert:
        refusal = Rejected("The server takes no copy of this event.")
        for generation in range(MAX_GENERATIONS):
            try:
                return await self._create_as(wanted, write, generation)
            except Rejected as error:
                if isinstance(error, HasGuests) or error.code not in _MAY_BE_TAKEN:
                    raise
                refusal = error
        raise refusal

    async def _create_as(self, wanted: bytes, write: Put, generation: int) -> Upsert:
        name, uid = copy_name(write.key, generation), copy_uid(write.key, generation)
        body = _dressed(wanted, write, name, uid=uid)
        try:
            await self._reader.client.request(
                self._reader.at(name), "PUT", body, {**_TYPE, "If-None-Match": "*"}
            )
        except VersionConflict:
            return await self._occupied(wanted, write, await self._reader.one(name))
        except Rejected as error:
            if error.code not in _TAKEN:
                raise
            # Our own copy under another name: the server or a person has moved it.
            return await self._occupied(
                wanted, write, await self._reader.with_uid(copy_uid(write.key)), error
            )
        except NotFound:
            await self._reader.properties()
            raise Unavailable("The server does not take new events now.") from None
        return await self._read_back(name, uid)

    async def _occupied(
        self, wanted: bytes, write: Put, found: Remote | None, refusal: Rejected | None = None
    ) -> Upsert:
        if found is None:
            if refusal is not None:
                raise refusal
            raise Unavailable("The server does not show yet what was written.", maybe_applied=True)
        own = copy_of(tree_of(found.body), found.name)
        if own is None or own.marker != write.key.marker:
            raise Rejected("Something else lies where the copy of this event would be.", code="occupied")
        return await self._change(wanted, write, found, version=None)

    # -- changing

    async def _change(self, wanted: bytes, write: Put, found: Remote, *, version: str | None) -> Upsert:
        self._check(found, version)
        tree = tree_of(found.body)
        if copy_of(tree, found.name) is not None:
            uid = components(tree)[0].first("UID") or ""
            body = _dressed(wanted, write, found.name, uid=uid.partition(":")[2])
        else:
            body = overlaid(found.body, wanted)
        try:
            await self._conditional("PUT", found, body, _TYPE)
        except NotFound:
            await self._reader.properties()
            raise
        return await self._read_back(found.name, copy_uid(write.key))

    async def _conditional(self, method: str, found: Remote, body: bytes, headers: dict[str, str]) -> None:
        """Write under If-Match; a 412 for an object that has not changed says that its tag is worthless."""
        path, tag = self._reader.at(found.name), condition(found.etag)
        known = version_of(found.body)
        try:
            await self._reader.client.request(
                path, method, body, headers | ({"If-Match": tag} if tag else {})
            )
        except VersionConflict:
            now = await self._reader.one(found.name)
            if now is None:
                raise NotFound from None
            if not tag or _version(now) != known:
                raise
            await self._reader.client.request(path, method, body, headers)

    def _check(self, found: Remote, version: str | None) -> None:
        item = item_of(found, self._addresses)
        if isinstance(item, Upsert):
            if item.guests:
                raise HasGuests
            if version is not None and item.version != version:
                raise VersionConflict(code="version")
        elif not isinstance(item, Removed):
            raise Rejected(f"What is there cannot be read: {item.reason}", code="unreadable")
        else:
            raise VersionConflict(code="component")

    async def _read_back(self, name: str, uid: str) -> Upsert:
        try:
            found = await self._reader.one(name) or await self._reader.with_uid(uid)
        except ProviderError as error:
            error.maybe_applied = True
            raise
        if found is None:
            raise Unavailable("The server does not show yet what was written.", maybe_applied=True)
        item = item_of(found, self._addresses)
        if not isinstance(item, Upsert):
            raise BadAnswer("What the server keeps of the event cannot be read.", maybe_applied=True)
        return item


def _dressed(wanted: bytes, write: Put, name: str, *, uid: str) -> bytes:
    guests = guests_of(tree_of(wanted)) if write.presentation.guests else []
    dressed = tree_of(with_lines(wanted, properties(write.key, name, guests)))
    for component in components(dressed):
        put(component, "UID", f"UID:{uid}")
    return to_bytes(dressed)


def _version(remote: Remote) -> str:
    try:
        return version_of(remote.body)
    except ValueError:
        return ""
