"""Links as work: waking, claiming, renewing and finishing (engine.md §3.4), and their rows.

There is no job table. The change log and ``pushed_seq`` are the work; a row says when its link is due and
who has it. Every time in these statements is the database's own clock. ``wake`` counts wake-ups, so that one
that comes while a link runs is seen at its end; ``token`` rises with each claim and fences a node that slept
through its lease. PostgreSQL skips rows that another node holds, SQLite has one writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, text, update

from gateway.domain.link_model import (
    AccountId,
    Direction,
    Link,
    LinkId,
    LinkState,
    Role,
    policy_from_json,
)
from gateway.domain.model import CalendarId
from gateway.store import link_statements as statements
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema import calendar
from gateway.store.schema_sync import account, link, remote_calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to run one link until the lease ends."""

    link_id: LinkId
    account_id: AccountId
    token: int
    wake: int


def clock_ms(tx: Transaction) -> int:
    """Return the database's clock in whole milliseconds since 1970."""
    now: int = tx.execute(statements.NOW[tx.is_postgresql]).scalar_one()
    return now


# -- the three statements -----------------------------------------------------------------------------


_WAKE = {is_postgresql: Hot(statement) for is_postgresql, statement in statements.WAKE.items()}


def wake(tx: Transaction, calendar_id: CalendarId) -> None:
    """Make every pushing link of a calendar due; part of the transaction that changed it."""
    if _WAKE[tx.is_postgresql].count(tx, calendar_id=calendar_id):
        tx.hint_work()


def claim(tx: Transaction, *, limit: int, per_account: int, lease_ms: int) -> list[Claim]:
    """Take up to ``limit`` due links, at most ``per_account`` of one account; longest waiting first."""
    rows = statements.CLAIM[tx.is_postgresql].rows(tx, limit=limit, per_account=per_account, lease=lease_ms)
    return [
        Claim(link_id=LinkId(link_id), account_id=AccountId(account_id), token=token, wake=wake)
        for link_id, account_id, token, wake in rows
    ]


def claim_one(tx: Transaction, link_id: LinkId, *, lease_ms: int, is_forced: bool = False) -> Claim | None:
    """Take one link, due or not and in whatever state; None where somebody works on it.

    ``is_forced`` takes it nevertheless: whoever had it stops at its next step.
    """
    clock = statements.CLOCK[tx.is_postgresql]
    free = "" if is_forced else f" AND (lease_until IS NULL OR lease_until < {clock})"
    row = tx.execute(
        text(
            f"UPDATE link SET lease_until = {clock} + :lease, token = token + 1 WHERE id = :id{free}"  # noqa: S608 - constants
            " RETURNING id, account_id, token, wake"
        ),
        {"lease": lease_ms, "id": link_id},
    ).one_or_none()
    if row is None:
        return None
    return Claim(link_id=LinkId(row.id), account_id=AccountId(row.account_id), token=row.token, wake=row.wake)


def renew(tx: Transaction, held: Claim, *, lease_ms: int) -> bool:
    """Prolong a lease; False where it is not ours any more: stop at once."""
    changed = tx.execute(
        statements.RENEW[tx.is_postgresql], {"lease": lease_ms, "id": held.link_id, "token": held.token}
    )
    return bool(changed.rowcount)


def finish(
    tx: Transaction,
    held: Claim,
    *,
    next_ms: int | None,
    values: Mapping[str, Any],
    pull_at_ms: int | None = None,
) -> bool:
    """Give a link back; due now where it was woken meanwhile, else at ``next_ms``. False: it was lost.

    ``pull_at_ms`` is what ``pull_at`` was when the run began: a new one is stored only where nobody has asked
    for another pull since.
    """
    seen = {"b_pull_at": pull_at_ms} if "pull_at" in values else {}
    row = statements.finish(tx, values).one(
        tx, **values, **seen, b_id=held.link_id, b_token=held.token, b_wake=held.wake, b_next_ms=next_ms
    )
    if row is None:
        return False
    if row[0] != held.wake:
        tx.hint_work()
    return True


def holds(tx: Transaction, held: Claim) -> bool:
    """Return whether the lease is still ours; PostgreSQL keeps it so until the transaction ends."""
    query = statements.HOLDS[tx.is_postgresql]
    return query.one(tx, b_id=held.link_id, b_token=held.token) is not None


def change_held(tx: Transaction, held: Claim, values: Mapping[str, Any]) -> bool:
    """Change columns of a link that we hold; False where the lease was lost."""
    statement = statements.change_held(values)
    return statement.one(tx, **values, b_id=held.link_id, b_token=held.token) is not None


def fence(tx: Transaction, link_id: LinkId) -> None:
    """Take the lease from whoever has it: its run stops at its next step and records nothing more."""
    tx.execute(update(link).where(link.c.id == link_id).values(token=link.c.token + 1))


def release_all(tx: Transaction, claims: Iterable[Claim]) -> None:
    """Give links back that were claimed and not begun; they stay due."""
    clock = statements.CLOCK[tx.is_postgresql]
    for held in claims:
        tx.execute(
            text(f"UPDATE link SET lease_until = NULL, due_at = {clock} WHERE id = :id AND token = :token"),  # noqa: S608 - constants
            {"id": held.link_id, "token": held.token},
        )
    tx.hint_work()


def sweep(tx: Transaction) -> int:
    """Make links due whose calendar is ahead of them although nobody woke them; return how many."""
    clock = statements.CLOCK[tx.is_postgresql]
    swept = tx.execute(
        text(
            f"UPDATE link SET due_at = {clock} WHERE is_runnable AND lease_until IS NULL"  # noqa: S608 - constants
            f" AND (due_at IS NULL OR due_at > {clock}) AND direction <> 'pull'"
            " AND id IN (SELECT link.id FROM link JOIN calendar ON calendar.id = link.calendar_id"
            " WHERE pushed_seq < seq AND is_runnable AND lease_until IS NULL"
            f"{' ORDER BY link.id FOR NO KEY UPDATE OF link SKIP LOCKED' if tx.is_postgresql else ''})"
        )
    )
    count: int = swept.rowcount
    return count


def next_due_ms(tx: Transaction, *, polls_at_ms: int = 1) -> int | None:
    """Return how many milliseconds remain until a link can be claimed; 0 for now, None for never.

    ``polls_at_ms``: those that only have to ask their provider are looked for at multiples of it, together.
    """
    if statements.ANY_DUE[tx.is_postgresql].one(tx) is not None:
        return 0
    ((due,),) = statements.NEXT_DUE[tx.is_postgresql].rows(tx, grid=polls_at_ms)
    return None if due is None else max(1, int(due))


# -- accounts that must wait --------------------------------------------------------------------------


def lock_of_account(tx: Transaction, account_id: AccountId) -> None:
    """Lock every link of an account by id, so that no two transactions wait for each other."""
    if tx.is_postgresql:
        tx.execute(_OF_ACCOUNT, {"b_account_id": account_id}).all()


def delay_account(tx: Transaction, account_id: AccountId, *, delay_ms: int) -> None:
    """Let no link of an account run before ``delay_ms`` have passed; wake-ups do not shorten it."""
    lock_of_account(tx, account_id)
    until = clock_ms(tx) + delay_ms
    tx.execute(
        update(link)
        .where(link.c.account_id == account_id, link.c.not_before < until)
        .values(not_before=until)
    )


def wake_account(tx: Transaction, account_id: AccountId) -> None:
    """Make every link of an account due now, whatever it waited for."""
    lock_of_account(tx, account_id)
    tx.execute(
        update(link)
        .where(link.c.account_id == account_id)
        .values(due_at=clock_ms(tx), not_before=0, fails=0, wake=link.c.wake + 1)
    )
    tx.hint_work()


def refresh_runnable(tx: Transaction, account_id: AccountId) -> None:
    """Bring ``is_runnable`` in line with the states of an account and its links."""
    lock_of_account(tx, account_id)
    state = select(account.c.state).where(account.c.id == account_id).scalar_subquery()
    runs = [each.value for each in LinkState if each.runs]
    tx.execute(
        update(link)
        .where(link.c.account_id == account_id)
        .values(is_runnable=link.c.state.in_(runs) & (state == "connected"))
    )


# -- rows ---------------------------------------------------------------------------------------------


QUERY = (  # of whole links; callers add conditions
    select(
        link,
        remote_calendar.c.remote_id.label("remote_id"),
        remote_calendar.c.name.label("remote_name"),
        account.c.provider.label("provider"),
    )
    .join(remote_calendar, remote_calendar.c.id == link.c.remote_calendar_id)
    .join(account, account.c.id == link.c.account_id)
)
_BY_ID = Hot(QUERY.where(link.c.id == bindparam("b_id")))
_OF_ACCOUNT = (
    select(link.c.id)
    .where(link.c.account_id == bindparam("b_account_id"))
    .order_by(link.c.id)
    .with_for_update(key_share=True)
)


def link_from_row(row: Row[Any] | SimpleNamespace) -> Link:
    """Build the link from a row of this module's query."""
    return Link(
        id=LinkId(row.id),
        uuid=row.uuid,
        calendar_id=CalendarId(row.calendar_id),
        account_id=AccountId(row.account_id),
        remote_calendar_id=row.remote_calendar_id,
        remote_id=row.remote_id,
        remote_name=row.remote_name,
        provider=row.provider,
        direction=Direction(row.direction),
        role=Role(row.role),
        policy=policy_from_json(row.policy),
        state=LinkState(row.state),
        reason=row.reason,
        pushed_seq=row.pushed_seq,
        cursor=row.cursor,
        is_full=bool(row.is_full),
        window_from=row.window_from,
        window_to=row.window_to,
        pull_at_ms=row.pull_at,
        due_at_ms=row.due_at,
        not_before_ms=row.not_before,
        token=row.token,
        wake=row.wake,
        fails=row.fails,
        error=row.error,
        done=row.done,
        total=row.total,
        synced_at_utc=row.synced_at_utc,
        compared_at_utc=row.compared_at_utc,
        kept_seq=row.kept_seq or 0,
    )


def get(tx: Transaction, link_id: LinkId) -> Link | None:
    """Return a link, or None."""
    for cells in _BY_ID.cells(tx, b_id=link_id):
        return link_from_row(SimpleNamespace(**cells))
    return None


def by_uuid(tx: Transaction, prefix: str) -> list[Link]:
    """Return the links whose uuid begins so: none, one, or several."""
    rows = tx.execute(QUERY.where(func.substr(link.c.uuid, 1, len(prefix)) == prefix).limit(2))
    return [link_from_row(row) for row in rows]


def listing(
    tx: Transaction,
    *,
    calendar_id: CalendarId | None = None,
    account_id: AccountId | None = None,
    remote_calendar_ids: Sequence[int] | None = None,
) -> list[Link]:
    """Return links in the order they were made."""
    query = QUERY.order_by(link.c.id)
    if calendar_id is not None:
        query = query.where(link.c.calendar_id == calendar_id)
    if account_id is not None:
        query = query.where(link.c.account_id == account_id)
    if remote_calendar_ids is not None:
        query = query.where(link.c.remote_calendar_id.in_(remote_calendar_ids))
    return [link_from_row(row) for row in tx.execute(query)]


def insert_one(tx: Transaction, values: Mapping[str, Any]) -> LinkId:
    """Insert a link that is due now and return its id."""
    now = clock_ms(tx)
    defaults: dict[str, Any] = {
        "pushed_seq": 0,
        "is_full": True,
        "pull_at": 0,
        "due_at": now,
        "not_before": 0,
        "token": 0,
        "wake": 0,
        "fails": 0,
        "done": 0,
        "total": 0,
    }
    statement = insert(link).values(**(defaults | dict(values))).returning(link.c.id)
    return LinkId(tx.execute(statement).scalar_one())


def change(tx: Transaction, link_id: LinkId, values: Mapping[str, Any]) -> None:
    """Change columns of a link and make it due, so that a worker sees it."""
    tx.execute(
        update(link).where(link.c.id == link_id).values(due_at=clock_ms(tx), wake=link.c.wake + 1, **values)
    )
    tx.hint_work()


def remove(tx: Transaction, link_id: LinkId) -> None:
    """Delete a link with its mappings, busy periods and log."""
    tx.execute(delete(link).where(link.c.id == link_id))


def behind(tx: Transaction, link_ids: Sequence[LinkId]) -> dict[LinkId, int]:
    """Return by how many changes links lag behind their calendars."""
    query = (
        select(link.c.id, calendar.c.seq - link.c.pushed_seq)
        .join(calendar, calendar.c.id == link.c.calendar_id)
        .where(link.c.id.in_(link_ids))
    )
    return {LinkId(row[0]): int(row[1]) for row in tx.execute(query)}
