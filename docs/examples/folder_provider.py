"""A provider in one file: calendars are folders, objects are .ics files. See docs/write-a-provider.md."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from gateway.domain.content_lines import write
from gateway.domain.errors import InvalidInput
from gateway.domain.ical import parse_object
from gateway.domain.ical_reader import decode, unfolded
from gateway.providers.contract import (
    Access,
    Capability,
    Challenge,
    Delete,
    Field,
    ObjectKey,
    Page,
    Presentation,
    Put,
    RemoteCalendar,
    Removed,
    Scope,
    Setting,
    SignedIn,
    SignedInClient,
    SignInKind,
    SignInRequest,
    Token,
    Unreadable,
    Upsert,
    Window,
    always,
    marker_of,
)
from gateway.providers.errors import CalendarMissing, NotFound, Rejected, SignInRefused, VersionConflict

MAX_BYTES = 1024 * 1024
OURS = "calgate-"
DROPPED = ("ATTENDEE", "ORGANIZER")


class FolderSignIn:
    """Whoever knows the word in the settings may come in."""

    kinds: Sequence[SignInKind] = (SignInKind.PASSWORD,)

    def begin(self, config: Mapping[str, str], request: SignInRequest) -> Challenge:
        """Ask for the word."""
        field = Field(name="word", label="Password", is_secret=True)
        return Challenge(pending=b"", state=secrets.token_urlsafe(32), fields=(field,))

    def complete(
        self, config: Mapping[str, str], pending: bytes, answer: Mapping[str, str], *, now: datetime
    ) -> SignedIn:
        """Compare the word."""
        if not secrets.compare_digest(answer.get("word", "").encode(), config["word"].encode()):
            raise SignInRefused("The password is wrong.")
        return SignedIn(account_id=config["folder"], name=config["folder"], state=b"in")

    def token(
        self, config: Mapping[str, str], state: bytes, *, now: datetime, is_refused: bool = False
    ) -> Token:
        """There is nothing to sign: no request leaves this machine."""
        return Token(access_token="-", expires_at_utc=None, state=state)  # noqa: S106 - no secret

    def revoke(self, config: Mapping[str, str], state: bytes) -> None:
        """Nothing was given, nothing is taken back."""


class FolderProvider:
    """What the entry point names."""

    name = "folder"
    label = "A folder of .ics files"
    contract = (1, 0)
    capabilities = Capability.WRITE | Capability.CONDITIONAL | Capability.IDEMPOTENT | Capability.TASKS
    settings: Sequence[Setting] = (
        Setting(name="folder", help="Folder whose subfolders are the calendars."),
        Setting(name="word", help="Password for connecting.", is_secret=True),
    )
    sign_in = FolderSignIn()

    def hosts(self, config: Mapping[str, str]) -> frozenset[str]:
        """No host ever sees a token."""
        return frozenset()

    def open(self, http: SignedInClient, config: Mapping[str, str]) -> FolderAccount:
        """Return the account."""
        return FolderAccount(Path(config["folder"]))

    def project(self, ical: bytes, presentation: Presentation) -> bytes:
        """Keep everything but people, in one way of folding lines."""
        try:
            parse_object(ical, max_bytes=MAX_BYTES)
        except InvalidInput as error:
            raise Rejected(f"This object cannot be read: {error}") from None
        lines = [line for _, line in unfolded(decode(ical))]
        if not presentation.guests:
            lines = [line for line in lines if not line.upper().startswith(DROPPED)]
        return write(lines)


class FolderAccount:
    """``RemoteAccount``; every method does its work in a thread, because disks are slow too."""

    def __init__(self, root: Path) -> None:
        """Use the folders in ``root``."""
        self._root = root

    async def calendars(self) -> Sequence[RemoteCalendar]:
        """Return the subfolders."""
        return await asyncio.to_thread(
            lambda: [_calendar(path) for path in sorted(self._root.iterdir()) if path.is_dir()]
        )

    async def calendar(self, calendar_id: str) -> RemoteCalendar:
        """Return one subfolder."""
        return _calendar(await asyncio.to_thread(self._folder, calendar_id))

    async def pull(
        self, calendar_id: str, *, cursor: str | None, window: Window | None, scope: Scope = Scope.OBJECTS
    ) -> AsyncIterator[Page]:
        """Yield everything in one page: there is no DELTA, so the engine compares."""
        folder = self._folder(calendar_id)
        items = await asyncio.to_thread(lambda: [_read(path) for path in sorted(folder.glob("*.ics"))])
        yield Page(items=tuple(items), is_last=True, looked=always())

    async def fetch(self, calendar_id: str, remote_id: str) -> Upsert | Removed | Unreadable:
        """Return one file."""
        path = self._path(calendar_id, remote_id)
        return await asyncio.to_thread(_read, path) if path.exists() else Removed(remote_id=remote_id)

    async def push(self, calendar_id: str, write: Put | Delete) -> Upsert | Removed:
        """Write or delete one file; a file is replaced as a whole or not at all."""
        act = self._put if isinstance(write, Put) else self._delete
        return await asyncio.to_thread(act, calendar_id, write)  # type: ignore[arg-type]  # chosen by the type above

    def _put(self, calendar_id: str, write: Put) -> Upsert:
        path = self._path(calendar_id, write.remote_id or _name(write.key))
        if write.remote_id is not None:
            if not path.exists():
                raise NotFound
            _check(path, write.if_version)
        data = FolderProvider().project(write.ical, write.presentation)
        part = path.with_suffix(f".{secrets.token_hex(4)}.part")
        part.write_bytes(data)
        part.replace(path)
        made = _read(path)
        if not isinstance(made, Upsert):
            raise Rejected(made.reason)
        return made

    def _delete(self, calendar_id: str, write: Delete) -> Removed:
        path = self._path(calendar_id, write.remote_id)
        if path.exists():
            _check(path, write.if_version)
            path.unlink(missing_ok=True)
        return Removed(remote_id=write.remote_id)

    def _folder(self, calendar_id: str) -> Path:
        # A name from outside is never a path.
        path = self._root / calendar_id
        if calendar_id in {"", ".", ".."} or path.name != calendar_id or not path.is_dir():
            raise CalendarMissing
        return path

    def _path(self, calendar_id: str, remote_id: str) -> Path:
        folder = self._folder(calendar_id)
        if Path(remote_id).name != remote_id:
            raise NotFound
        return folder / f"{remote_id}.ics"


def _calendar(path: Path) -> RemoteCalendar:
    return RemoteCalendar(id=path.name, name=path.name, access=Access.OWN)


def _name(key: ObjectKey) -> str:
    """The same key gives the same file: creating twice creates once."""
    text = json.dumps([key.instance_id, key.resource_uuid, key.uid])
    return OURS + hashlib.sha256(text.encode()).hexdigest()[:40]


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check(path: Path, version: str | None) -> None:
    if version is not None and _version(path.read_bytes()) != version:
        raise VersionConflict


def _read(path: Path) -> Upsert | Unreadable:
    data = path.read_bytes()
    try:
        uid = parse_object(data, max_bytes=MAX_BYTES).uid
    except InvalidInput as error:
        return Unreadable(remote_id=path.stem, version=_version(data), reason=str(error))
    marker = marker_of(uid) if path.stem.startswith(OURS) else None
    return Upsert(remote_id=path.stem, version=_version(data), ical=data, marker=marker)
