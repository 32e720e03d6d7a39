"""Sign-in, once for every door: Basic credentials to a person (rules.md, Secrets).

App passwords cost one indexed read per request and are never cached, so a revocation holds at once on
every node. Passwords that people choose cost argon2id, at most two at a time, in a thread; a verified one
is remembered under a keyed hash together with the version of the password, and each request reads the
version again. Throttling never blocks a thread: it answers 429.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextvars
import hashlib
import hmac
import secrets
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from aiohttp import web

from gateway.domain.errors import GatewayError
from gateway.domain.model import Principal
from gateway.domain.people import PasswordRecord
from gateway.http.limits import Throttle
from gateway.http.metrics import Metrics
from gateway.http.proxies import client_address
from gateway.services import Database, Transaction, principals
from gateway.settings import Settings

log = structlog.get_logger(__name__)

REALM = "Calgate"
_MAX_HEADER = 4096
_REMEMBERED = 2000
_ARGON2_AT_ONCE = 2  # 19 MiB each
_USE_GRAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login and what could be its password."""

    login: str
    secrets: tuple[str, ...]  # the password as UTF-8; where it is none, as Latin-1 (old clients)


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who has signed in, and the app password where it was one."""

    principal: Principal
    app_password: str | None


class SignIn:
    """Turns the Authorization header of a request into a person.

    Args:
        db: the database.
        settings: for the number of failures before 429, and the trusted proxies.
        clock: the current instant, for the note of when an app password was last used.
        metrics: counts outcomes.
    """

    def __init__(
        self, *, db: Database, settings: Settings, clock: Callable[[], datetime], metrics: Metrics
    ) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._throttle = Throttle(settings.sign_in_failures)
        self._noted: OrderedDict[bytes, datetime] = OrderedDict()
        self._notes: set[asyncio.Task[None]] = set()
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._pool = ThreadPoolExecutor(max_workers=_ARGON2_AT_ONCE, thread_name_prefix="argon2")

    async def basic(self, request: web.Request) -> Principal:
        """Return who signs in with Basic credentials.

        Raises:
            web.HTTPUnauthorized: no, malformed or wrong credentials.
            web.HTTPTooManyRequests: too many wrong ones of this account or address; with Retry-After.
        """
        credentials = self.credentials(request)
        address = client_address(request, self._settings)
        return await self.check(credentials.login, *credentials.secrets, address=address)

    def credentials(self, request: web.Request) -> Credentials:
        """Return the Basic credentials of a request; whether they are right is not known yet.

        Raises:
            web.HTTPUnauthorized: there are none, or they are malformed.
        """
        credentials = read_basic(request.headers.get("Authorization"))
        if credentials is None:
            raise unauthorized()
        return credentials

    def recognise(self, credentials: Credentials) -> Recognised | None:
        """Return who signs in where one look at the database tells; for threads, never for the loop.

        None says nothing yet: ``basic`` decides, with the work and the throttle of a wrong password.
        ``accepted`` has to be told what comes out.
        """
        found = self._db.read(_look_up, credentials.login, credentials.secrets)
        if isinstance(found, Recognised):
            return found
        if found is None:
            return None
        marks = [self._mark(credentials.login, password) for password in credentials.secrets]
        is_known = self._is_remembered(credentials.login, found.version, marks)
        return Recognised(found.principal, None) if is_known else None

    def accepted(self, found: Recognised) -> None:
        """Take note of a sign-in that ``recognise`` has found; for the event loop."""
        self._metrics.sign_ins.labels("ok").inc()
        if found.app_password is not None:
            self._note_use(found.app_password)

    async def check(self, login: str, *passwords: str, address: str) -> Principal:
        """Return the person with this login whose password is one of ``passwords``; see ``basic``."""
        found = await self._db.aread(_look_up, login, passwords)
        if isinstance(found, Recognised):
            self.accepted(found)
            return found.principal
        marks = [self._mark(login, password) for password in passwords]
        if found is not None and self._is_remembered(login, found.version, marks):
            self._metrics.sign_ins.labels("ok").inc()
            return found.principal
        keys = (f"account:{login}", f"address:{address}")
        wait_s = self._throttle.wait_s(*keys)
        if wait_s:
            self._metrics.sign_ins.labels("throttled").inc()
            raise web.HTTPTooManyRequests(
                text=f"Too many wrong passwords; try again in {wait_s} s.\n",
                headers={"Retry-After": str(wait_s)},
            )
        self._throttle.take(*keys)
        password_hash = found.hash if found is not None else None
        for password, mark in zip(passwords, marks, strict=True):
            if await self._verify(password_hash, password) and found is not None:
                self._throttle.give_back(*keys)
                self._remember(login, found.version, mark)
                self._metrics.sign_ins.labels("ok").inc()
                return found.principal
        self._metrics.sign_ins.labels("wrong").inc()
        log.info("sign_in.refused", address=address)
        raise unauthorized()

    async def _verify(self, password_hash: str | None, password: str) -> bool:
        # Without a hash the same work is done on a hash of nobody: unknown logins cost the same.
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, context.run, principals.verify_password, password_hash, password
        )

    def _note_use(self, password: str) -> None:
        """Write down once an hour that an app password is in use, beside the request and not in it."""
        mark, now = self._mark("", password), self._clock()
        noted = self._noted.get(mark)
        if noted is not None and now - noted < _USE_GRAIN:
            return
        self._noted[mark] = now
        self._noted.move_to_end(mark)
        while len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)
        task = asyncio.create_task(self._write_use(password, now))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write_use(self, password: str, now: datetime) -> None:
        try:
            await self._db.awrite(principals.record_app_password_use, password, now=now)
        except GatewayError as error:
            log.warning("app_password.use_not_noted", reason=str(error))

    def _mark(self, login: str, password: str) -> bytes:
        text = f"{login}\0{password}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()

    def _is_remembered(self, login: str, version: int, marks: list[bytes]) -> bool:
        known = self._verified.get(login)
        if known is None or known[0] != version:
            return False
        return any(hmac.compare_digest(known[1], mark) for mark in marks)

    def _remember(self, login: str, version: int, mark: bytes) -> None:
        self._verified[login] = (version, mark)
        self._verified.move_to_end(login)
        while len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)

    async def drain(self) -> None:
        """Wait for what is being written down and verified; nobody signs in any more."""
        while self._notes:
            await asyncio.gather(*self._notes, return_exceptions=True)
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Wait for running verifications."""
        self._pool.shutdown(wait=True)


def unauthorized() -> web.HTTPUnauthorized:
    """Return the answer that asks for Basic credentials."""
    return web.HTTPUnauthorized(
        text="Sign in with your login and an app password.\n",
        headers={"WWW-Authenticate": f'Basic realm="{REALM}", charset="UTF-8"'},
    )


def read_basic(header: str | None) -> Credentials | None:
    """Return the credentials of an Authorization header (RFC 7617), None where there are none to use."""
    if not header or len(header) > _MAX_HEADER:
        return None
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        raw = base64.b64decode(encoded.strip().encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    login_bytes, colon, password_bytes = raw.partition(b":")
    if not colon or not login_bytes or b"\0" in raw:
        return None
    try:
        login = login_bytes.decode()
        words: tuple[str, ...] = (password_bytes.decode(),)
    except UnicodeDecodeError:
        login = login_bytes.decode("latin-1")
        words = (password_bytes.decode("latin-1"),)
    return Credentials(unicodedata.normalize("NFC", login).lower(), words)


def _look_up(tx: Transaction, login: str, passwords: tuple[str, ...]) -> Recognised | PasswordRecord | None:
    for password in passwords:
        person = principals.find_by_app_password(tx, password)
        if person is not None and person.login == login:
            return Recognised(person, password)
    return principals.password_record(tx, login)
