"""What a full compare would do, without doing any of it: the plan before the write (product F24)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.domain.sync_model import Act, Decision
from gateway.providers.contract import Item, Removed
from gateway.services.sync_context import RunContext, views
from gateway.services.sync_pull import Decide, judge
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store import sync_log
from gateway.store.database import Transaction

_HERE = {
    Act.ADOPT: "adopt",
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
_PAGE = 500


def plan_items(
    tx: Transaction, ctx: RunContext, items: Sequence[Item], *, decide: Decide
) -> list[dict[str, Any]]:
    """Return what a full compare would do with these remote items and with every object here.

    ``items`` are a whole listing; what it does not show counts as gone.
    """
    seen = {item.remote_id for item in items}
    gone = sorted(mapping_store.remote_ids(tx, ctx.link.id) - seen)
    judged = list(judge(tx, ctx, [*items, *(Removed(remote_id=each) for each in gone)], decide=decide))
    planned: list[dict[str, Any]] = []
    settled: set[str] = set()
    for one in judged:
        uid = one.mapping.uid if one.mapping is not None else one.remote.uid
        if one.decision.act is Act.ADOPT and uid is not None:
            settled.add(uid)
        planned += _lines(one.decision, uid, one.remote.remote_id)
    return planned + _outgoing(tx, ctx, settled)


def _lines(decision: Decision, uid: str | None, remote_id: str) -> list[dict[str, Any]]:
    line = {"uid": uid, "remote_id": remote_id, "fields": list(decision.fields), "why": decision.reason}
    found: list[dict[str, Any]] = []
    if decision.act in _HERE:
        found.append({"side": "here", "action": _HERE[decision.act], **line})
    if decision.act in _THERE:
        found.append({"side": "there", "action": _THERE[decision.act], **line})
    return found


def _outgoing(tx: Transaction, ctx: RunContext, settled: set[str]) -> list[dict[str, Any]]:
    if not ctx.link.pushes:
        return []
    uids = set(object_store.uids(tx, ctx.link.calendar_id))
    after = ""
    while page := mapping_store.uids_page(tx, ctx.link.id, after_uid=after):
        uids.update(page)
        after = page[-1]
    planned: list[dict[str, Any]] = []
    ordered = sorted(uids)
    for start in range(0, len(ordered), _PAGE):
        part = ordered[start : start + _PAGE]
        found, known = views(tx, ctx, part)
        for uid in part:
            local, mapping = found.get(uid), known.get(uid)
            action: str | None = None
            if local is None:
                action = "delete" if mapping is not None else None
            elif local.is_wanted and mapping is None and uid not in settled:
                action = "create" if local.ours is not None else "park"
            elif mapping is not None and local.is_wanted and local.ours_hash != mapping.sent_hash:
                action = "update"
            if action is not None:
                remote_id = mapping.remote_id if mapping is not None else None
                planned.append(
                    {"side": "there", "action": action, "uid": uid, "remote_id": remote_id, "fields": []}
                )
    return planned


def keep(tx: Transaction, ctx: RunContext, planned: Sequence[Mapping[str, Any]], *, now: datetime) -> str:
    """Store a plan, so that a person can approve exactly it; return its uuid."""
    reason = "restored" if ctx.link.state.value == "restored" else "preview"
    return sync_log.open_plan(tx, ctx.link.id, reason=reason, items=planned, now=now)
