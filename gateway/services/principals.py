"""People who can sign in, their passwords and app passwords."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gateway.domain.errors import AlreadyExists, InvalidInput, InvalidName, NotFound, PreconditionFailed
from gateway.domain.model import Principal, PrincipalId
from gateway.domain.people import AppPassword, PasswordRecord, normal_login
from gateway.store import app_passwords, audit
from gateway.store import principals as store
from gateway.store.database import Transaction

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_PASSWORD_CHARS = 8
MAX_PASSWORD_CHARS = 1024
MAX_NAME_CHARS = 255
OPERATOR = "operator"

_APP_PASSWORD_BYTES = 16
_APP_PASSWORD_CHARS = 26
_USE_GRAIN = timedelta(hours=1)

# Each hash takes 19 MiB and a core: more at once would starve the machine it protects.
_hashing = threading.BoundedSemaphore(2)
_hasher_guard = threading.Lock()
_hasher_cache: list[PasswordHasher] = []
# The hash of a random value: sign-in of an unknown login takes as long as that of a known one.
_DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$8iBtgfo6VXYn3CreoAi0vg$k/H7+Qv5JnEu6RU5ONnEuXHNwc/fW18mDmgAP9zQZIk"
)


def add(
    tx: Transaction,
    login: str,
    *,
    name: str | None = None,
    email: str | None = None,
    is_admin: bool = False,
    now: datetime,
    actor: str = OPERATOR,
) -> Principal:
    """Add a person; she can sign in once she has a password or an app password.

    Raises:
        InvalidName: the login, name or mail address cannot be used.
        AlreadyExists: the login is taken.
    """
    normal = normal_login(login)
    if store.by_login(tx, normal) is not None:
        raise AlreadyExists(f"There is already a person {normal}.")
    if email is None and "@" in normal:
        email = normal
    person = store.add(
        tx,
        login=normal,
        name=check_name(name or normal),
        email=check_email(email),
        is_admin=is_admin,
        now=now,
    )
    _audit(tx, now, actor, "person.add", normal, {"is_admin": is_admin})
    return person


def list_(tx: Transaction) -> list[Principal]:
    """Return everybody, by login."""
    return store.all_(tx)


def get(tx: Transaction, login: str) -> Principal:
    """Return one person.

    Raises:
        NotFound: nobody has this login.
    """
    if (person := find_by_login(tx, login)) is None:
        raise NotFound(f"There is no person {login[:80]!r}; see `calgate person list`.")
    return person


def find_by_login(tx: Transaction, login: str) -> Principal | None:
    """Return the person with this login in any case, or None."""
    try:
        return store.by_login(tx, normal_login(login))
    except InvalidName:
        return None


def addresses_of(tx: Transaction, ids: Iterable[PrincipalId]) -> dict[PrincipalId, str]:
    """Return the mail addresses of people, of those who have one."""
    return store.addresses_of(tx, ids)


def remove(
    tx: Transaction, login: str, *, with_calendars: bool = False, now: datetime, actor: str = OPERATOR
) -> None:
    """Remove a person with her app passwords, feeds and grants.

    Raises:
        NotFound: nobody has this login.
        PreconditionFailed: she has made calendars, and ``with_calendars`` is not given.
    """
    person = get(tx, login)
    count = store.count_owned(tx, person.id)
    if count and not with_calendars:
        raise PreconditionFailed(
            f"{person.login} has {count} calendars of her own; export them, then repeat"
            " with --with-calendars."
        )
    store.remove(tx, person.id)
    _audit(tx, now, actor, "person.remove", person.login, {"calendars": count})


# -- passwords that people choose -------------------------------------------------------------------


def hash_password(password: str) -> str:
    """Return the argon2id hash (19 MiB); slow on purpose, so call it outside any transaction.

    Raises:
        InvalidInput: too short or too long.
    """
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise InvalidInput(f"A password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters.")
    with _hashing:
        return _hasher().hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Return whether the password fits; two at a time, and as slow for nobody as for somebody."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > MAX_PASSWORD_CHARS:
        return False
    with _hashing:
        try:
            _hasher().verify(password_hash or _DUMMY_HASH, password)
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def set_password(
    tx: Transaction, login: str, password_hash: str, *, now: datetime, actor: str = OPERATOR
) -> Principal:
    """Store the hash that ``hash_password`` made; sign-ins with the old password end at once."""
    person = get(tx, login)
    store.set_password_hash(tx, person.id, password_hash)
    _audit(tx, now, actor, "person.password", person.login, {})
    return person


def password_record(tx: Transaction, login: str) -> PasswordRecord | None:
    """Return the person, her hash and its version, or None where nobody has this login."""
    try:
        return store.password_record(tx, normal_login(login))
    except InvalidName:
        return None


def _hasher() -> PasswordHasher:
    # Loaded at first use: most commands never hash.
    with _hasher_guard:
        if not _hasher_cache:
            from argon2 import PasswordHasher

            _hasher_cache.append(PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1))
        return _hasher_cache[0]


# -- app passwords ----------------------------------------------------------------------------------


def new_app_password(
    tx: Transaction, login: str, label: str, now: datetime, *, actor: str = OPERATOR
) -> tuple[int, str]:
    """Make a password for one client; return its id and the secret, which is shown this once."""
    person = get(tx, login)
    secret = base64.b32encode(secrets.token_bytes(_APP_PASSWORD_BYTES)).decode().rstrip("=").lower()
    number = app_passwords.add(
        tx, person.id, label=check_name(label), secret_hash=_secret_hash(secret), now=now
    )
    _audit(tx, now, actor, "app-password.add", person.login, {"id": number})
    return number, "-".join(secret[start : start + 5] for start in range(0, len(secret), 5))


def list_app_passwords(tx: Transaction, login: str) -> list[AppPassword]:
    """Return all app passwords of a person, revoked ones too."""
    return app_passwords.of_principal(tx, get(tx, login).id)


def revoke_app_password(
    tx: Transaction, login: str, password_id: int, now: datetime, *, actor: str = OPERATOR
) -> None:
    """Revoke one app password at once, on every node.

    Raises:
        NotFound: this person has no such valid app password.
    """
    person = get(tx, login)
    if not app_passwords.revoke(tx, person.id, password_id, now=now):
        raise NotFound(f"{person.login} has no valid app password {password_id}.")
    _audit(tx, now, actor, "app-password.revoke", person.login, {"id": password_id})


def find_by_app_password(tx: Transaction, secret: str) -> Principal | None:
    """Return whose valid app password this is, by one indexed read; None for anything else."""
    normal = _normal_secret(secret)
    return app_passwords.find_principal(tx, _secret_hash(normal)) if normal else None


def record_app_password_use(tx: Transaction, secret: str, *, now: datetime) -> None:
    """Note that this app password was used, at most once an hour."""
    if normal := _normal_secret(secret):
        app_passwords.record_use(tx, _secret_hash(normal), now=now, unless_since=now - _USE_GRAIN)


def _normal_secret(secret: str) -> str | None:
    # People type these on phones: case, hyphens and spaces do not matter.
    if len(secret) > 2 * _APP_PASSWORD_CHARS:
        return None
    normal = "".join(secret.split()).replace("-", "").lower()
    return normal if len(normal) == _APP_PASSWORD_CHARS and normal.isascii() else None


def _secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


# -- shared checks ----------------------------------------------------------------------------------


def check_name(name: str) -> str:
    """Return a name people read, trimmed.

    Raises:
        InvalidName: empty, too long or with control characters.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise InvalidName(f"A name has 1 to {MAX_NAME_CHARS} printable characters.")
    return name


def check_email(email: str | None) -> str | None:
    """Return a mail address, or None for none.

    Raises:
        InvalidInput: it cannot be an address.
    """
    if not email:
        return None
    local, at, domain = email.partition("@")
    if not (local and at and domain) or "@" in domain or len(email) > MAX_NAME_CHARS or " " in email:
        raise InvalidInput(f"{email[:80]!r} is no mail address.")
    if not email.isprintable():
        raise InvalidInput("A mail address has no control characters.")
    return email


def _audit(
    tx: Transaction, now: datetime, actor: str, action: str, login: str, detail: Mapping[str, object]
) -> None:
    audit.record(tx, now=now, actor=actor, action=action, target_kind="person", target=login, detail=detail)
