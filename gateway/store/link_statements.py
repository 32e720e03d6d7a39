"""The statements by which links are woken, claimed, renewed and finished, for both engines (engine.md §3.4).

Built once: they run for every change and every poll. ``links`` says what they are for.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    bindparam,
    case,
    literal_column,
    null,
    select,
    text,
    update,
)

from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema_sync import link

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
    each: Hot(text(_claim_text(CLOCK[each], " FOR UPDATE OF l SKIP LOCKED" if each else "")))
    for each in _BOTH
}
RENEW = {
    each: text(
        # Never one that was given back a moment ago: nobody could run the link until that lease ends.
        f"UPDATE link SET lease_until = {CLOCK[each]} + :lease"  # noqa: S608 - constants
        " WHERE id = :id AND token = :token AND lease_until IS NOT NULL"
    )
    for each in _BOTH
}
_OF_HOLDER = update(link).where(link.c.id == bindparam("b_id"), link.c.token == bindparam("b_token"))
_GIVEN_BACK = {
    each: _OF_HOLDER.values(
        lease_until=null(),
        due_at=case(
            (link.c.wake != bindparam("b_wake"), literal_column(CLOCK[each], BigInteger)),
            else_=bindparam("b_next_ms", type_=BigInteger),
        ),
    ).returning(link.c.wake)
    for each in _BOTH
}
_HELD_BY_COLUMNS: dict[tuple[str, ...], Hot] = {}
_FINISH_BY_COLUMNS: dict[tuple[bool, tuple[str, ...]], Hot] = {}


def change_held(columns: Iterable[str]) -> Hot:
    """Return the change of these columns by the holder of the lease; it returns the id where that is true."""
    key = tuple(columns)
    if key not in _HELD_BY_COLUMNS:
        _HELD_BY_COLUMNS[key] = Hot(_OF_HOLDER.values(**_given(key)).returning(link.c.id))
    return _HELD_BY_COLUMNS[key]


def finish(tx: Transaction, columns: Iterable[str]) -> Hot:
    """Return the giving back of a link with these columns; it returns ``wake`` where the lease was held."""
    key = (tx.is_postgresql, tuple(columns))
    if key not in _FINISH_BY_COLUMNS:
        given: dict[str, ColumnElement[object]] = dict(_given(key[1]))
        if "pull_at" in given:
            # Asked for while the run was under way: what the run has read may be older than that.
            is_asked = link.c.pull_at != bindparam("b_pull_at", type_=BigInteger)
            given["pull_at"] = case((is_asked, link.c.pull_at), else_=given["pull_at"])
        _FINISH_BY_COLUMNS[key] = Hot(_GIVEN_BACK[tx.is_postgresql].values(**given))
    return _FINISH_BY_COLUMNS[key]


def _given(columns: Iterable[str]) -> dict[str, BindParameter[object]]:
    # A handful of sets of columns exists in the code, so that few statements are ever made.
    return {name: bindparam(name, type_=link.c[name].type) for name in columns}


_HELD = select(link.c.id).where(link.c.id == bindparam("b_id"), link.c.token == bindparam("b_token"))
HOLDS = {True: Hot(_HELD.with_for_update(key_share=True)), False: Hot(_HELD)}
# Whether one can be claimed now; else when the first may be: of those that are due the waits count.
ANY_DUE_TEXT = {each: f"SELECT 1 FROM link WHERE {_ready(CLOCK[each])} LIMIT 1" for each in _BOTH}  # noqa: S608 - constants
ANY_DUE = {each: Hot(text(ANY_DUE_TEXT[each])) for each in _BOTH}
_NEXT = 100  # of the next ones; a retry behind so many polls waits for theirs
_LOOKED_FOR = (
    "CASE WHEN fails = 0 AND due_at = pull_at THEN (due_at + :grid - 1) / :grid * :grid ELSE due_at END"
)
NEXT_DUE = {
    each: Hot(
        text(
            f"""
        SELECT min(at) - {CLOCK[each]} FROM (
            SELECT min({_LOOKED_FOR}) AS at FROM (
                SELECT due_at, pull_at, fails FROM link WHERE is_runnable AND due_at > {CLOCK[each]}
                ORDER BY due_at LIMIT {_NEXT}
            ) n
            UNION ALL
            SELECT min({"greatest" if each else "max"}(not_before, coalesce(lease_until, 0)))
            FROM link WHERE is_runnable AND due_at <= {CLOCK[each]}
        ) d
        """  # noqa: S608 - constants
        )
    )
    for each in _BOTH
}
