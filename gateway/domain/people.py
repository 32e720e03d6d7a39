"""People, groups, departments and rights as frozen values. The rules that check names live here too."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.errors import InvalidInput, InvalidName
from gateway.domain.model import DepartmentId, GroupId, Level, Principal, PrincipalId, ResourceId

MAX_LOGIN_CHARS = 255
MAX_SLUG_CHARS = 64
MAX_PERSONAL_SLUG_CHARS = 240  # leaves room for the suffix that other people see
ALIAS_SUFFIX = re.compile(r"--([0-9a-f]{8})$")

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PROVIDER_FACE = re.compile(r"(push|pull)-[a-z0-9][a-z0-9_-]{0,31}")
_FORBIDDEN_IN_LOGIN = frozenset(':/\\?#%"<>')


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPassword:
    """A password for one client of a person; the secret itself is never kept."""

    id: int
    login: str
    label: str
    created_at_utc: datetime
    last_used_at_utc: datetime | None
    revoked_at_utc: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRecord:
    """What sign-in needs of a person: her argon2id hash and the number that rises with each change."""

    principal: Principal
    hash: str | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Several people who get rights together."""

    id: GroupId
    slug: str
    name: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """Several resources that get rights together."""

    id: DepartmentId
    slug: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One right: a level for a person or group on a resource or department, on some faces.

    Exactly one of ``login``/``group`` and one of ``resource``/``department`` is set; no ``faces`` means
    every face.
    """

    id: int
    level: Level
    faces: tuple[str, ...] = ()
    login: str | None = None
    group: str | None = None
    resource: str | None = None
    department: str | None = None

    def covers(self, face: str) -> bool:
        """Return whether this grant counts on ``face``."""
        return not self.faces or face in self.faces


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who changed what, and when."""

    at_utc: datetime
    actor: str
    action: str
    target_kind: str
    target: str
    detail: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantSubject:
    """Who a grant is for, by database id: exactly one is set."""

    principal_id: PrincipalId | None = None
    group_id: GroupId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTarget:
    """What a grant is on, by database id: exactly one is set."""

    resource_id: ResourceId | None = None
    department_id: DepartmentId | None = None


def normal_login(text: str) -> str:
    """Return the login as it is stored and compared: NFC, lower case.

    Refuses what cannot be a path segment or what Radicale refuses as a user name.

    Raises:
        InvalidName: the login cannot be used; the message says why.
    """
    login = unicodedata.normalize("NFC", text).lower()
    if not login:
        raise InvalidName("A login cannot be empty.")
    if len(login) > MAX_LOGIN_CHARS:
        raise InvalidName(f"A login has at most {MAX_LOGIN_CHARS} characters.")
    if any(_is_space_or_control(character) for character in login):
        raise InvalidName("A login has no spaces and no control characters.")
    if bad := sorted(_FORBIDDEN_IN_LOGIN.intersection(login)):
        raise InvalidName(f"A login cannot contain {' '.join(bad)}")
    if login.startswith((".", "@")) or login.endswith("@") or login.count("@") > 1:
        raise InvalidName("A login is a name or a mail address: at most one @, inside, and no dot in front.")
    return login


def check_slug(text: str) -> str:
    """Return ``text`` where it can name a shared resource, group or department.

    Raises:
        InvalidName: with the rule.
    """
    if len(text) > MAX_SLUG_CHARS or not _SLUG.fullmatch(text):
        raise InvalidName(
            f"{text[:80]!r} cannot be a short name: use 1 to {MAX_SLUG_CHARS} lower-case letters, digits,"
            " - _ and . with a letter or digit in front."
        )
    return _without_alias_suffix(text)


def check_personal_slug(text: str) -> str:
    """Return ``text`` where it can name a calendar that a person makes herself (any safe path segment).

    Raises:
        InvalidName: with the rule.
    """
    if not text or len(text) > MAX_PERSONAL_SLUG_CHARS:
        raise InvalidName(f"The name of a calendar has 1 to {MAX_PERSONAL_SLUG_CHARS} characters.")
    if text.startswith(".") or "/" in text or "\\" in text or text != text.strip():
        raise InvalidName("The name of a calendar has no slash, no dot in front and no space at its ends.")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Cn"} for character in text):
        raise InvalidName("The name of a calendar has no control characters.")
    return _without_alias_suffix(text)


def check_faces(faces: tuple[str, ...]) -> tuple[str, ...]:
    """Return the faces sorted and without doubles.

    Raises:
        InvalidInput: a word is no face.
    """
    for face in faces:
        if face not in {"feed", "caldav"} and not _PROVIDER_FACE.fullmatch(face):
            raise InvalidInput(f"{face!r} is no face; use feed, caldav, push-PROVIDER or pull-PROVIDER.")
    return tuple(sorted(set(faces)))


def level_from_word(word: str) -> Level:
    """Return the level that the CLI calls ``word``.

    Raises:
        InvalidInput: there is no such level.
    """
    try:
        return Level[word.upper()]
    except KeyError:
        raise InvalidInput(f"{word!r} is no level; use freebusy, read, write or manage.") from None


def _without_alias_suffix(text: str) -> str:
    if ALIAS_SUFFIX.search(text):
        raise InvalidName("A name cannot end in -- and eight hexadecimal digits; such endings are given out.")
    return text


def _is_space_or_control(character: str) -> bool:
    return character.isspace() or unicodedata.category(character).startswith("C")
