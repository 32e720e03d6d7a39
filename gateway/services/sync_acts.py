"""What each decision about a remote item does here; all of it inside the transaction of its slice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from gateway.domain.fingerprint import REMINDERS, canonical, differing, field_names
from gateway.domain.ical import parse_object
from gateway.domain.sync_model import Act, LocalView, RemoteView
from gateway.providers.contract import Upsert
from gateway.services import objects as object_service
from gateway.services import undo_text
from gateway.services.guests_in import inbound_of
from gateway.services.sync_busy import drop_busy, take_busy
from gateway.services.sync_context import Judged, RunContext, local_view, log_line
from gateway.services.sync_put import put_here
from gateway.store import busy as busy_store
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store import sync_log, tickets
from gateway.store.database import Transaction


def agreed(remote: RemoteView | Upsert, digest: str) -> dict[str, Any]:
    """Return the columns of a mapping that follow from what is there now."""
    return {
        "remote_id": remote.remote_id,
        "version": remote.version,
        "memo": remote.memo,
        "base": remote.ical,
        "base_hash": digest,
        "has_guests": remote.guests,
        "state": "ok",
    }


def _nothing(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    """Leave it."""


def _echo(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    mapping = one.mapping
    if mapping is None or one.remote.is_gone:
        return
    values: dict[str, Any] = {}
    if mapping.version != one.remote.version or mapping.memo != one.remote.memo:
        values |= {"version": one.remote.version, "memo": one.remote.memo}
    if mapping.has_guests != one.remote.guests:
        values["has_guests"] = one.remote.guests
    if one.decision.clears_drift:
        values["drift_hash"] = None
    if values:
        mapping_store.save(tx, ctx.link.id, mapping.uid, values | {"updated_at_utc": now})


def _agree(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    if one.mapping is None:
        return
    values = agreed(one.remote, one.remote.content_hash)
    # The base is its own text now, whatever was sent.
    mapping_store.save(tx, ctx.link.id, one.mapping.uid, values | {"updated_at_utc": now})


def _adopt(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    uid = one.mapping.uid if one.mapping is not None else one.remote.uid
    if uid is None:
        return
    mapping_store.free_remote_ids(tx, ctx.link.id, {one.remote.remote_id: uid})
    values = agreed(one.remote, one.remote.content_hash) | {"drift_hash": None, "updated_at_utc": now}
    same = one.local is not None and one.local.ours_hash == one.remote.content_hash
    if one.mapping is None or same:
        values |= {"sent": one.remote.ical or b"", "sent_hash": one.remote.content_hash}
    values["is_ours"] = one.remote.is_ours or (one.mapping is not None and one.mapping.is_ours)
    # What differs goes out again at the next push; what is the same never does.
    values["is_dirty"] = not same
    mapping_store.save(tx, ctx.link.id, uid, values)
    busy_store.drop(tx, ctx.link.id, one.remote.remote_id)


def _take_new(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    ical = inbound_of(tx, ctx.link, one.remote.ical or b"")
    uid = parse_object(ical, max_bytes=len(ical)).uid
    existing = object_store.by_uid(tx, ctx.link.calendar_id, uid)
    if existing is not None:
        known = mapping_store.by_uids(tx, ctx.link.id, [uid]).get(uid)
        view = local_view(ctx, existing, is_theirs=True)
        if known is None and view.ours is not None:
            # The same event on both sides already, whatever was done to it while nobody looked.
            _bind(tx, ctx, one, view, now)
            _dispute(tx, ctx, one, view, now)
            return
        ical = inbound_of(tx, ctx.link, one.remote.ical or b"", uid=_fresh_uid(ctx, one))
    stored = put_here(tx, ctx, ical, href=None, is_theirs=True, now=now)
    _bind(tx, ctx, one, stored, now)


def _dispute(tx: Transaction, ctx: RunContext, one: Judged, view: LocalView, now: datetime) -> None:
    """Keep ours where the two differ and nobody knows since when; theirs is kept in a ticket."""
    fields = field_names(differing(canonical(view.ours or b""), canonical(one.remote.ical or b"")))
    if set(fields) <= {REMINDERS}:
        return
    mapping_store.save(tx, ctx.link.id, view.stored.uid, {"is_dirty": True, "sent_hash": ""})
    tickets.open_for_link(
        tx,
        ctx.link.calendar_id,
        link_uuid=ctx.link.uuid,
        uid=view.stored.uid,
        remote_id=one.remote.remote_id,
        reason="both-changed",
        theirs=one.remote.ical,
        fields=sorted(fields),
        now=now,
    )


def _bind(tx: Transaction, ctx: RunContext, one: Judged, view: LocalView, now: datetime) -> None:
    sent = view.ours if view.ours is not None else one.remote.ical or b""
    mapping_store.save(
        tx,
        ctx.link.id,
        view.stored.uid,
        agreed(one.remote, one.remote.content_hash)
        | {
            "sent": sent,
            "sent_hash": view.ours_hash,
            "drift_hash": None,
            "is_dirty": False,
            "updated_at_utc": now,
        },
    )
    busy_store.drop(tx, ctx.link.id, one.remote.remote_id)


def _take_change(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    merged, local = one.decision.merge, one.local
    if merged is None or merged.ical is None or local is None or one.mapping is None:
        return
    was_equal = local.is_kept or local.ours_hash == one.mapping.sent_hash
    after = put_here(tx, ctx, merged.ical, href=local.stored.href, is_theirs=not one.mapping.is_ours, now=now)
    values = agreed(one.remote, one.remote.content_hash) | {"drift_hash": None, "updated_at_utc": now}
    if was_equal and not merged.disputed:
        # All of theirs was taken and nothing of ours waits: both sides are equal now.
        values |= {"sent": after.ours or b"", "sent_hash": after.ours_hash, "is_dirty": False}
    else:
        values["is_dirty"] = True
        values |= {"sent": one.mapping.sent, "sent_hash": ""}
    mapping_store.save(tx, ctx.link.id, one.mapping.uid, values)


def _take_delete(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    if one.local is not None:
        object_service.delete(tx, ctx.link.calendar_id, one.local.stored.href, origin=ctx.origin, now=now)
    _forget(tx, ctx, one, now)


def _revive(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    if one.mapping is None:
        return
    ical = inbound_of(tx, ctx.link, one.remote.ical or b"", uid=one.mapping.uid)
    view = put_here(tx, ctx, ical, href=None, is_theirs=not one.mapping.is_ours, now=now)
    _bind(tx, ctx, one, view, now)


def _resend(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    if one.mapping is None:
        return
    values = agreed(one.remote, one.remote.content_hash)
    mapping_store.save(
        tx,
        ctx.link.id,
        one.mapping.uid,
        values | {"is_dirty": True, "sent_hash": "", "drift_hash": None, "updated_at_utc": now},
    )


def _recreate(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    if one.mapping is None:
        return
    mapping_store.save(
        tx,
        ctx.link.id,
        one.mapping.uid,
        {
            "remote_id": None,
            "version": None,
            "is_dirty": True,
            "sent_hash": "",
            "drift_hash": None,
            "updated_at_utc": now,
        },
    )


def _report(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    if one.mapping is None:
        return
    values: dict[str, Any] = {"drift_hash": one.remote.content_hash, "updated_at_utc": now}
    if not one.remote.is_gone:
        values |= {"version": one.remote.version, "memo": one.remote.memo}
    mapping_store.save(tx, ctx.link.id, one.mapping.uid, values)


def _guests(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    if one.mapping is None:
        return
    values = {"has_guests": True, "version": one.remote.version, "memo": one.remote.memo}
    if one.mapping.remote_id is None:
        values["remote_id"] = one.remote.remote_id
    mapping_store.save(tx, ctx.link.id, one.mapping.uid, values | {"updated_at_utc": now})


def _forget(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:  # noqa: ARG001 - one signature for all acts
    if one.mapping is not None:
        mapping_store.drop(tx, ctx.link.id, one.mapping.uid)


def _park(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    park_there(tx, ctx, one.remote, one.remote.problem or "it cannot be read", now)


def park_there(tx: Transaction, ctx: RunContext, remote: RemoteView, reason: str, now: datetime) -> None:
    """Put an object of the provider aside with its reason."""
    digest = remote.content_hash or hashlib.sha256(remote.version.encode()).hexdigest()[:32]
    sync_log.park(
        tx, ctx.link.id, sync_log.THERE, remote.remote_id, content_hash=digest, reason=reason, now=now
    )


def _fresh_uid(ctx: RunContext, one: Judged) -> str:
    seed = f"{ctx.instance_id}:{ctx.link.uuid}:{one.remote.remote_id}"
    return hashlib.sha256(seed.encode()).hexdigest()[:32] + "@calgate"


# -- telling ------------------------------------------------------------------------------------------

_DRIFT_REASONS = ("changed-there", "deleted-there", "proposed", "unmergeable")
_WRITES_HERE = frozenset({Act.TAKE_NEW, Act.TAKE_CHANGE, Act.TAKE_DELETE, Act.REVIVE})
LOGGED = frozenset(
    {
        Act.ADOPT,
        Act.TAKE_NEW,
        Act.TAKE_CHANGE,
        Act.TAKE_DELETE,
        Act.REVIVE,
        Act.RESEND,
        Act.RECREATE,
        Act.REPORT,
        Act.GUESTS,
        Act.FORGET,
        Act.PARK,
        Act.TWIN,
        Act.ORPHAN,
    }
)


def tell(tx: Transaction, ctx: RunContext, one: Judged, now: datetime) -> None:
    """Open the ticket that a decision asks for, and close the one that it makes void."""
    uid = one.mapping.uid if one.mapping is not None else one.remote.uid or one.remote.remote_id
    if one.decision.clears_drift:
        tickets.close_for_link(
            tx, link_uuid=ctx.link.uuid, uid=uid, reasons=_DRIFT_REASONS, resolution="gone", now=now
        )
    if one.decision.reason is None or one.decision.act is Act.PARK:
        return
    tickets.open_for_link(
        tx,
        ctx.link.calendar_id,
        link_uuid=ctx.link.uuid,
        uid=uid,
        remote_id=one.remote.remote_id,
        reason=one.decision.reason,
        theirs=one.remote.ical,
        fields=one.decision.fields,
        now=now,
    )


def line(tx: Transaction, ctx: RunContext, one: Judged, act: Act, now: datetime) -> dict[str, Any]:
    """Return the line of the link's log for a decision that was carried out."""
    uid = one.mapping.uid if one.mapping is not None else one.remote.uid or ""
    was = after_etag = None
    if act in _WRITES_HERE:
        known = mapping_store.by_remote_ids(tx, ctx.link.id, [one.remote.remote_id])
        uid = uid or (known[one.remote.remote_id].uid if one.remote.remote_id in known else "")
        stored = object_store.by_uid(tx, ctx.link.calendar_id, uid) if act is not Act.TAKE_DELETE else None
        after_etag = stored.etag if stored is not None else None
        if one.local is not None and act is not Act.TAKE_NEW:
            was = undo_text.pack(one.local.stored)
    return log_line(
        ctx,
        now=now,
        side=sync_log.HERE,
        action=act.value,
        uid=uid,
        remote_id=one.remote.remote_id,
        before=one.mapping.base_hash if one.mapping is not None else None,
        after=one.remote.content_hash or None,
        fields=one.decision.fields,
        was=was,
        after_etag=after_etag,
    )


APPLY: dict[Act, Callable[[Transaction, RunContext, Judged, datetime], None]] = {
    Act.ECHO: _echo,
    Act.AGREE: _agree,
    Act.ADOPT: _adopt,
    Act.TAKE_NEW: _take_new,
    Act.TAKE_CHANGE: _take_change,
    Act.TAKE_DELETE: _take_delete,
    Act.REVIVE: _revive,
    Act.RESEND: _resend,
    Act.RECREATE: _recreate,
    Act.REPORT: _report,
    Act.GUESTS: _guests,
    Act.FORGET: _forget,
    Act.BUSY: take_busy,
    Act.NOT_BUSY: drop_busy,
    Act.PARK: _park,
    Act.TWIN: _nothing,
    Act.ORPHAN: _nothing,
    Act.IGNORE: _nothing,
}
