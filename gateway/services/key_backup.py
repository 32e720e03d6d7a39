"""The keys of an instance in a file of their own, encrypted by a passphrase."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.domain.errors import AlreadyExists, InvalidInput, PreconditionFailed, StoreFull
from gateway.settings import Settings
from gateway.store.sealed import load_keys

MIN_PASSPHRASE_CHARS = 12
_FORMAT = 1
# 2^15 * 8 * 128 bytes = 32 MiB and about 0.1 s for each guess.
_N, _R, _P = 2**15, 8, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What seals secrets at rest, and the id that marks our copies at providers."""

    secret_keys: tuple[str, ...] = field(repr=False)
    instance_id: str | None


def write_keys(settings: Settings, target: Path, passphrase: str) -> None:
    """Write the keys of this instance to ``target``, encrypted.

    Raises:
        InvalidInput: the passphrase is too short.
        AlreadyExists: there is such a file.
    """
    from cryptography.fernet import Fernet

    if len(passphrase) < MIN_PASSPHRASE_CHARS:
        raise InvalidInput(f"A passphrase has at least {MIN_PASSPHRASE_CHARS} characters.")
    path = settings.instance_id_path
    plain = {
        "secret_keys": load_keys(settings),
        "instance_id": path.read_text(encoding="ascii").strip() if path.exists() else None,
    }
    salt = secrets.token_bytes(16)
    token = Fernet(_derived(passphrase, salt)).encrypt(json.dumps(plain).encode())
    shell = {
        "format": _FORMAT,
        "kdf": {"name": "scrypt", "n": _N, "r": _R, "p": _P, "salt": base64.b64encode(salt).decode()},
        "sealed": token.decode("ascii"),
    }
    try:
        _write_private(target, json.dumps(shell, indent=1) + "\n")
    except FileExistsError:
        raise AlreadyExists(f"{target} exists; choose another name.") from None
    except OSError as error:
        raise StoreFull(f"{target} could not be written: {error.strerror}.") from error


def read_keys(source: Path, passphrase: str) -> Keys:
    """Return the keys of a file that ``write_keys`` wrote.

    Raises:
        InvalidInput: a wrong passphrase, or no such file.
    """
    from cryptography.fernet import Fernet, InvalidToken

    try:
        shell = json.loads(source.read_text(encoding="ascii"))
        kdf = shell["kdf"]
        if shell["format"] != _FORMAT or (kdf["n"], kdf["r"], kdf["p"]) != (_N, _R, _P):
            raise InvalidInput(f"{source} is from a newer release.")
        key = _derived(passphrase, base64.b64decode(kdf["salt"]))
        plain = json.loads(Fernet(key).decrypt(shell["sealed"].encode("ascii")))
    except InvalidToken:
        raise InvalidInput("The passphrase is wrong, or the key file is damaged.") from None
    except OSError as error:
        raise InvalidInput(f"{source} cannot be read: {error.strerror}.") from error
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidInput(f"{source} is no key file of Calgate.") from error
    return Keys(secret_keys=tuple(plain["secret_keys"]), instance_id=plain["instance_id"])


@contextmanager
def install_keys(settings: Settings, keys: Keys | None, *, replace: bool) -> Iterator[None]:
    """Put recovered keys into the data directory for the block; they go again where it fails.

    Keys that come from the settings stay where they are.

    Raises:
        PreconditionFailed: other keys are there and ``replace`` is not given.
    """
    written: list[tuple[Path, str | None]] = []
    if keys is not None:
        content = {settings.instance_id_path: keys.instance_id}
        if settings.secret_keys is None and settings.secret_keys_file is None and settings.is_sqlite:
            content[settings.secret_key_path] = "\n".join(keys.secret_keys)
        written = _put(content, replace=replace)
    try:
        yield
    except BaseException:
        for path, before in written:
            path.unlink(missing_ok=True)
            if before is not None:
                _write_private(path, before)
        raise


def _put(content: dict[Path, str | None], *, replace: bool) -> list[tuple[Path, str | None]]:
    wanted = {path: f"{text}\n" for path, text in content.items() if text is not None}
    before = {path: path.read_text(encoding="ascii") if path.exists() else None for path in wanted}
    for path, old in before.items():
        if old is not None and old != wanted[path] and not replace:
            raise PreconditionFailed(f"There is another {path.name} already; move it away or use --force.")
    changed = [(path, before[path]) for path, text in wanted.items() if before[path] != text]
    for path, _old in changed:
        path.unlink(missing_ok=True)
        _write_private(path, wanted[path])
    return changed


def _derived(passphrase: str, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    raw = Scrypt(salt=salt, length=32, n=_N, r=_R, p=_P).derive(passphrase.encode())
    return base64.urlsafe_b64encode(raw)


def _write_private(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
