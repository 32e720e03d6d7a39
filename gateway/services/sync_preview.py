"""What a full compare would do, without doing any of it: the plan before the write (product F24).

A plan that is kept names objects and fields. The values that differ are worked out for who looks at it and
are stored nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.domain.differences import Eyes, changes_between
from gateway.domain.link_model import Mapping as CopyMapping
from gateway.domain.model import Classification
from gateway.domain.sending import Sending, sending
from gateway.domain.sync_model import Act, LocalView, guard_trips
from gateway.providers.contract import Item, Removed
from gateway.services.sync_context import Judged, RunContext, views
from gateway.services.sync_pull import Decide, judge
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store import sync_log
from gateway.store.database import Transaction

_HERE = {
    Act.TAKE_NEW: "create",
    Act.TAKE_CHANGE: "update",
    Act.TAKE_DELETE: "delete",
    Act.REVIVE: "create",
    Act.REPORT: "report",
    Act.GUESTS: "report",
    Act.TWIN: "report",
    Act.ORPHAN: "report",
    Act.PARK: "park",
}
_THERE = {Act.RESEND: "update", Act.RECREATE: "create"}
_OUT = {
    Sending.CREATE: "create",
    Sending.UPDATE: "update",
    Sending.DELETE: "delete",
    Sending.PARK: "park",
    Sending.GUESTS: "report",
}
# What a decision about the remote item settles; the object here is then not looked at again.
_SETTLES = frozenset({*_THERE, Act.REVIVE, Act.FORGET, Act.GUESTS, Act.TAKE_DELETE})
_PAGE = 500
_KEPT = ("side", "action", "uid", "remote_id", "fields", "why", "held")
Line = dict[str, Any]


def plan_items(
    tx: Transaction,
    ctx: RunContext,
    items: Sequence[Item],
    *,
    decide: Decide,
    eyes: Eyes = Eyes.PUBLIC,
) -> list[Line]:
    """Return what a full compare would do with these remote items and with every object here.

    Each line: ``side`` (here, there), ``action`` (adopt, create, update, delete, report, park), ``uid``,
    ``remote_id``, ``fields``, ``why``, ``held`` (the guard would make it wait) and ``changes`` (before and
    after per field, as far as ``eyes`` may read them). ``items`` are a whole listing; what it does not show
    counts as gone.
    """
    seen = {item.remote_id for item in items}
    gone = sorted(mapping_store.remote_ids(tx, ctx.link.id) - seen)
    planned: list[Line] = []
    settled: dict[str, str] = {}
    for one in judge(tx, ctx, [*items, *(Removed(remote_id=each) for each in gone)], decide=decide):
        uid = one.mapping.uid if one.mapping is not None else one.remote.uid
        if one.decision.act is Act.ADOPT and uid is not None:
            planned += _adopted(one, uid, eyes)
            settled[uid] = one.remote.remote_id
        else:
            planned += _incoming(one, uid, eyes)
            if uid is not None and one.decision.act in _SETTLES:
                settled[uid] = one.remote.remote_id
    planned += _outgoing(tx, ctx, settled, eyes)
    return _held(planned, mapping_store.count(tx, ctx.link.id) + _adoptions(planned))


def keep(tx: Transaction, ctx: RunContext, planned: Sequence[Mapping[str, Any]], *, now: datetime) -> str:
    """Store a plan without any text, so that a person can approve exactly it; return its uuid."""
    reason = "restored" if ctx.link.state.value == "restored" else "preview"
    stored = [{name: line[name] for name in _KEPT if line.get(name)} for line in planned]
    return sync_log.open_plan(tx, ctx.link.id, reason=reason, items=stored, now=now)


def _line(
    side: str,
    action: str,
    uid: str | None,
    remote_id: str | None,
    *,
    before: bytes | None = None,
    after: bytes | None = None,
    local: LocalView | None = None,
    eyes: Eyes,
    why: str | None = None,
    fields: Sequence[str] = (),
) -> Line:
    floor = local.stored.classification if local is not None else Classification.PUBLIC
    changes = changes_between(before, after, eyes=eyes, floor=floor) if before or after else ()
    return {
        "side": side,
        "action": action,
        "uid": uid,
        "remote_id": remote_id,
        "fields": sorted(fields) or sorted({one.field for one in changes}),
        "why": why,
        "held": False,
        "changes": [one.as_json() for one in changes],
    }


def _adopted(one: Judged, uid: str, eyes: Eyes) -> list[Line]:
    remote, local = one.remote, one.local
    if local is None:
        # Its deletion is in our log: it is ours, and it goes.
        why = "deleted here"
        return [
            _line("there", "delete", uid, remote.remote_id, before=remote.ical, eyes=eyes, why=why),
        ]
    found = [_line("here", "adopt", uid, remote.remote_id, eyes=eyes)]
    if local.ours is not None and local.is_wanted and local.ours_hash != remote.content_hash:
        found.append(
            _line(
                "there", "update", uid, remote.remote_id, before=remote.ical, after=local.ours, local=local,
                eyes=eyes,
            )
        )  # fmt: skip
    return found


def _incoming(one: Judged, uid: str | None, eyes: Eyes) -> list[Line]:
    act, remote, local = one.decision.act, one.remote, one.local
    base = one.mapping.base if one.mapping is not None else None
    found: list[Line] = []
    if act in _HERE:
        found.append(
            _line(
                "here", _HERE[act], uid, remote.remote_id, before=base, after=remote.ical, local=local,
                eyes=eyes, why=one.decision.reason, fields=one.decision.fields,
            )
        )  # fmt: skip
    if act in _THERE:
        found.append(
            _line(
                "there", _THERE[act], uid, remote.remote_id, before=remote.ical,
                after=local.ours if local is not None else None, local=local, eyes=eyes,
                why=one.decision.reason, fields=one.decision.fields,
            )
        )  # fmt: skip
    return found


def _outgoing(tx: Transaction, ctx: RunContext, settled: Mapping[str, str], eyes: Eyes) -> list[Line]:
    if not ctx.link.pushes:
        return []
    uids = set(object_store.uids(tx, ctx.link.calendar_id))
    after = ""
    while page := mapping_store.uids_page(tx, ctx.link.id, after_uid=after):
        uids.update(page)
        after = page[-1]
    planned: list[Line] = []
    ordered = sorted(uids - settled.keys())
    for start in range(0, len(ordered), _PAGE):
        part = ordered[start : start + _PAGE]
        found, known = views(tx, ctx, part)
        for uid in part:
            line = _out(ctx, uid, found.get(uid), known.get(uid), eyes)
            if line is not None:
                planned.append(line)
    return planned


def _out(
    ctx: RunContext, uid: str, local: LocalView | None, mapping: CopyMapping | None, eyes: Eyes
) -> Line | None:
    step = sending(local, mapping, takes=ctx.link.takes, window_start_s=ctx.window.start.timestamp())
    action = _OUT.get(step)
    if action is None:
        return None
    before = mapping.base if mapping is not None and mapping.remote_id is not None else None
    after = local.ours if local is not None and step is not Sending.DELETE else None
    if step is Sending.PARK:
        before = after = None
    why = local.rejected if local is not None else None
    return _line(
        "there", action, uid, mapping.remote_id if mapping is not None else None, before=before, after=after,
        local=local, eyes=eyes, why="guests" if step is Sending.GUESTS else why,
    )  # fmt: skip


def _adoptions(planned: Sequence[Line]) -> int:
    return sum(line["action"] == "adopt" for line in planned)


def _held(planned: list[Line], copies: int) -> list[Line]:
    """Mark the deletions that the guard would hold back: each side on its own."""
    for side in ("here", "there"):
        deletions = [line for line in planned if line["side"] == side and line["action"] == "delete"]
        if guard_trips(len(deletions), copies):
            for line in deletions:
                line["held"] = True
    return planned
