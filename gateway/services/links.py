"""Links as people use them: add, change, pause, resume, approve, remove."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.differences import Eyes
from gateway.domain.differences import eyes_of as eyes_of_level
from gateway.domain.errors import AlreadyExists, Forbidden, InvalidInput, NotFound
from gateway.domain.link_model import (
    Account,
    AccountState,
    Direction,
    Link,
    LinkId,
    LinkState,
    Role,
)
from gateway.domain.model import Calendar, CalendarId, Principal
from gateway.services import access, link_defaults, link_settings
from gateway.services import resources as resource_service
from gateway.store import accounts as account_store
from gateway.store import audit, busy, remote_calendars, sync_log
from gateway.store import calendars as calendar_store
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
from gateway.store.database import Transaction

_HELD = "waits for an approved plan; see `calgate link plan`"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """A link with what people ask about it."""

    link: Link
    account: Account | None
    copies: int
    parked: int
    behind: int

    @property
    def problem(self) -> str | None:
        """Return why the link stands still or waits, None where it goes on: its account first."""
        return problem_of(self.link, self.account)


def problem_of(link: Link, account: Account | None) -> str | None:
    """Return why a link stands still or waits; see ``LinkStatus.problem``."""
    if account is not None and account.state is not AccountState.CONNECTED:
        return f"The account stands still ({account.state.value}): {account.reason or 'connect it again.'}"
    return link.reason or link.error


def add(
    tx: Transaction,
    calendar: Calendar,
    account: Account,
    *,
    remote_calendar_id: int,
    direction: Direction,
    role: Role | None = None,
    settings: Mapping[str, Any] | None = None,
    is_held: bool = False,
    actor: str,
    now: datetime,
) -> Link:
    """Bind a calendar to one at a provider; its first sync begins at once, or (``is_held``) after a plan.

    Raises:
        AlreadyExists: this calendar is bound to that one already, be it through another account; or that one
            receives copies through another account, or those of another resource beside a two-way link.
        InvalidInput: direction and role do not fit, or a setting is wrong.
        Forbidden: the account may not write there.
    """
    role, own = checked(direction, role, settings)
    policy = link_defaults.policy_of(tx, calendar.id, own)
    known = {row["id"]: row for row in account_store.calendars(tx, account.id)}
    remote = known.get(remote_calendar_id)
    if remote is None:
        raise NotFound("The account has no such calendar.")
    if direction is not Direction.PULL and not remote["is_writable"]:
        raise Forbidden("The account may only read that calendar; choose another or link it with pull.")
    _refuse_shared(tx, calendar, account, remote_calendar_id, direction)
    link_id = link_store.insert_one(
        tx,
        {
            "uuid": str(uuid.uuid4()),
            "calendar_id": calendar.id,
            "account_id": account.id,
            "remote_calendar_id": remote_calendar_id,
            "direction": direction.value,
            "role": role.value,
            "policy": policy.as_json(),
            "own": own,
            "state": (LinkState.RESTORED if is_held else LinkState.FIRST_SYNC).value,
            "reason": _HELD if is_held else None,
            "is_runnable": True,
            "created_at_utc": now,
        },
    )
    link_store.refresh_runnable(tx, account.id)
    made = link_store.get(tx, link_id)
    if made is None:
        raise NotFound("The link is gone.")
    audit.record(
        tx,
        now=now,
        actor=actor,
        action="link.added",
        target_kind="link",
        target=made.uuid,
        detail={"direction": direction.value, "role": role.value, "resource": calendar.resource.slug},
    )
    tx.hint_work()
    return made


def checked(
    direction: Direction, role: Role | None, settings: Mapping[str, Any] | None
) -> tuple[Role, dict[str, Any]]:
    """Return role and settings of a link to be made; asked before anything is made at the provider.

    Raises:
        InvalidInput: direction and role do not fit, or a setting is wrong.
    """
    role = role or (Role.CONFLICT if direction is Direction.PULL else Role.TARGET)
    if (direction is Direction.PULL) != (role is Role.CONFLICT):
        raise InvalidInput("A link of direction pull has the role conflict, all others target or both.")
    return role, link_defaults.normal(settings or {})


def _refuse_shared(
    tx: Transaction, calendar: Calendar, account: Account, remote_calendar_id: int, direction: Direction
) -> None:
    """One link per resource and calendar there; one account writes there; two-way links have it alone.

    Two accounts that reach the same calendar would each take the other's copies for something that it has
    to put right.
    """
    rows = remote_calendars.same(tx, remote_calendar_id)
    for other in link_store.listing(tx, remote_calendar_ids=rows):
        name = other.uuid[:8]
        is_elsewhere = other.account_id != account.id
        if other.calendar_id == calendar.id:
            through = " through another account" if is_elsewhere else ""
            raise AlreadyExists(
                f"This resource is linked to that calendar{through} already; change that link ({name}) or"
                " remove it first."
            )
        if direction is Direction.PULL or not other.pushes:
            continue
        if is_elsewhere:
            raise AlreadyExists(
                f"Another account writes into that calendar already (link {name}); link it by that"
                " account, or choose another calendar."
            )
        if Direction.BOTH in {other.direction, direction}:
            raise AlreadyExists(
                f"Another resource is linked to that calendar (link {name}); a two-way link needs it"
                " for itself."
            )


def calendar_of(tx: Transaction, resource: str) -> Calendar:
    """Return the calendar of a resource by its slug; LOGIN/SLUG for one that a person made.

    Raises:
        NotFound: there is no such resource.
    """
    return calendar_store.get(tx, resource_service.calendar_id(tx, resource))


def slug_of(tx: Transaction, one: Link) -> str:
    """Return the slug of the resource of a link."""
    return calendar_store.get(tx, one.calendar_id).resource.slug


def find(tx: Transaction, prefix: str) -> Link:
    """Return a link by the beginning of its uuid.

    Raises:
        NotFound: none or several.
    """
    found = link_store.by_uuid(tx, prefix) if prefix else []
    if len(found) != 1:
        what = "no link" if not found else "more than one link"
        raise NotFound(f"There is {what} called {prefix!r}; `calgate link list` shows them.")
    return found[0]


def statuses(tx: Transaction, *, calendar_id: CalendarId | None = None) -> list[LinkStatus]:
    """Return every link with its account and what is left to do."""
    found = link_store.listing(tx, calendar_id=calendar_id)
    behind = link_store.behind(tx, [one.id for one in found])
    return [
        LinkStatus(
            link=one,
            account=account_store.get(tx, one.account_id),
            copies=mapping_store.count(tx, one.id),
            parked=sync_log.count_parked(tx, one.id),
            behind=max(0, behind.get(one.id, 0)) if one.pushes else 0,
        )
        for one in found
    ]


def status(tx: Transaction, link_id: LinkId) -> LinkStatus:
    """Return one link with its account and what is left to do."""
    found = link_store.get(tx, link_id)
    if found is None:
        raise NotFound("The link is gone.")
    return next(one for one in statuses(tx, calendar_id=found.calendar_id) if one.link.id == link_id)


def change(
    tx: Transaction,
    link_id: LinkId,
    settings: Mapping[str, Any],
    *,
    unset: Iterable[str] = (),
    to_existing: bool,
    actor: str,
    now: datetime,
) -> tuple[Link, int]:
    """Change settings, for what changes from now on or for every copy; return the link and how many copies.

    ``unset`` names settings that the link inherits from now on.

    Raises:
        InvalidInput: an unknown setting or a wrong value; nothing was changed.
    """
    found = _get(tx, link_id)
    own = link_defaults.own_with(tx, found, settings, unset=unset)
    policy = link_defaults.policy_of(tx, found.calendar_id, own)
    values: dict[str, Any] = {"policy": policy.as_json(), "own": own}
    copies = mapping_store.count(tx, link_id)
    values |= link_settings.reach(tx, found, policy, to_existing=to_existing)
    link_store.change(tx, link_id, values)
    if policy.sends_guests != found.policy.sends_guests:
        action = "link.guests-on" if policy.sends_guests else "link.guests-off"
        audit.record(tx, now=now, actor=actor, action=action, target_kind="link", target=found.uuid)
    audit.record(
        tx,
        now=now,
        actor=actor,
        action="link.changed",
        target_kind="link",
        target=found.uuid,
        detail={"settings": sorted(settings), "to_existing": to_existing},
    )
    return _get(tx, link_id), copies


def pause(tx: Transaction, link_id: LinkId, *, actor: str, now: datetime) -> None:
    """Stop a link; what changes meanwhile is kept."""
    found = _get(tx, link_id)
    if found.state is LinkState.RESTORED:
        return
    _set_state(tx, found, LinkState.PAUSED, reason="paused by a person", actor=actor, now=now)


def resume(tx: Transaction, link_id: LinkId, *, actor: str, now: datetime) -> None:
    """Let a link go on; what changed meanwhile is sent.

    Raises:
        Forbidden: after a restore, or where the guard waits: a plan must be approved instead.
    """
    found = _get(tx, link_id)
    if found.state in {LinkState.RESTORED, LinkState.WAITING}:
        raise Forbidden("This link waits for an approved plan; see `calgate link plan` and `link apply`.")
    state = LinkState.FIRST_SYNC if found.synced_at_utc is None else LinkState.ACTIVE
    _set_state(tx, found, state, reason=None, actor=actor, now=now)


def request_sync(tx: Transaction, link_id: LinkId, *, is_full: bool) -> None:
    """Make a link due now, and ask the provider; ``is_full`` compares everything."""
    values: dict[str, Any] = {"pull_at": link_store.clock_ms(tx), "not_before": 0}
    if is_full:
        values |= {"is_full": True}
    link_store.change(tx, link_id, values)


def approve(tx: Transaction, plan_uuid: str, *, actor: str, now: datetime) -> Link:
    """Approve a plan: the link goes on, compares everything and may delete what the plan names, however much.

    Raises:
        NotFound: no such plan.
        InvalidInput: it was decided or has become stale; look at the new one.
    """
    plan = sync_log.plan(tx, plan_uuid)
    if plan is None:
        raise NotFound("There is no such plan; `calgate link plan` makes one.")
    if plan["state"] != "open":
        raise InvalidInput("This plan is not open any more; `calgate link plan` makes a new one.")
    found = _get(tx, LinkId(plan["link_id"]))
    sync_log.decide_plan(tx, plan["id"], state="approved", actor=actor, now=now)
    state = LinkState.FIRST_SYNC if found.synced_at_utc is None else LinkState.ACTIVE
    _set_state(tx, found, state, reason=None, actor=actor, now=now)
    if plan["reason"] != "guard":
        # The guard has stopped a run that knows what it was about; any other plan is a full compare.
        link_store.change(tx, found.id, {"is_full": True})
    return _get(tx, found.id)


def note_undo(tx: Transaction, link_id: LinkId, *, run_id: int, actor: str, now: datetime) -> None:
    """Record that a person has undone a run."""
    found = _get(tx, link_id)
    audit.record(
        tx,
        now=now,
        actor=actor,
        action="link.undone",
        target_kind="link",
        target=found.uuid,
        detail={"run": run_id},
    )


def hold(tx: Transaction, link_id: LinkId, *, actor: str, now: datetime) -> Link:
    """Let a link wait: everything is compared anew, and nothing is written before a plan is approved."""
    found = _get(tx, link_id)
    link_store.fence(tx, link_id)
    link_store.change(tx, link_id, {"cursor": None, "is_full": True})
    _set_state(
        tx, found, LinkState.RESTORED, reason=_HELD,
        actor=actor, now=now,
    )  # fmt: skip
    return _get(tx, link_id)


def eyes_of(tx: Transaction, found: Link, person: Principal) -> Eyes | None:
    """Return how much of a link's objects a person may read; None where she has no right on the resource."""
    resource = calendar_store.get(tx, found.calendar_id).resource
    level = access.level_on(tx, person, resource.id, face="web")
    return eyes_of_level(level) if level is not None else None


def remove(tx: Transaction, link_id: LinkId, *, actor: str, now: datetime) -> None:
    """Delete a link with its busy periods and its knowledge of copies; the copies stay where they are."""
    found = _get(tx, link_id)
    busy.clear(tx, link_id)
    link_store.remove(tx, link_id)
    audit.record(
        tx,
        now=now,
        actor=actor,
        action="link.removed",
        target_kind="link",
        target=found.uuid,
        detail={},
    )


def log(
    tx: Transaction, link_id: LinkId, *, limit: int = 100, uid: str | None = None
) -> list[dict[str, Any]]:
    """Return what the link did, the newest first."""
    return sync_log.lines(tx, link_id, limit=limit, uid=uid)


def parked(tx: Transaction, link_id: LinkId) -> list[dict[str, Any]]:
    """Return the objects that were put aside, with their reasons."""
    return list(sync_log.parked(tx, link_id).values())


def open_plan(tx: Transaction, link_id: LinkId) -> dict[str, Any] | None:
    """Return the plan that waits for a person, or None."""
    return sync_log.newest_plan(tx, link_id, state="open")


def _get(tx: Transaction, link_id: LinkId) -> Link:
    found = link_store.get(tx, link_id)
    if found is None:
        raise NotFound("The link is gone.")
    return found


def _set_state(
    tx: Transaction, found: Link, state: LinkState, *, reason: str | None, actor: str, now: datetime
) -> None:
    values: dict[str, Any] = {"state": state.value, "reason": reason, "fails": 0, "not_before": 0}
    if state.runs:
        values |= {"pull_at": 0, "error": None}
    link_store.change(tx, found.id, values)
    link_store.refresh_runnable(tx, found.account_id)
    audit.record(
        tx,
        now=now,
        actor=actor,
        action=f"link.{state.value}",
        target_kind="link",
        target=found.uuid,
        detail={},
    )
