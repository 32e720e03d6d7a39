"""How far a change of settings reaches: from now on, or to the copies that are there."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from gateway.domain.errors import NotFound
from gateway.domain.link_model import Link, LinkId, LinkPolicy
from gateway.domain.sending import Sending, sending
from gateway.services.sync_context import RunContext, views
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store.database import Transaction

# What a copy wears: not part of its text, so that no comparison would notice.
_DRESS = frozenset({"color", "back_link", "reminders", "sends_guests"})
_TAKING = frozenset(
    {"privacy_in", "guests_in", "drift", "tentative_blocks", "out_of_office_blocks"}
)  # settings that concern what comes in
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What settings would do to the copies of one link.

    Attributes:
        copies: how many there are.
        change: copies that would be written anew.
        create: objects that would get a copy.
        remove: copies that would go.
        refused: objects that the provider would not take any more.
    """

    copies: int
    change: int
    create: int
    remove: int
    refused: int

    def __add__(self, other: Effect) -> Effect:
        """Return what both do together, to copies of different links."""
        mine = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return Effect(**mine)

    def as_json(self) -> dict[str, int]:
        """Return it as commands show it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def reach(tx: Transaction, found: Link, policy: LinkPolicy, *, to_existing: bool) -> dict[str, Any]:
    """Return the columns of a link that a change of its policy needs beside the policy itself.

    To future copies only: objects that do not change any more keep the copy they have, whatever a full
    compare or a new day looks at. To existing ones: every copy is compared, and sent where it differs.
    """
    changed = {
        each.name
        for each in fields(LinkPolicy)
        if getattr(policy, each.name) != getattr(found.policy, each.name)
    }
    if to_existing:
        mapping_store.mark_dirty(tx, found.id, is_forced=bool(changed & _DRESS))
        return {"is_full": True, "kept_seq": None}
    return {"kept_seq": found.pushed_seq} if changed - _TAKING else {}


def link_of(tx: Transaction, link_id: LinkId) -> Link:
    """Return a link.

    Raises:
        NotFound: it is gone.
    """
    found = link_store.get(tx, link_id)
    if found is None:
        raise NotFound("The link is gone.")
    return found


def effect(tx: Transaction, ctx: RunContext, *, before: LinkPolicy) -> Effect:
    """Return what the policy of ``ctx`` would do to the copies if it were applied to existing ones."""
    counts: dict[Sending, int] = {}
    if not ctx.link.pushes:
        return Effect(copies=0, change=0, create=0, remove=0, refused=0)
    is_dressed_anew = any(getattr(before, name) != getattr(ctx.link.policy, name) for name in _DRESS)
    after = ""
    while page := _page(tx, ctx, after):
        found, known = views(tx, ctx, page)
        for uid in page:
            local, mapping = found.get(uid), known.get(uid)
            step = sending(local, mapping, takes=ctx.link.takes, window_start_s=ctx.window.start.timestamp())
            if step is Sending.NOTHING and is_dressed_anew and mapping is not None and local is not None:
                step = Sending.UPDATE if local.is_wanted and not mapping.has_guests else step
            counts[step] = counts.get(step, 0) + 1
        after = page[-1]
    return Effect(
        copies=mapping_store.count(tx, ctx.link.id),
        change=counts.get(Sending.UPDATE, 0),
        create=counts.get(Sending.CREATE, 0),
        remove=counts.get(Sending.DELETE, 0),
        refused=counts.get(Sending.PARK, 0),
    )


def _page(tx: Transaction, ctx: RunContext, after: str) -> list[str]:
    here = object_store.uids_page(tx, ctx.link.calendar_id, after_uid=after, limit=_PAGE)
    there = mapping_store.uids_page(tx, ctx.link.id, after_uid=after, limit=_PAGE)
    return sorted({*here, *there})[:_PAGE]
