"""What planner and services say to each other: both sides of one object, and what to do about them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from gateway.domain.link_model import Mapping
from gateway.domain.merge import Merge
from gateway.domain.model import CalendarObject

GUARD_OBJECTS = 10
GUARD_SHARE = 0.2


class Act(enum.StrEnum):
    """What one remote item leads to."""

    ECHO = "echo"  # nothing new; remember the version
    AGREE = "agree"  # other than agreed, and no edit: remember it as agreed
    ADOPT = "adopt"  # our copy, not known any more
    TAKE_NEW = "take-new"
    TAKE_CHANGE = "take-change"
    TAKE_DELETE = "take-delete"
    REVIVE = "revive"  # deleted here, edited there: the edit survives
    RESEND = "resend"  # ours goes out again over theirs
    RECREATE = "recreate"  # gone there, to be there
    REPORT = "report"  # a change there that is told and not taken
    GUESTS = "guests"  # people were invited there: hands off
    FORGET = "forget"  # gone on both sides
    BUSY = "busy"
    NOT_BUSY = "not-busy"  # whatever time it took, it takes it no more
    PARK = "park"
    TWIN = "twin"  # a second copy of ours
    ORPHAN = "orphan"  # our copy of something that is not here
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalView:
    """One object here as its link sees it.

    Attributes:
        ours: what would be sent, as the provider would keep it; None where it cannot hold it.
        is_wanted: window, kind and state say that there should be a copy.
        rejected: why the provider cannot hold it.
        untakeable: fields that a copy shows differently.
        is_kept: settings have changed and the copy was to keep the old ones: it counts as equal to ours.
    """

    stored: CalendarObject
    ours: bytes | None = field(repr=False)
    ours_hash: str
    is_wanted: bool
    rejected: str | None = None
    untakeable: frozenset[str] = frozenset()
    is_kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteView:
    """One item at the provider.

    Attributes:
        ical: None where it is gone or unreadable.
        content_hash: of the canonical form; "" where there is none.
        uid: of the object here or of the mapping, found by the marker; None for foreign events.
        is_ours: it carries our marker.
        is_other_links: another link of ours wrote it.
        is_away: out-of-office, focus time: takes time, is no booking.
        is_unfinished: a write of ours was interrupted in the middle.
        problem: why it cannot be read.
    """

    remote_id: str
    version: str = ""
    memo: bytes = field(default=b"", repr=False)
    ical: bytes | None = field(default=None, repr=False)
    content_hash: str = ""
    uid: str | None = None
    is_ours: bool = False
    is_other_links: bool = False
    is_away: bool = False
    is_hidden: bool = False
    is_declined: bool = False
    is_unfinished: bool = False
    guests: bool = False
    problem: str | None = None

    @property
    def is_gone(self) -> bool:
        """Return whether there is nothing any more."""
        return self.ical is None and self.problem is None

    def is_echo_of(self, mapping: Mapping) -> bool:
        """Return whether it is what was agreed, so that nothing follows whatever is here."""
        return (
            self.ical is not None
            and self.remote_id == mapping.remote_id
            and self.content_hash == mapping.base_hash
            and (mapping.has_guests or not self.guests)
            and not self.is_unfinished
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done about one remote item.

    Attributes:
        reason: for the ticket and the log; None where nobody needs to be told.
        fields: names of what differs.
        merge: the merged object of ``TAKE_CHANGE``.
        clears_drift: an earlier report has become void.
    """

    act: Act
    reason: str | None = None
    fields: tuple[str, ...] = ()
    merge: Merge | None = field(default=None, repr=False)
    clears_drift: bool = False


def guard_trips(deletions: int, mappings: int) -> bool:
    """Return whether so many deletions at once must wait for a person (rules.md, Providers)."""
    return deletions > GUARD_OBJECTS and deletions > GUARD_SHARE * mappings
