"""The recording half of a pull: remote items are judged and applied, a slice of them per transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.errors import GatewayError, InvalidInput
from gateway.domain.fingerprint import is_same_but_name
from gateway.domain.link_model import Link, Mapping
from gateway.domain.sync_model import Act, Decision, LocalView, RemoteView
from gateway.providers.contract import Item, RemoteKind, Removed, Unreadable, Upsert
from gateway.services import objects as object_service
from gateway.services.sync_acts import APPLY, LOGGED, line, park_there, tell
from gateway.services.sync_context import (
    Judged,
    RunContext,
    begin_run,
    content_hash,
    held,
    views,
)
from gateway.store import busy as busy_store
from gateway.store import mappings as mapping_store
from gateway.store import sync_log
from gateway.store.database import Transaction

_PAUSE = timedelta(seconds=30)
_AT_ONCE = 10
_LEAVES_MAPPINGS = frozenset({Act.ECHO, Act.BUSY, Act.NOT_BUSY, Act.IGNORE})  # of other objects
Decide = Callable[[Link, Mapping | None, LocalView | None, RemoteView], Decision]


@dataclass(slots=True, kw_only=True)
class Taken:
    """What came of a slice; ``lines`` were logged already."""

    acts: dict[str, Act] = field(default_factory=dict)  # by remote id
    orphans: list[str] = field(default_factory=list)


def take(tx: Transaction, ctx: RunContext, items: Sequence[Item], *, decide: Decide, now: datetime) -> Taken:
    """Judge and apply remote items under the calendar's lock.

    Raises:
        LeaseLost: nothing was changed.
    """
    # The calendar before its link, as every write here does: no two of them wait for each other.
    object_service.lock(tx, ctx.link.calendar_id)
    held(tx, ctx)
    taken = Taken()
    aside = {ref for _, ref in sync_log.parked(tx, ctx.link.id, sync_log.THERE)}
    lines: list[dict[str, Any]] = []
    for one in judge(tx, ctx, items, decide=decide):
        act = one.decision.act
        try:
            # A savepoint is two statements; an echo changes one row at most.
            with nullcontext() if act is Act.ECHO else tx.savepoint():
                APPLY[act](tx, ctx, one, now)
        except (InvalidInput, GatewayError) as error:
            # One bad object never stops the rest.
            act = Act.PARK
            park_there(tx, ctx, one.remote, str(error), now)
        if act is not Act.PARK and one.remote.remote_id in aside:
            sync_log.unpark(tx, ctx.link.id, sync_log.THERE, [one.remote.remote_id])
        taken.acts[one.remote.remote_id] = act
        ctx.count(act.value)
        tell(tx, ctx, one, now)
        if act in LOGGED:
            lines.append(line(tx, ctx, one, act, now))
    if lines:
        begin_run(tx, ctx, now=now)
        sync_log.append(tx, [line | {"run_id": ctx.run_id} for line in lines])
    return taken


def judge(tx: Transaction, ctx: RunContext, items: Sequence[Item], *, decide: Decide) -> Iterable[Judged]:
    """Yield the decision for each item; an item's own effects are seen by the next."""
    ids = [item.remote_id for item in items]
    others = mapping_store.held_by_others(tx, ctx.link, ids)
    known = mapping_store.by_remote_ids(tx, ctx.link.id, ids)
    unchanged = set(ids)  # since they were read together
    for item in items:
        if item.remote_id not in unchanged:
            known |= mapping_store.by_remote_ids(tx, ctx.link.id, [item.remote_id])
        mapping = known.pop(item.remote_id, None)
        remote = _remote_view(tx, ctx, item, mapping, is_other=item.remote_id in others)
        uid = mapping.uid if mapping is not None else remote.uid
        local: LocalView | None = None
        # Of what is as agreed, and in a listing that is nearly all, nothing here is looked at.
        if uid is not None and (mapping is None or not remote.is_echo_of(mapping)):
            found, mapped = views(tx, ctx, [uid])
            local, mapping = found.get(uid), mapped.get(uid)
        decision = decide(ctx.link, mapping, local, remote)
        yield Judged(remote=remote, mapping=mapping, local=local, decision=decision)
        if decision.act in _LEAVES_MAPPINGS:
            unchanged.discard(item.remote_id)
        else:
            unchanged.clear()
            known.clear()


def deletions(
    tx: Transaction, ctx: RunContext, remote_ids: Sequence[str], *, decide: Decide
) -> tuple[list[dict[str, Any]], int]:
    """Return what would be deleted here if these were gone, and how many mappings there are."""
    items = [Removed(remote_id=each) for each in remote_ids]
    planned = [
        {"side": "here", "action": "delete", "uid": one.mapping.uid, "remote_id": one.remote.remote_id}
        for one in judge(tx, ctx, items, decide=decide)
        if one.decision.act is Act.TAKE_DELETE and one.mapping is not None
    ]
    return planned, mapping_store.count(tx, ctx.link.id)


def absent(tx: Transaction, ctx: RunContext, seen: set[str]) -> list[str]:
    """Return what we know of and a full listing did not show."""
    known = mapping_store.remote_ids(tx, ctx.link.id) | busy_store.remote_ids(tx, ctx.link.id)
    return sorted(known - seen)


def to_try_again(tx: Transaction, ctx: RunContext, *, now: datetime) -> list[str]:
    """Return objects over there that were put aside and may be readable by now; ever more seldom.

    A cursor has moved past them: nobody would name them again before they change.
    """
    found = [
        (row["tried_at_utc"], ref)
        for (_, ref), row in sync_log.parked(tx, ctx.link.id, sync_log.THERE).items()
        if now - row["tried_at_utc"] >= _PAUSE * (2 ** min(row["tries"], 12) - 1)
    ]
    return [ref for _, ref in sorted(found)[:_AT_ONCE]]


def is_mapped(tx: Transaction, ctx: RunContext, remote_ids: Sequence[str]) -> set[str]:
    """Return those of the remote ids that are copies we know."""
    return set(mapping_store.by_remote_ids(tx, ctx.link.id, remote_ids))


# -- views --------------------------------------------------------------------------------------------


def _remote_view(
    tx: Transaction, ctx: RunContext, item: Item, mapping: Mapping | None, *, is_other: bool
) -> RemoteView:
    if isinstance(item, Removed):
        return RemoteView(remote_id=item.remote_id, is_other_links=is_other)
    if not is_other and isinstance(item, Upsert):
        is_other = ctx.is_neighbours(tx, item.resource_hash)
    uid = ctx.uid_of_marker(tx, item.marker) if item.marker is not None else None
    if isinstance(item, Unreadable):
        return RemoteView(
            remote_id=item.remote_id,
            version=item.version,
            uid=uid,
            is_ours=item.marker is not None,
            is_other_links=is_other,
            problem=item.reason,
        )
    try:
        is_known = mapping is not None and is_same_but_name(item.ical, mapping.base)
        digest = mapping.base_hash if mapping is not None and is_known else content_hash(item.ical)
        problem = None
    except InvalidInput as error:
        digest, problem = "", str(error)
    return RemoteView(
        remote_id=item.remote_id,
        version=item.version,
        memo=item.memo,
        ical=item.ical if problem is None else None,
        content_hash=digest,
        uid=uid,
        is_ours=item.marker is not None,
        is_other_links=is_other,
        is_away=item.kind in {RemoteKind.OUT_OF_OFFICE, RemoteKind.FOCUS},
        is_hidden=item.kind is RemoteKind.DETAILS_HIDDEN,
        is_declined=item.is_declined,
        is_unfinished=item.is_unfinished,
        guests=item.guests,
        problem=problem,
    )
