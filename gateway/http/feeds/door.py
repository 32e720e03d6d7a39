"""Serving feeds: ``/feeds/<secret>/<name>.ics``, ``.ifb`` and ``.html``, and ``/robots.txt``.

The order of work: one hash, one lookup, one comparison of entity tags, and only then bytes, from memory
where the same state was rendered before. Unknown, revoked and expired links and wrong names get the same
answer after the same work. The name must match, so that a link has one form only.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime

import structlog
from aiohttp import web
from multidict import CIMultiDict

from gateway.domain.errors import NotFound
from gateway.http.deps import Deps
from gateway.http.feeds import page
from gateway.http.feeds.cache import Cache, Entry, entry_of
from gateway.http.feeds.conditional import matches, not_since, takes_gzip
from gateway.http.feeds.ledger import Ledger
from gateway.http.feeds.ready import MAX_BODY_BYTES, ReadyResponse, can_be_ready, head_of
from gateway.services import Transaction
from gateway.services.feed_render import (
    FeedHit,
    FeedLookup,
    RenderedFace,
    last_modified,
    render_freebusy,
    render_ics,
    scene_of,
)
from gateway.services.feeds import secret_hash
from gateway.settings import Settings

_log = structlog.get_logger("gateway.http.feeds")
_FORMAT = 1  # rises when the same state is rendered differently
_TYPES = {"ics": "text/calendar; charset=utf-8", "ifb": "text/calendar; charset=utf-8"}
_COMMON = {
    "Cache-Control": "private, no-cache",
    "Vary": "Accept-Encoding",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_NOT_FOUND = "There is no such calendar feed. The link may have been revoked or has expired.\n"
ROBOTS = "User-agent: *\nAllow: /feeds/\nDisallow: /\n"


def add(app: web.Application, deps: Deps) -> None:
    """Add the feed door to the application."""
    door = FeedDoor(deps)
    app.router.add_get("/robots.txt", _robots)
    page.add_static(app)
    app.router.add_get("/feeds/{secret}/{file}", door.answer)
    app.cleanup_ctx.append(door.life)


class FeedDoor:
    """One per event loop."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._lookup = FeedLookup(deps.db, settings=_shown_settings(deps.settings))
        self._cache = Cache(deps.settings.feed_cache_bytes)
        self._ledger = Ledger(deps.db, deps.clock)
        self._is_fresh = False
        self._renderers: dict[object, asyncio.Lock] = {}
        self._outcomes = {
            name: deps.metrics.feed_answers.labels(name)
            for name in ("not_modified", "cached", "rendered", "refused")
        }

    async def life(self, _app: web.Application) -> AsyncIterator[None]:
        """Write the ledger while the application lives."""
        task = asyncio.create_task(self._ledger.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self._lookup.close()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer GET and HEAD of every face of a feed."""
        match = request.match_info
        secret, file = match["secret"], match["file"]
        now = self._deps.clock()
        digest = secret_hash(secret)
        hit = (
            self._find_local(digest)
            if self._lookup.is_local
            else await self._deps.db.aread(self._lookup.find, digest)
        )
        stem, _, kind = file.rpartition(".")
        kind = kind.lower()
        if (
            hit is None
            or stem.lower() != hit.name
            or kind not in _FACES
            or (hit.expires_at_utc is not None and hit.expires_at_utc <= now)
        ):
            self._outcomes["refused"].inc()
            return _not_found()
        if kind == "html":
            return await self._page(request, hit, secret, digest, now)
        return await self._file(request, hit, kind, secret, digest, now)

    def _find_local(self, digest: bytes) -> FeedHit | None:
        """Find a feed on the loop's own thread.

        Requests that one turn of the loop handles were all received before it, so they share one look at the
        database: none of them can have been sent after a revocation that this look did not see.
        """
        if not self._is_fresh:
            self._lookup.refresh_local()
            self._is_fresh = True
            asyncio.get_running_loop().call_soon(self._turn_ended)
        return self._lookup.find_local(digest)

    def _turn_ended(self) -> None:
        self._is_fresh = False

    async def _file(
        self, request: web.Request, hit: FeedHit, kind: str, secret: str, digest: bytes, now: datetime
    ) -> web.StreamResponse:
        state = hit.memo.get((kind, now.toordinal())) or _state(hit, kind, now)
        headers = request.headers
        is_gzip = hit.allows_gzip and takes_gzip(headers.get("Accept-Encoding"))
        expected = headers.get("If-None-Match")
        if expected is not None and matches(expected, state.gzip_etag if is_gzip else state.etag):
            return self._unchanged(request, hit, state, is_gzip=is_gzip)
        key = (hit.feed_id, kind)
        entry = self._cache.get(key, state.tag)
        outcome = "cached"
        if entry is None:
            outcome = "rendered"
            try:
                entry = await self._render(key, state.tag, digest, secret, now)
            except NotFound:
                self._outcomes["refused"].inc()
                return _not_found()
        # Rights come and go without a date, so only the entity tag tells whether an owned feed changed.
        since = headers.get("If-Modified-Since") if expected is None and not hit.has_owner else None
        if since is not None and not_since(since, parsedate_to_datetime(entry.last_modified)):
            return self._unchanged(request, hit, state, is_gzip=is_gzip)
        self._outcomes[outcome].inc()
        self._ledger.count(hit.feed_id, headers.get("User-Agent", ""), 200, state.seqs)
        return self._found(request, state, entry, is_gzip=is_gzip)

    def _found(
        self, request: web.Request, state: _State, entry: Entry, *, is_gzip: bool
    ) -> web.StreamResponse:
        is_packed = is_gzip and entry.gzipped is not None
        body = entry.gzipped if is_packed and entry.gzipped is not None else entry.body
        is_ready = len(body) <= MAX_BODY_BYTES and can_be_ready(request)
        if is_ready and (head := state.heads.get((entry.tag, is_gzip, len(body)))) is not None:
            return ReadyResponse(200, head, body)
        answer = (state.found_gzip if is_gzip else state.found).copy()
        answer["Last-Modified"] = entry.last_modified
        if entry.tag != state.tag:  # it changed between the lookup and the rendering
            answer["ETag"] = f'"{entry.tag}-gz"' if is_gzip else f'"{entry.tag}"'
        if is_packed:
            answer["Content-Encoding"] = "gzip"
        if is_ready:
            state.heads[entry.tag, is_gzip, len(body)] = head_of(200, answer, len(body))
        return web.Response(body=body, headers=answer)

    def _unchanged(
        self, request: web.Request, hit: FeedHit, state: _State, *, is_gzip: bool
    ) -> web.StreamResponse:
        self._outcomes["not_modified"].inc()
        self._ledger.count(hit.feed_id, request.headers.get("User-Agent", ""), 304, state.seqs)
        if can_be_ready(request):
            return ReadyResponse(304, state.unchanged_gzip_head if is_gzip else state.unchanged_head)
        headers = state.unchanged_gzip if is_gzip else state.unchanged
        return web.Response(status=304, headers=headers.copy())

    async def _render(
        self, key: tuple[int, str], tag: str, digest: bytes, secret: str, now: datetime
    ) -> Entry:
        """Return the entry of the newest state, rendered once however many ask for it."""
        lock = self._renderers.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                entry = self._cache.get(key, tag)
                if entry is None:
                    entry = await self._deps.db.aread(
                        self._rendered, digest, kind=key[1], secret=secret, now=now
                    )
                    self._cache.put(key, entry)
                return entry
        finally:
            if not lock.locked():
                self._renderers.pop(key, None)

    def _rendered(self, tx: Transaction, digest: bytes, *, kind: str, secret: str, now: datetime) -> Entry:
        """Render in a thread; the state is read again in that snapshot: tag and bytes belong together."""
        hit = self._lookup.find(tx, digest)
        if hit is None:
            raise NotFound
        settings = self._deps.settings
        scene = scene_of(tx, hit, now=now, settings=settings)
        face = (
            render_ics(tx, scene, settings=settings, secret=secret)
            if kind == "ics"
            else render_freebusy(tx, scene, now=now)
        )
        _warn(hit, face, settings.feed_budget_bytes)
        modified = format_datetime(last_modified(face.changed_at_utc, scene.today), usegmt=True)
        return entry_of(_tag(hit, kind, now), face.body, modified, allows_gzip=hit.allows_gzip)

    async def _page(
        self, request: web.Request, hit: FeedHit, secret: str, digest: bytes, now: datetime
    ) -> web.StreamResponse:
        try:
            return await page.answer(
                request, hit, self._deps, self._lookup, self._cache, secret=secret, digest=digest, now=now
            )
        except NotFound:
            self._outcomes["refused"].inc()
            return _not_found()


class _State:
    """What every answer of one face in one state has in common."""

    __slots__ = (
        "etag",
        "found",
        "found_gzip",
        "gzip_etag",
        "heads",
        "seqs",
        "tag",
        "unchanged",
        "unchanged_gzip",
        "unchanged_gzip_head",
        "unchanged_head",
    )

    def __init__(self, hit: FeedHit, kind: str, now: datetime) -> None:
        self.tag = _tag(hit, kind, now)
        self.etag, self.gzip_etag = f'"{self.tag}"', f'"{self.tag}-gz"'
        self.seqs = _seqs(hit)
        # Only what RFC 9110 §15.4.5 asks for: the client keeps the other headers of its copy.
        kept = {name: _COMMON[name] for name in ("Cache-Control", "Vary")}
        self.unchanged = CIMultiDict({**kept, "ETag": self.etag})
        self.unchanged_gzip = CIMultiDict({**kept, "ETag": self.gzip_etag})
        self.unchanged_head = head_of(304, self.unchanged, None)
        self.unchanged_gzip_head = head_of(304, self.unchanged_gzip, None)
        self.heads: dict[tuple[str, bool, int], bytes] = {}
        about = {
            **_COMMON,
            "Content-Type": _TYPES[kind],
            "Content-Disposition": f'inline; filename="{hit.name}.{kind}"',
        }
        self.found = CIMultiDict({**about, "ETag": self.etag})
        self.found_gzip = CIMultiDict({**about, "ETag": self.gzip_etag})


_FACES = frozenset({"ics", "ifb", "html"})


def _state(hit: FeedHit, kind: str, now: datetime) -> _State:
    state = _State(hit, kind, now)
    if len(hit.memo) > len(_FACES):  # of days that are over
        hit.memo.clear()
    hit.memo[kind, now.toordinal()] = state
    return state


def _shown_settings(settings: Settings) -> tuple[object, ...]:
    return settings.base_url, settings.feed_untitled, settings.feed_budget_bytes


def _tag(hit: FeedHit, kind: str, now: datetime) -> str:
    validator = repr((hit.validator, now.toordinal(), kind, _FORMAT))
    return f"{hit.uuid[:8]}-{hashlib.sha256(validator.encode()).hexdigest()[:20]}"


def _seqs(hit: FeedHit) -> str:
    return ",".join(str(seq) for _, seq in hit.calendars)


def _warn(hit: FeedHit, face: RenderedFace, budget_bytes: int) -> None:
    feed = face.feed
    if feed is None:
        return
    if feed.skipped:
        _log.warning("feed.objects_skipped", feed=hit.uuid, count=len(feed.skipped))
    if feed.is_near(budget_bytes):
        _log.warning(
            "feed.near_budget",
            feed=hit.uuid,
            bytes=len(feed.ical),
            budget_bytes=budget_bytes,
            window_share=round(feed.share, 3),
        )


def _not_found() -> web.Response:
    return web.Response(
        status=404,
        text=_NOT_FOUND,
        headers={
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex, nofollow",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _robots(_request: web.Request) -> web.Response:
    return web.Response(text=ROBOTS, headers={"Cache-Control": "max-age=86400"})
