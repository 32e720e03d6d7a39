"""Accounts, links and mappings as frozen values, and what can be set per link."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, NewType

from gateway.domain.errors import InvalidInput
from gateway.domain.model import CalendarId, ObjectKind, PrincipalId
from gateway.domain.templates import check_template

AccountId = NewType("AccountId", int)
LinkId = NewType("LinkId", int)

MAX_WINDOW_DAYS = 3660
LEFT = "left"
"""State of a mapping whose two sides differ because a person wants it so: until one of them changes."""


class Direction(enum.StrEnum):
    """Which way changes go."""

    PUSH = "push"
    PULL = "pull"
    BOTH = "both"


class Role(enum.StrEnum):
    """What the remote calendar is for the schedule here."""

    TARGET = "target"  # holds our copies
    CONFLICT = "conflict"  # its busy time blocks here
    BOTH = "both"


class AccountState(enum.StrEnum):
    """How it stands with a sign-in."""

    CONNECTED = "connected"
    RECONNECT = "reconnect"  # the person must sign in again
    FORBIDDEN = "forbidden"  # the scopes do not suffice


class LinkState(enum.StrEnum):
    """Whether and why a link runs."""

    FIRST_SYNC = "first-sync"
    ACTIVE = "active"
    PAUSED = "paused"  # by a person
    RESTORED = "restored"  # after a restore: full compare, then an approved plan
    WAITING = "waiting"  # the guard stopped a large deletion: approve its plan
    MISSING = "missing"  # the remote calendar is gone
    FORBIDDEN = "forbidden"  # the account may not write there
    BROKEN = "broken"  # a bug of a plug-in or ours: see the error

    @property
    def runs(self) -> bool:
        """Return whether a worker may take it."""
        return self in {LinkState.FIRST_SYNC, LinkState.ACTIVE}


class Drift(enum.StrEnum):
    """What a change by hand in a one-way copy meets."""

    REPORT = "report"
    REVERT = "revert"
    PROPOSE = "propose"


class Privacy(enum.StrEnum):
    """How much leaves with a copy, or comes in with a busy period."""

    BUSY = "busy"
    TITLES = "titles"
    FULL = "full"


class GuestsIn(enum.StrEnum):
    """What happens to guests of events that come in."""

    IGNORE = "ignore"
    TEXT = "text"
    PEOPLE = "people"  # those whose mail address belongs to a person here


class ReminderMode(enum.StrEnum):
    """Which reminders a copy has."""

    NONE = "none"
    KEEP = "keep"
    DEFAULT = "default"


class Choice(enum.StrEnum):
    """How a ticket is answered."""

    OURS = "ours"  # what is here goes out again
    THEIRS = "theirs"  # what is there is taken over
    DISMISS = "dismiss"  # both stay as they are


FIELD_NAMES = ("description", "location", "categories", "url", "geo", "priority", "conference", "color")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPolicy:
    """Everything that can be set per link; the defaults are those of new links.

    Attributes:
        past_days: copies reach this far back.
        future_days: copies reach this far ahead; both ends roll with the day.
        privacy_out: what leaves; CLASS PRIVATE and CONFIDENTIAL are masked whatever it says.
        privacy_in: whether busy periods keep their titles (``titles``) or not (``busy``).
        fields: what a copy carries beside title and time, at ``full``.
        title: template of the title.
        description: template of the description.
        back_link: a copy links back to its object here.
        color: ``#rrggbb``; None takes the resource's.
        reminders: which reminders a copy has.
        placeholder: title of masked and untitled copies.
        kinds: which kinds of objects are copied.
        sends_guests: ATTENDEE and ORGANIZER leave; audited, off.
        guests_in: guests of events that come in.
        drift: one-way links only.
        tentative_blocks: TENTATIVE there blocks here.
        out_of_office_blocks: out-of-office there blocks here.
    """

    past_days: int = 61
    future_days: int = 366
    privacy_out: Privacy = Privacy.FULL
    privacy_in: Privacy = Privacy.BUSY
    fields: tuple[str, ...] = ("description", "location", "categories", "url")
    title: str = "{title}"
    description: str = "{description}"
    back_link: bool = True
    color: str | None = None
    reminders: ReminderMode = ReminderMode.NONE
    placeholder: str = "Busy"
    kinds: tuple[ObjectKind, ...] = (ObjectKind.BOOKING, ObjectKind.BLOCK, ObjectKind.HOLD)
    sends_guests: bool = False
    guests_in: GuestsIn = GuestsIn.IGNORE
    drift: Drift = Drift.REPORT
    tentative_blocks: bool = True
    out_of_office_blocks: bool = True

    def changed(self, settings: dict[str, Any]) -> LinkPolicy:  # Any: JSON
        """Return the policy with some settings changed.

        Raises:
            InvalidInput: an unknown setting or a value it cannot have; the message names both.
        """
        known = {each.name: each for each in fields(self)}
        values: dict[str, Any] = {}
        for name, value in settings.items():
            if name not in known:
                raise InvalidInput(f"There is no setting {name!r}; known are {', '.join(sorted(known))}.")
            values[name] = _read(name, value)
        return replace(self, **values)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all settings, in the order of this class."""
        return tuple(each.name for each in fields(cls))

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """Return the settings that differ from the defaults."""
        default = LinkPolicy()
        found: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value != getattr(default, each.name):
                found[each.name] = list(value) if isinstance(value, tuple) else value
        return found


_ENUMS: dict[str, type[enum.StrEnum]] = {
    "privacy_out": Privacy,
    "privacy_in": Privacy,
    "reminders": ReminderMode,
    "guests_in": GuestsIn,
    "drift": Drift,
}
_FLAGS = {"back_link", "sends_guests", "tentative_blocks", "out_of_office_blocks"}
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def _read(name: str, value: Any) -> Any:  # Any: JSON in, the field's type out
    if name in _ENUMS:
        return _choice(name, _ENUMS[name], value)
    if name in _FLAGS:
        return _flag(name, value)
    if name in {"past_days", "future_days"}:
        return _days(name, value)
    if name in {"fields", "kinds"}:
        names = value.split(",") if isinstance(value, str) else list(value)
        names = [str(each).strip() for each in names if str(each).strip()]
        if name == "kinds":
            if not names:
                raise InvalidInput(
                    "kinds cannot be empty: no copy would be left; `calgate link pause` stops a link."
                )
            return tuple(_choice(name, ObjectKind, each) for each in names)
        if unknown := sorted(set(names) - set(FIELD_NAMES)):
            raise InvalidInput(f"fields cannot hold {unknown[0]!r}; known are {', '.join(FIELD_NAMES)}.")
        return tuple(names)
    if name == "color":
        return _color(value)
    text = str(value)
    if name in {"title", "description"}:
        check_template(text)
    elif not text.strip():
        raise InvalidInput("placeholder cannot be empty: titles at a provider never are.")
    return text


def _choice(name: str, kind: type[enum.StrEnum], value: Any) -> enum.StrEnum:  # Any: JSON
    try:
        return kind(str(value).strip().lower())
    except ValueError:
        raise InvalidInput(f"{name} is one of {', '.join(each.value for each in kind)}.") from None


def _flag(name: str, value: Any) -> bool:  # Any: JSON
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise InvalidInput(f"{name} is yes or no.")
    return word in _TRUE


def _days(name: str, value: Any) -> int:  # Any: JSON
    try:
        days = int(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} is a number of days.") from None
    if not 0 <= days <= MAX_WINDOW_DAYS:
        raise InvalidInput(f"{name} lies between 0 and {MAX_WINDOW_DAYS}.")
    return days


def _color(value: Any) -> str | None:  # Any: JSON
    if value in {None, "", "resource"}:
        return None
    text = str(value).lower()
    if len(text) != 7 or text[0] != "#" or any(char not in "0123456789abcdef" for char in text[1:]):
        raise InvalidInput("color is written as #rrggbb.")
    return text


def policy_from_json(settings: dict[str, Any]) -> LinkPolicy:  # Any: JSON
    """Return the policy as stored."""
    return LinkPolicy().changed(settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One sign-in at one provider; ``sealed`` opens only for the sign-in of its plug-in."""

    id: AccountId
    uuid: str
    owner_id: PrincipalId | None
    provider: str
    subject: str = field(repr=False)
    label: str
    kind: str
    state: AccountState
    reason: str | None
    scopes: tuple[str, ...]
    token_version: int
    fails: int
    created_at_utc: datetime
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The bond between a calendar here and one there; instants in ms are the database's clock."""

    id: LinkId
    uuid: str
    calendar_id: CalendarId
    account_id: AccountId
    remote_calendar_id: int
    remote_id: str  # of the calendar, at the provider
    remote_name: str
    provider: str
    direction: Direction
    role: Role
    policy: LinkPolicy
    state: LinkState
    reason: str | None
    pushed_seq: int
    cursor: str | None
    is_full: bool
    window_from: int | None
    window_to: int | None
    pull_at_ms: int
    due_at_ms: int | None
    not_before_ms: int
    token: int
    wake: int
    fails: int
    error: str | None
    done: int
    total: int
    synced_at_utc: datetime | None
    compared_at_utc: datetime | None
    kept_seq: int = 0  # copies of objects unchanged since keep the settings they were made with

    @property
    def pushes(self) -> bool:
        """Return whether copies go out."""
        return self.direction is not Direction.PULL

    @property
    def takes(self) -> bool:
        """Return whether changes over there become objects here."""
        return self.direction is Direction.BOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """What one link knows about one object at the provider.

    Attributes:
        remote_id: None while a create was begun and its end is not known.
        sent: what we last sent, as the provider would keep it.
        base: what the provider answered to it.
        is_ours: we made the event; False: a person did, and it was taken in.
        state: ``ok``, ``creating`` or ``left``.
        drift_hash: a change over there that was reported and not taken; "" for a deletion.
    """

    id: int
    uid: str
    state: str
    remote_id: str | None
    version: str | None
    memo: bytes = field(repr=False)
    sent: bytes = field(repr=False)
    sent_hash: str
    base: bytes = field(repr=False)
    base_hash: str
    drift_hash: str | None
    is_ours: bool
    has_guests: bool
    is_dirty: bool
