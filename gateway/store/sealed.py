"""Secrets at rest: sealed with MultiFernet, each bound to its purpose and row.

The first key seals, every key opens, so keys rotate without a pause. The keys come from
``CALGATE_SECRET_KEYS``, from ``CALGATE_SECRET_KEYS_FILE``, or on SQLite from ``secret.key`` (0600) in the
data directory, which is made at the first start. PostgreSQL has no such default: several nodes would
each make their own.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from gateway.domain.errors import StoreUnusable
from gateway.settings import Settings
from gateway.store import instance
from gateway.store.database import Transaction

_CANARY_KEY = "canary"
_CANARY_PURPOSE = "canary"
_FOREIGN_KEY = (
    "The secret key does not belong to this database; put back secret.key from your backup"
    " or set CALGATE_SECRET_KEYS."
)


class CannotOpen(StoreUnusable):
    """This secret was sealed with another key; restore secret.key or set CALGATE_SECRET_KEYS."""


class Sealer:
    """Seals and opens secrets with the keys of this instance."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take Fernet keys, the sealing one first.

        Raises:
            StoreUnusable: there is no key, or one is malformed.
        """
        if not keys:
            raise StoreUnusable("There is no key to seal secrets with; set CALGATE_SECRET_KEYS.")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise StoreUnusable(
                "A key of CALGATE_SECRET_KEYS is malformed; make one with `calgate doctor --new-key`."
            ) from None

    def seal(self, purpose: str, row_id: int | str, secret: str) -> bytes:
        """Return the sealed form of ``secret``, which opens only for this purpose and row."""
        plain = json.dumps({"v": 1, "p": purpose, "id": row_id, "s": secret})
        return self._fernet.encrypt(plain.encode())

    def open(self, purpose: str, row_id: int | str, sealed: bytes) -> str:
        """Return the secret.

        Raises:
            CannotOpen: sealed with a key we do not have, damaged, or moved here from another row.
        """
        try:
            plain = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            raise CannotOpen from None
        if plain.get("p") != purpose or plain.get("id") != row_id:
            raise CannotOpen("This secret belongs to another row; the database was changed by hand.")
        secret: str = plain["s"]
        return secret

    def rotate(self, sealed: bytes) -> bytes:
        """Return the same secret sealed with the first key."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            raise CannotOpen from None


def new_key() -> str:
    """Return a fresh random key."""
    return Fernet.generate_key().decode()


def load_keys(settings: Settings) -> list[str]:
    """Return the keys, making ``secret.key`` on SQLite where there is none.

    Raises:
        StoreUnusable: PostgreSQL without keys, or a key file that cannot be read.
    """
    if settings.secret_keys is not None:
        return _split(settings.secret_keys.get_secret_value().replace(",", "\n"))
    if settings.secret_keys_file is not None:
        return _read(settings.secret_keys_file)
    if not settings.is_sqlite:
        raise StoreUnusable(
            "PostgreSQL needs CALGATE_SECRET_KEYS or CALGATE_SECRET_KEYS_FILE, the same on every node;"
            " make a key with `calgate doctor --new-key`."
        )
    _create_once(settings.secret_key_path, new_key() + "\n")
    return _read(settings.secret_key_path)


def ensure_instance_id(settings: Settings) -> str:
    """Return the id that marks our copies at providers, making it once; it lies beside the key."""
    _create_once(settings.instance_id_path, secrets.token_hex(16) + "\n")
    return settings.instance_id_path.read_text(encoding="ascii").strip()


def has_canary(tx: Transaction) -> bool:
    """Return whether this database knows its keys."""
    return instance.get(tx, _CANARY_KEY) is not None


def drop_canary(tx: Transaction) -> None:
    """Forget which keys belong to this database; the next start takes those it finds."""
    instance.drop(tx, _CANARY_KEY)


def check_canary(tx: Transaction, sealer: Sealer) -> bool:
    """Return whether these keys open what this database holds; True where nothing was sealed yet."""
    sealed = instance.get(tx, _CANARY_KEY)
    if sealed is None:
        return True
    try:
        sealer.open(_CANARY_PURPOSE, 0, sealed.encode("ascii"))
    except CannotOpen:
        return False
    return True


def sealer_of(tx: Transaction, settings: Settings) -> Sealer:
    """Return what seals in this database, never with a key that the server could not open again.

    Raises:
        StoreUnusable: no key.
        CannotOpen: the keys are not those of this database.
    """
    sealer = Sealer(load_keys(settings))
    if not check_canary(tx, sealer):
        raise CannotOpen(_FOREIGN_KEY)
    return sealer


def ensure_canary(tx: Transaction, sealer: Sealer) -> None:
    """Store the canary once; from then on a wrong key is seen at start.

    Raises:
        CannotOpen: the keys are not those of this database.
    """
    if instance.get(tx, _CANARY_KEY) is None:
        instance.put(tx, _CANARY_KEY, sealer.seal(_CANARY_PURPOSE, 0, "canary").decode("ascii"))
    elif not check_canary(tx, sealer):
        raise CannotOpen(_FOREIGN_KEY)


def _split(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _read(path: Path) -> list[str]:
    try:
        return _split(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise StoreUnusable(f"The key file {path} cannot be read: {type(error).__name__}.") from error


def _create_once(path: Path, content: str) -> None:
    """Write a private file unless it exists: whole or not at all, and only one of two starters wins."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreUnusable(
            f"{path} cannot be written: {error.strerror}. Check the data directory."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
