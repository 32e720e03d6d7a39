"""The statements by which links are woken, claimed, renewed and finished, for both engines (engine.md §3.4).

Built once: they run for every change and every poll. ``links`` says what they are for.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, bindparam, case, literal_column, null, select, text, update

from gateway.store.hot import Hot
from gateway.store.schema_sync import link, mapping, parked_object, sync_plan

CLOCK = {
    True: "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS bigint)",
    False: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}
_SCANNED = 1000  # due links looked at by one claim
_BOTH = (False, True)
NOW = {each: text(f"SELECT {CLOCK[each]}") for each in _BOTH}
_OF_CALENDAR = "FROM link WHERE calendar_id = :calendar_id AND direction <> 'pull'"
WAKE = {
    each: text(
        f"UPDATE link SET due_at = {'least' if each else 'min'}"  # noqa: S608 - constants
        f"(coalesce(due_at, {CLOCK[each]}), {CLOCK[each]}), wake = wake + 1"
        # Locked by id, as the worker does: in any other order the two could wait for each other.
        f" WHERE id IN (SELECT id {_OF_CALENDAR}{' ORDER BY id FOR NO KEY UPDATE' if each else ''})"
    )
    for each in _BOTH
}


def _ready(clock: str) -> str:
    return (
        f"is_runnable AND due_at <= {clock} AND not_before <= {clock}"
        f" AND (lease_until IS NULL OR lease_until < {clock})"
    )


def _claim_text(clock: str, locking: str) -> str:
    # The first part only ranks; the second decides again on the row it has locked.
    return f"""
        WITH r AS (
            SELECT id, due_at, row_number() OVER (PARTITION BY account_id ORDER BY due_at, id) AS place,
                (SELECT count(*) FROM link x
                 WHERE x.account_id = w.account_id AND x.lease_until >= {clock}) AS running
            FROM (
                SELECT id, due_at, account_id FROM link WHERE {_ready(clock)} ORDER BY due_at LIMIT {_SCANNED}
            ) w
        ), c AS (
            SELECT l.id FROM link l JOIN r ON r.id = l.id
            WHERE r.place + r.running <= :per_account AND l.is_runnable AND l.due_at <= {clock}
              AND l.not_before <= {clock} AND (l.lease_until IS NULL OR l.lease_until < {clock})
            ORDER BY r.due_at LIMIT :limit{locking}
        )
        UPDATE link SET lease_until = {clock} + :lease, due_at = {clock} + :lease, token = token + 1
        WHERE id IN (SELECT id FROM c)
        RETURNING id, account_id, token, wake
        """  # noqa: S608 - constants


CLAIM = {
    each: text(_claim_text(CLOCK[each], " FOR UPDATE OF l SKIP LOCKED" if each else "")) for each in _BOTH
}
RENEW = {
    each: text(
        # Never one that was given back a moment ago: nobody could run the link until that lease ends.
        f"UPDATE link SET lease_until = {CLOCK[each]} + :lease"  # noqa: S608 - constants
        " WHERE id = :id AND token = :token AND lease_until IS NOT NULL"
    )
    for each in _BOTH
}
CHANGE_HELD = update(link).where(link.c.id == bindparam("b_id"), link.c.token == bindparam("b_token"))
FINISH = {
    each: CHANGE_HELD.values(
        lease_until=null(),
        due_at=case(
            (link.c.wake != bindparam("b_wake"), literal_column(CLOCK[each], BigInteger)),
            else_=bindparam("b_next_ms", type_=BigInteger),
        ),
    ).returning(link.c.wake)
    for each in _BOTH
}
_HELD = select(link.c.id).where(link.c.id == bindparam("b_id"), link.c.token == bindparam("b_token"))
HOLDS = {True: Hot(_HELD.with_for_update()), False: Hot(_HELD)}
# What a run has to look at and what it may pass over, beside the clock, in one statement.
_MAPPED = select(mapping.c.id).where(mapping.c.link_id == bindparam("b_id"), mapping.c.is_dirty)
_PARKED = select(parked_object.c.ref).where(parked_object.c.link_id == bindparam("b_id"))
_PLANNED = select(sync_plan.c.id).where(
    sync_plan.c.link_id == bindparam("b_id"), sync_plan.c.state == "approved"
)
SIGNS = {
    each: Hot(
        select(
            literal_column(CLOCK[each], BigInteger).label("now_ms"),
            _MAPPED.exists().label("has_dirty"),
            _PARKED.exists().label("has_parked"),
            _PLANNED.exists().label("has_plan"),
        )
    )
    for each in _BOTH
}
# Whether one can be claimed now; else when the first may be: of those that are due the waits count.
ANY_DUE = {each: Hot(text(f"SELECT 1 FROM link WHERE {_ready(CLOCK[each])} LIMIT 1")) for each in _BOTH}  # noqa: S608 - constants
NEXT_DUE = {
    each: Hot(
        text(
            f"""
        SELECT min(at) - {CLOCK[each]} FROM (
            SELECT min(due_at) AS at FROM link WHERE is_runnable AND due_at > {CLOCK[each]}
            UNION ALL
            SELECT min({"greatest" if each else "max"}(not_before, coalesce(lease_until, 0)))
            FROM link WHERE is_runnable AND due_at <= {CLOCK[each]}
        ) d
        """  # noqa: S608 - constants
        )
    )
    for each in _BOTH
}
