"""Writing an object here for a link: what it meets is told where the resource checks, and never refused."""

from __future__ import annotations

import hashlib
from datetime import datetime

from gateway.domain.errors import NotFound
from gateway.domain.ical import parse_object
from gateway.domain.model import ConflictPolicy, ObjectKind
from gateway.domain.sync_model import LocalView
from gateway.services import objects as object_service
from gateway.services.prepare import prepare
from gateway.services.sync_context import RunContext, local_view
from gateway.store import objects as object_store
from gateway.store import tickets
from gateway.store.database import Transaction

_CLASH = "clash"


def put_here(
    tx: Transaction,
    ctx: RunContext,
    ical: bytes,
    *,
    href: str | None,
    is_theirs: bool,
    now: datetime,
    kind: ObjectKind | None = None,
    expires_at_utc: datetime | None = None,
) -> LocalView:
    """Store an object and return it as the link sees it; ``is_theirs``: it came from that very calendar.

    What the text does not say stays as it is: the kind of an object that is here already.

    Raises:
        GatewayError: it cannot be stored; nothing was changed.
    """
    uid = parse_object(ical, max_bytes=max(len(ical), 1)).uid
    known = object_store.by_uid(tx, ctx.link.calendar_id, uid)
    if known is not None and kind is None:
        kind, expires_at_utc = known.kind, known.expires_at_utc
    prepared = prepare(
        ical, ctx.calendar, limits=ctx.limits, now=now, kind=kind, expires_at_utc=expires_at_utc
    )
    is_checked = ctx.calendar.resource.policy is not ConflictPolicy.ALLOW
    result = object_service.put(
        tx,
        ctx.link.calendar_id,
        href or _href(uid),
        prepared,
        origin=ctx.origin,
        now=now,
        limits=ctx.limits,
        # It has happened elsewhere already: refusing it here would only hide it.
        on_clash=ConflictPolicy.WARN if is_checked else ConflictPolicy.ALLOW,
    )
    stored = object_store.by_uid(tx, ctx.link.calendar_id, uid)
    if stored is None:
        raise NotFound("The object is gone.")
    if result.clashes:
        tickets.open_for_link(
            tx,
            ctx.link.calendar_id,
            link_uuid=ctx.link.uuid,
            uid=uid,
            remote_id=None,
            reason=_CLASH,
            theirs=None,
            fields=["time"],
            now=now,
        )
    elif known is not None:
        tickets.close_for_link(
            tx, link_uuid=ctx.link.uuid, uid=uid, reasons=[_CLASH], resolution="gone", now=now
        )
    return local_view(ctx, stored, is_theirs=is_theirs)


def _href(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()[:40] + ".ics"
