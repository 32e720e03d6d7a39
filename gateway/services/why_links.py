"""Why an object has, or has not, a copy through one link."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from gateway.domain.errors import GatewayError
from gateway.domain.line_edit import events, tree_of
from gateway.domain.link_model import LEFT, Account, AccountState, Link, LinkState, Mapping, Privacy
from gateway.domain.model import Calendar, CalendarObject
from gateway.domain.sending import Sending, sending
from gateway.domain.sync_model import LocalView
from gateway.providers.contract import Presentation
from gateway.services import sync_run
from gateway.services.limits import Limits
from gateway.services.sync_context import Project, RunContext, in_window, views
from gateway.services.why_told import Face, instant
from gateway.store import accounts as account_store
from gateway.store import links as link_store
from gateway.store import sync_log, tickets
from gateway.store.database import Transaction

_STATES = {
    LinkState.FIRST_SYNC: "The link's first sync is under way.",
    LinkState.PAUSED: "The link is paused; `calgate link resume` lets it go on.",
    LinkState.RESTORED: "The link waits for an approved plan; see `calgate link plan`.",
    LinkState.WAITING: "The link waits because of many deletions at once; see `calgate link plan`.",
    LinkState.MISSING: "The calendar is gone at the provider.",
    LinkState.FORBIDDEN: "The account may not write into that calendar.",
    LinkState.BROKEN: "The link was stopped by an error; see the log of the server.",
}
_ACCOUNTS = {
    AccountState.RECONNECT: "The account must sign in again; what waits is kept.",
    AccountState.FORBIDDEN: "The account's permissions do not suffice any more; connect it again.",
}
_REASONS = {
    "changed-there": "Somebody has changed the copy there, and it was reported",
    "proposed": "Somebody has changed the copy there, which is a proposal that waits for an answer",
    "deleted-there": "Somebody has deleted the copy there, and it was reported",
    "both-changed": "Both sides have changed the same field; ours stands, theirs is kept",
    "delete-edit": "One side has deleted it while the other has edited it; the edit has survived",
    "guests": "People were invited to it there",
    "clash": "It overlaps with something here",
    "busy-there": "It meets time that is taken there",
    "twin": "There is a second copy of it there",
    "orphan": "There is a copy of it there and no object here",
    "unmergeable": "The copy was changed there in a way that cannot be merged",
}


def face(
    tx: Transaction,
    calendar: Calendar,
    link: Link,
    uid: str,
    *,
    project_of: Callable[[str], Project],
    instance_id: str,
    limits: Limits,
    public_url: str | None,
    now: datetime,
) -> Face:
    """Return what is to be said about one link."""
    account = account_store.get(tx, link.account_id)
    name = f"{link.remote_name} of {account.label if account else 'a removed account'} ({link.uuid[:8]})"
    if not link.pushes:
        only = "This link only reads: time taken there blocks here, and nothing is copied there."
        return Face(face="link", name=name, is_there=False, sentences=(only,), facts={"link": link.uuid})
    project, problem = _project(link, project_of)
    ctx, _account = sync_run.preview_context(
        tx, link.id, project=project, instance_id=instance_id, limits=limits, public_url=public_url, now=now
    )
    found, known = views(tx, ctx, [uid])
    local, mapping = found.get(uid), known.get(uid)
    told = [problem] if problem else []
    told += _wanted(ctx, local, mapping)
    told += _copy(ctx, local, mapping)
    told += _waiting(tx, ctx, uid, local, mapping, account)
    told += _aside(tx, link, uid, mapping)
    told += _tickets(tx, calendar, link, uid)
    last = sync_log.lines(tx, link.id, limit=1, uid=uid)
    told += [
        f"The link's last act about it: {one['action']} {one['side']} at {instant(one['at_utc'])},"
        f" because of: {one['cause']}" + (f" (run {one['run_id']})." if one["run_id"] else ".")
        for one in last
    ]
    return Face(
        face="link",
        name=name,
        is_there=_is_there(mapping),
        sentences=tuple(told),
        facts=_facts(link, local, mapping),
    )


def _project(link: Link, project_of: Callable[[str], Project]) -> tuple[Project, str | None]:
    """Return the plug-in's projection, or one that changes nothing and a sentence that says so."""
    try:
        return project_of(link.provider), None
    except GatewayError as error:
        return _as_it_is, str(error)


def _as_it_is(ical: bytes, presentation: Presentation) -> bytes:
    del presentation
    return ical


def _is_there(mapping: Mapping | None) -> bool | None:
    if mapping is None or mapping.drift_hash == "":
        return False
    return True if mapping.remote_id is not None else None


def _facts(link: Link, local: LocalView | None, mapping: Mapping | None) -> dict[str, Any]:
    return {
        "link": link.uuid,
        "provider": link.provider,
        "state": link.state.value,
        "wanted": local.is_wanted if local is not None else False,
        "mapping": mapping.state if mapping is not None else None,
        "remote_id": mapping.remote_id if mapping is not None else None,
        "guests": mapping.has_guests if mapping is not None else False,
        "equal": local is not None and mapping is not None and local.ours_hash == mapping.sent_hash,
    }


def _wanted(ctx: RunContext, local: LocalView | None, mapping: Mapping | None) -> Iterable[str]:
    """Say whether there should be a copy, and what it would show."""
    if local is None:
        if mapping is not None and mapping.state == LEFT:
            yield "It was taken in from there and taken back by an undo; it is left alone there."
        else:
            yield "There is no such object here, so there should be no copy."
        return
    stored, policy = local.stored, ctx.link.policy
    if stored.component != "VEVENT":
        yield f"It is a {stored.component}; links copy events only."
    elif stored.kind not in policy.kinds:
        kinds = ", ".join(each.value for each in policy.kinds)
        yield f"The link copies {kinds}; this is a {stored.kind.value}."
    elif not in_window(ctx, stored):
        yield (
            "It has no occurrence in the link's window,"
            f" {instant(ctx.window.start)} to {instant(ctx.window.end)}."
        )
    elif not local.is_wanted and _is_cancelled(stored):
        yield "It is cancelled, so there should be no copy."
    elif local.ours is None:
        yield f"The provider cannot hold it: {local.rejected}"
    if not local.is_wanted or local.ours is None:
        return
    yield "There should be a copy."
    if stored.classification and (mapping is None or mapping.is_ours):
        yield (
            f"Its class is {stored.classification.name}: the copy shows its times and"
            f" \u201c{policy.placeholder}\u201d, nothing else."
        )
    elif policy.privacy_out is not Privacy.FULL and (mapping is None or mapping.is_ours):
        shown = "times only" if policy.privacy_out is Privacy.BUSY else "times and titles only"
        yield f"The link shows {shown}."


def _is_cancelled(stored: CalendarObject) -> bool:
    return all(one.word("STATUS") == "CANCELLED" for one in events(tree_of(stored.ical))[:1])


def _copy(ctx: RunContext, local: LocalView | None, mapping: Mapping | None) -> Iterable[str]:
    """Say what is known of the copy."""
    if mapping is None:
        yield "It has no copy."
        return
    if mapping.remote_id is None:
        yield "A create was begun and its end was never learnt; it is repeated with the same id."
        return
    if mapping.drift_hash == "":
        undone = mapping.state == LEFT
        yield (
            "Its copy was taken back by an undo; it comes again with its next change."
            if undone
            else "Its copy was deleted there by hand; it comes again only if a person says so."
        )
        return
    yield "It has a copy." if mapping.is_ours else "It came from there: a person's own event."
    if mapping.drift_hash is not None:
        yield "The copy differs from ours since somebody changed it there."
    if mapping.has_guests:
        yield "People were invited to it there, so it is neither changed nor deleted."
    if local is not None and local.is_kept:
        yield "It was made with earlier settings and keeps them until its object changes."
    step = sending(local, mapping, takes=ctx.link.takes, window_start_s=ctx.window.start.timestamp())
    if local is not None and not local.is_wanted and step is Sending.NOTHING:
        yield "What is there already stays."


def _waiting(
    tx: Transaction,
    ctx: RunContext,
    uid: str,
    local: LocalView | None,
    mapping: Mapping | None,
    account: Account | None,
) -> Iterable[str]:
    """Say what has to happen before both sides are equal."""
    link = ctx.link
    if account is not None and account.state in _ACCOUNTS:
        yield _ACCOUNTS[account.state]
    if link.state in _STATES:
        yield _STATES[link.state]
    plan = sync_log.newest_plan(tx, link.id, state="open")
    if plan is not None and plan["reason"] == "guard" and any(one["uid"] == uid for one in plan["items"]):
        yield f"Its deletion is held by the guard: plan {plan['uuid'][:8]} waits for a person."
    step = sending(local, mapping, takes=link.takes, window_start_s=ctx.window.start.timestamp())
    if step in {Sending.CREATE, Sending.UPDATE, Sending.DELETE}:
        yield f"To be done there: {step.value}."
        if link.error:
            yield f"The last try failed: {link.error}"
        if link.not_before_ms > link_store.clock_ms(tx):
            when = datetime.fromtimestamp(link.not_before_ms / 1000, UTC)
            yield f"The next try is not before {instant(when)}."


def _aside(tx: Transaction, link: Link, uid: str, mapping: Mapping | None) -> Iterable[str]:
    remote_id = mapping.remote_id if mapping is not None else None
    for (side, ref), row in sync_log.parked(tx, link.id).items():
        if (side == sync_log.HERE and ref == uid) or (side == sync_log.THERE and ref == remote_id):
            yield (
                f"It was put aside ({side}) after {row['tries']} tries since {instant(row['since_utc'])}:"
                f" {row['reason']}"
            )


def _tickets(tx: Transaction, calendar: Calendar, link: Link, uid: str) -> Iterable[str]:
    for row in tickets.listing(tx, calendar_id=calendar.id):
        if row["link_uuid"] == link.uuid and row["object_uid"] == uid:
            told = _REASONS.get(row["reason"], row["reason"])
            fields = f" (fields: {', '.join(row['fields'])})" if row["fields"] else ""
            yield f"{told}{fields}: conflict {row['id']}, see `calgate conflicts show {row['id']}`."
