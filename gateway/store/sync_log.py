"""What links did and what is left lying: runs, log lines, parked objects, plans.

No text of events, but for what a write has replaced: kept for undo, and cleared after 30 days.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from gateway.domain.link_model import LinkId
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema_sync import link_log, parked_object, sync_plan, sync_run

HERE, THERE = "here", "there"
UNDOABLE = (
    "create", "update", "delete", "take-new", "take-change", "take-delete", "revive", "put-back", "take-back",
)  # fmt: skip
_BEGIN_RUN = Hot(insert(sync_run).returning(sync_run.c.id), ("link_id", "cause", "started_at_utc", "counts"))
_NOTE_RUN = Hot(
    insert(sync_run).returning(sync_run.c.id),
    ("link_id", "cause", "started_at_utc", "ended_at_utc", "outcome", "counts"),
)
_END_RUN = update(sync_run).where(sync_run.c.id == bindparam("b_id"))
_APPEND = insert(link_log)
_LINE = [column.name for column in link_log.c if column.name != "id"]
_COLUMNS = dict.fromkeys(_LINE).keys()
_APPEND_ONE = Hot(_APPEND, _LINE)
_PARKED = select(parked_object).where(parked_object.c.link_id == bindparam("link_id"))
_PARKED_ON = _PARKED.where(parked_object.c.side == bindparam("side"))
_NEWEST_PLAN = (
    select(sync_plan)
    .where(sync_plan.c.link_id == bindparam("link_id"), sync_plan.c.state == bindparam("state"))
    .order_by(sync_plan.c.id.desc())
)


def begin_run(tx: Transaction, link_id: LinkId, *, cause: str, now: datetime) -> int:
    """Note that a run began; return its id."""
    ((run_id,),) = _BEGIN_RUN.rows(tx, link_id=link_id, cause=cause, started_at_utc=now, counts={})
    return int(run_id)


def note_run(
    tx: Transaction,
    link_id: LinkId,
    *,
    cause: str,
    started_at: datetime,
    outcome: str,
    counts: Mapping[str, int],
    now: datetime,
) -> int:
    """Note a whole run at its end; return its id."""
    ((run_id,),) = _NOTE_RUN.rows(
        tx,
        link_id=link_id,
        cause=cause,
        started_at_utc=started_at,
        ended_at_utc=now,
        outcome=outcome[:32],
        counts=dict(counts),
    )
    return int(run_id)


def end_run(tx: Transaction, run_id: int, *, outcome: str, counts: Mapping[str, int], now: datetime) -> None:
    """Note how a run ended."""
    values = {"ended_at_utc": now, "outcome": outcome[:32], "counts": dict(counts)}
    tx.execute(_END_RUN, values | {"b_id": run_id})


def runs(tx: Transaction, link_id: LinkId, *, limit: int = 20) -> list[dict[str, Any]]:
    """Return the newest runs first."""
    query = select(sync_run).where(sync_run.c.link_id == link_id).order_by(sync_run.c.id.desc()).limit(limit)
    return [dict(row._mapping) for row in tx.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name


def append(tx: Transaction, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write log lines."""
    if len(lines) == 1 and lines[0].keys() == _COLUMNS:
        _APPEND_ONE.run(tx, **lines[0])
    elif lines:
        tx.execute(_APPEND, [dict(line) for line in lines])


_TOLD = [each for each in link_log.c if each.name != "before"]


def run(tx: Transaction, link_id: LinkId, run_id: int | None) -> dict[str, Any] | None:
    """Return one run of a link, or the newest that wrote something; None for none."""
    query = select(sync_run).where(sync_run.c.link_id == link_id)
    if run_id is not None:
        query = query.where(sync_run.c.id == run_id)
    else:
        wrote = select(link_log.c.run_id).where(
            link_log.c.link_id == link_id, link_log.c.action.in_(UNDOABLE), link_log.c.run_id.is_not(None)
        )
        query = query.where(sync_run.c.id.in_(wrote))
    row = tx.execute(query.order_by(sync_run.c.id.desc()).limit(1)).first()
    return dict(row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's public name


def writes_of(tx: Transaction, link_id: LinkId, run_id: int) -> list[dict[str, Any]]:
    """Return what a run wrote on either side, the oldest first, with the texts that it replaced."""
    query = select(link_log).where(
        link_log.c.link_id == link_id, link_log.c.run_id == run_id, link_log.c.action.in_(UNDOABLE)
    )
    rows = tx.execute(query.order_by(link_log.c.id))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def forget_texts(tx: Transaction, *, before: datetime) -> int:
    """Clear the texts that undo needs once they are too old for it; return of how many lines."""
    statement = update(link_log).where(link_log.c.at_utc < before, link_log.c.before.is_not(None))
    count: int = tx.execute(statement.values(before=None)).rowcount
    return count


def lines(
    tx: Transaction, link_id: LinkId, *, limit: int = 100, uid: str | None = None
) -> list[dict[str, Any]]:
    """Return the newest log lines first, without any text."""
    query = select(*_TOLD).where(link_log.c.link_id == link_id).order_by(link_log.c.id.desc()).limit(limit)
    if uid is not None:
        query = query.where(link_log.c.uid == uid)
    return [dict(row._mapping) for row in tx.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name


def prune(tx: Transaction, *, before: datetime) -> int:
    """Forget old runs and log lines; return how many lines went."""
    tx.execute(delete(sync_run).where(sync_run.c.started_at_utc < before))
    count: int = tx.execute(delete(link_log).where(link_log.c.at_utc < before)).rowcount
    return count


# -- parked objects -----------------------------------------------------------------------------------


def park(
    tx: Transaction, link_id: LinkId, side: str, ref: str, *, content_hash: str, reason: str, now: datetime
) -> int:
    """Put an object aside with its reason; return how often it was tried with this content."""
    key = (
        parked_object.c.link_id == link_id,
        parked_object.c.side == side,
        parked_object.c.ref == ref,
    )
    row = tx.execute(select(parked_object.c.content_hash, parked_object.c.tries).where(*key)).one_or_none()
    if row is None:
        tx.execute(
            insert(parked_object).values(
                link_id=link_id,
                side=side,
                ref=ref,
                content_hash=content_hash,
                reason=reason,
                tries=1,
                since_utc=now,
                tried_at_utc=now,
            )
        )
        return 1
    tries = row.tries + 1 if row.content_hash == content_hash else 1
    tx.execute(
        update(parked_object)
        .where(*key)
        .values(content_hash=content_hash, reason=reason, tries=tries, tried_at_utc=now)
    )
    return int(tries)


def unpark(tx: Transaction, link_id: LinkId, side: str, refs: Iterable[str]) -> None:
    """Take objects back from the side."""
    wanted = list(refs)
    if wanted:
        tx.execute(
            delete(parked_object).where(
                parked_object.c.link_id == link_id,
                parked_object.c.side == side,
                parked_object.c.ref.in_(wanted),
            )
        )


def parked(
    tx: Transaction, link_id: LinkId, side: str | None = None
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is parked by (side, ref)."""
    wanted: dict[str, object] = {"link_id": link_id}
    query = _PARKED
    if side is not None:
        query, wanted["side"] = _PARKED_ON, side
    return {(row.side, row.ref): dict(row._mapping) for row in tx.execute(query, wanted)}  # noqa: SLF001 - SQLAlchemy's public name


def count_parked(tx: Transaction, link_id: LinkId) -> int:
    """Return how many objects are parked."""
    query = select(func.count()).select_from(parked_object).where(parked_object.c.link_id == link_id)
    total: int = tx.execute(query).scalar_one()
    return total


# -- plans --------------------------------------------------------------------------------------------


def open_plan(
    tx: Transaction, link_id: LinkId, *, reason: str, items: Sequence[Mapping[str, Any]], now: datetime
) -> str:
    """Store a plan that waits for a person, in the place of the one that waited; return its uuid."""
    tx.execute(
        update(sync_plan)
        .where(sync_plan.c.link_id == link_id, sync_plan.c.state == "open")
        .values(state="stale")
    )
    plan_uuid = str(uuid.uuid4())
    tx.execute(
        insert(sync_plan).values(
            uuid=plan_uuid,
            link_id=link_id,
            reason=reason,
            state="open",
            items=[dict(item) for item in items],
            created_at_utc=now,
        )
    )
    return plan_uuid


def plan(tx: Transaction, plan_uuid: str) -> dict[str, Any] | None:
    """Return a plan by the beginning of its uuid, or None."""
    query = select(sync_plan).where(func.substr(sync_plan.c.uuid, 1, len(plan_uuid)) == plan_uuid)
    row = tx.execute(query.order_by(sync_plan.c.id.desc())).first()
    return dict(row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's public name


def newest_plan(tx: Transaction, link_id: LinkId, *, state: str) -> dict[str, Any] | None:
    """Return the newest plan of a link in one state, or None."""
    row = tx.execute(_NEWEST_PLAN, {"link_id": link_id, "state": state}).first()
    return dict(row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's public name


def decide_plan(tx: Transaction, plan_id: int, *, state: str, actor: str, now: datetime) -> None:
    """Note what became of a plan."""
    tx.execute(
        update(sync_plan)
        .where(sync_plan.c.id == plan_id)
        .values(state=state, decided_at_utc=now, decided_by=actor[:255])
    )
