"""Backup and restore: the whole database as one zip file, the same for SQLite and PostgreSQL.

The file holds one member of JSON lines per table and ``manifest.json`` with the release, the schema,
and row counts and SHA-256 of each member. It is read in one snapshot beside a running server, written
under another name, flushed to the disk and then renamed. It never holds ``secret.key``: that goes into a
file of its own, encrypted by a passphrase, where asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from gateway.domain.errors import AlreadyExists, InvalidInput, PreconditionFailed, StoreError, StoreFull
from gateway.services.key_backup import Keys, install_keys, read_keys, write_keys
from gateway.settings import Settings
from gateway.store import audit, dump, instance
from gateway.store.database import Database, Transaction
from gateway.store.sealed import Sealer, check_canary, drop_canary, load_keys

__all__ = ["Backup", "Keys", "Restored", "backup", "read_keys", "restore", "write_keys"]

FORMAT = 1
_MANIFEST = "manifest.json"
# zipfile, zlib and json report damage in many ways, all of which mean the same here.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, KeyError, ValueError, TypeError, AttributeError, EOFError,
    RuntimeError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What was written; ``sha256`` is that of the manifest, which names every other one."""

    rows: int
    schema: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put back; sync tokens of another epoch than ``epoch`` are refused from now on."""

    rows: int
    made_at_utc: datetime
    epoch: str


def backup(db: Database, target: Path, *, now: datetime) -> Backup:
    """Write the database as it is at one instant to ``target``; an older backup there is replaced.

    Raises:
        AlreadyExists: there is another file of this name.
        StoreFull: the disk is full; nothing is left behind.
    """
    if target.exists() and not _is_backup(target):
        raise AlreadyExists(f"{target} exists and is no backup; choose another name.")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as handle:
            made = db.read(_write, handle, now=now)
            handle.flush()
            os.fsync(handle.fileno())
        draft.rename(target)
        _flush_directory(target.parent)
    except OSError as error:
        raise StoreFull(
            f"{target} could not be written: {error.strerror}. Nothing was left there."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return made


def restore(
    db: Database,
    settings: Settings,
    source: Path,
    *,
    force: bool,
    recovered: Keys | None,
    drops_sealed: bool,
    now: datetime,
    actor: str,
) -> Restored:
    """Replace the content of the database by that of a backup, in one transaction.

    Everything is checked before anything is touched. The epoch changes, so that clients read everything
    anew, and every link to a provider stays paused until a person resumes it.

    Raises:
        InvalidInput: damaged, or made by a newer release.
        PreconditionFailed: the database is in use and ``force`` is not given, or the keys do not fit.
    """
    with _opened(source) as archive:
        manifest = _checked(archive)
        if not force and not db.read(dump.is_empty):
            raise PreconditionFailed(
                "This database is in use. Restore with CALGATE_DATA or CALGATE_DATABASE_URL of an empty"
                " one, or repeat with --force to replace everything in it."
            )
        with install_keys(settings, recovered, replace=force):
            restored = db.write(
                _load, archive, manifest, settings, drops_sealed=drops_sealed, now=now, actor=actor
            )
    return restored


# -- writing ----------------------------------------------------------------------------------------


def _write(tx: Transaction, handle: IO[bytes], *, now: datetime) -> Backup:
    members: dict[str, object] = {}
    total = 0
    with zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name in dump.tables():
            digest = hashlib.sha256()
            rows = 0
            with archive.open(f"{name}.jsonl", "w", force_zip64=True) as member:
                for line in dump.lines(tx, name):
                    member.write(line)
                    digest.update(line)
                    rows += 1
            members[name] = {"columns": dump.columns(name), "rows": rows, "sha256": digest.hexdigest()}
            total += rows
        schema = dump.schema_revision(tx)
        manifest = {
            "format": FORMAT,
            "release": _release(),
            "schema": schema,
            "made_at_utc": now.isoformat(),
            "epoch": instance.epoch(tx),
            "tables": members,
        }
        text = json.dumps(manifest, indent=1).encode()
        archive.writestr(_MANIFEST, text)
    return Backup(rows=total, schema=schema, sha256=hashlib.sha256(text).hexdigest())


def _release() -> str:
    try:
        return version("calgate")
    except PackageNotFoundError:  # run from a source tree
        return "unknown"


def _is_backup(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return _MANIFEST in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _flush_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


# -- reading ----------------------------------------------------------------------------------------


@contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    opened = False
    try:
        with zipfile.ZipFile(source) as archive:
            opened = True
            yield archive
    except _DAMAGE as error:
        if opened:
            raise
        raise InvalidInput(f"{source} is damaged or no backup of Calgate; nothing was changed.") from error
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file {source}.") from error
    except OSError as error:
        raise InvalidInput(f"{source} cannot be read: {error.strerror}; nothing was changed.") from error


def _checked(archive: zipfile.ZipFile) -> dict[str, Any]:  # Any: JSON
    """Return the manifest once every member is proven whole."""
    try:
        manifest: dict[str, Any] = json.loads(archive.read(_MANIFEST))
        _refuse_newer(manifest)
        for name, member in manifest["tables"].items():
            if _sha256(archive, name) != member["sha256"]:
                raise InvalidInput(f"The backup is damaged (table {name}); nothing was changed.")
        datetime.fromisoformat(manifest["made_at_utc"])
    except _DAMAGE as error:
        raise InvalidInput("The backup is damaged or no backup of Calgate; nothing was changed.") from error
    return manifest


def _refuse_newer(manifest: dict[str, Any]) -> None:  # Any: JSON
    if (
        manifest["format"] != FORMAT
        or manifest["schema"] not in dump.known_revisions()
        or set(manifest["tables"]) - set(dump.tables())
    ):
        raise InvalidInput(
            f"The backup is from a newer release ({manifest.get('release')}); install that release."
        )


def _sha256(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    try:
        with archive.open(f"{name}.jsonl") as member:
            while part := member.read(1 << 20):
                digest.update(part)
    except _DAMAGE as error:
        raise InvalidInput(f"The backup is damaged (table {name}); nothing was changed.") from error
    return digest.hexdigest()


def _load(
    tx: Transaction,
    archive: zipfile.ZipFile,
    manifest: dict[str, Any],  # Any: JSON
    settings: Settings,
    *,
    drops_sealed: bool,
    now: datetime,
    actor: str,
) -> Restored:
    dump.wipe(tx)
    total = 0
    for name in dump.tables():
        if (member := manifest["tables"].get(name)) is None:
            continue  # a table that a later release has added
        with archive.open(f"{name}.jsonl") as lines:
            rows = dump.load(tx, name, member["columns"], lines)
        if rows != member["rows"]:
            raise InvalidInput(f"The backup is damaged (table {name}); nothing was changed.")
        total += rows
    if drops_sealed:
        drop_canary(tx)
    elif not _keys_fit(tx, settings):
        raise PreconditionFailed(
            "The secret keys here are not those of the backup. Give the file of `backup --with-keys` with"
            " --keys, or put secret.key back, or accept with --without-keys that owners do not see their"
            " feed links again. Nothing was changed."
        )
    dump.finish(tx, drops_sealed=drops_sealed)
    if drops_sealed:
        instance.drop(tx, "demo")  # the ways in of the demo are sealed, too
    epoch = instance.new_epoch(tx)
    made_at = datetime.fromisoformat(manifest["made_at_utc"])
    audit.record(
        tx,
        now=now,
        actor=actor,
        action="instance.restore",
        target_kind="instance",
        target="database",
        detail={"made_at_utc": manifest["made_at_utc"], "rows": total},
    )
    return Restored(rows=total, made_at_utc=made_at, epoch=epoch)


def _keys_fit(tx: Transaction, settings: Settings) -> bool:
    try:
        return check_canary(tx, Sealer(load_keys(settings)))
    except StoreError:
        return instance.get(tx, "canary") is None
