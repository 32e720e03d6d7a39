"""What one object needs at the provider: one pure answer, for runs and for plans alike."""

from __future__ import annotations

import enum

from gateway.domain.link_model import LEFT, Mapping
from gateway.domain.sync_model import LocalView


class Sending(enum.StrEnum):
    """What is to be done at the provider for one object here."""

    NOTHING = "nothing"
    PARK = "park"  # the provider cannot hold it
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    FORGET = "forget"  # gone on both sides
    GUESTS = "guests"  # something is to be done, but people were invited there


def sending(
    local: LocalView | None, mapping: Mapping | None, *, takes: bool, window_start_s: float
) -> Sending:
    """Return what is to be done at the provider.

    Args:
        local: the object here, None where there is none.
        mapping: its copy as far as it is known.
        takes: the link is two-way.
        window_start_s: epoch seconds; copies that ended before stay where they are.
    """
    if local is not None and local.is_kept:
        return Sending.NOTHING
    if local is None or not local.is_wanted:
        return _removal(local, mapping, takes=takes, window_start_s=window_start_s)
    if local.ours is None:
        return Sending.PARK
    if mapping is None or mapping.remote_id is None:
        return Sending.CREATE
    if local.ours_hash == mapping.sent_hash:
        return Sending.NOTHING
    if mapping.has_guests:
        return Sending.GUESTS
    if mapping.state == LEFT and mapping.drift_hash == "":
        return Sending.CREATE  # a copy that was undone comes back with the next change
    if mapping.drift_hash == "" and not mapping.is_dirty:
        return (
            Sending.NOTHING
        )  # deleted there by hand, and reported: only a person decides that it comes back
    return Sending.UPDATE


def _removal(
    local: LocalView | None, mapping: Mapping | None, *, takes: bool, window_start_s: float
) -> Sending:
    if mapping is None:
        return Sending.NOTHING
    if mapping.drift_hash == "":
        return Sending.FORGET
    if mapping.state == LEFT and (local is None or local.ours_hash == mapping.sent_hash):
        return Sending.NOTHING  # a person wanted it so
    if local is not None:
        if takes:
            return Sending.NOTHING  # here to stay, there to stay: only the window or its kind has changed
        end = local.stored.last_end
        if end is not None and end < window_start_s:
            return Sending.NOTHING  # what has passed stays where it is
    return Sending.GUESTS if mapping.has_guests else Sending.DELETE
