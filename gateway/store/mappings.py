"""Mappings: what each link knows about each object at the provider."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Dict
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, null, select, update

from gateway.domain.link_model import Link, LinkId, Mapping
from gateway.store.database import Transaction
from gateway.store.hot import Hot
from gateway.store.schema_sync import link, mapping

_BATCH = 500
_OF_LINK = select(mapping).where(mapping.c.link_id == bindparam("link_id"))
_BY_UIDS = _OF_LINK.where(mapping.c.uid.in_(bindparam("wanted", expanding=True)))
_BY_UID = Hot(_OF_LINK.where(mapping.c.uid == bindparam("uid")))
_BY_REMOTE_IDS = _OF_LINK.where(mapping.c.remote_id.in_(bindparam("wanted", expanding=True)))
_HAS_DIRTY = Hot(
    select(mapping.c.id).where(mapping.c.link_id == bindparam("link_id"), mapping.c.is_dirty).limit(1)
)
_UPDATE = update(mapping).where(
    mapping.c.link_id == bindparam("b_link_id"), mapping.c.uid == bindparam("b_uid")
)
_UPDATE_BY_COLUMNS: dict[tuple[str, ...], Hot] = {}
_INSERT = insert(mapping)
_DEFAULTS: Dict[str, object] = {
    "memo": b"",
    "is_ours": False,
    "has_guests": False,
    "is_dirty": False,
    "state": "ok",
}
_FREE_REMOTE_ID = (
    update(mapping)
    .where(
        mapping.c.link_id == bindparam("b_link_id"),
        mapping.c.remote_id == bindparam("b_remote_id"),
        mapping.c.uid != bindparam("b_uid"),
    )
    .values(remote_id=null())
)


def mapping_from_row(row: Row[Any] | SimpleNamespace) -> Mapping:
    """Build the mapping from a whole row."""
    sent = bytes(row.sent)
    return Mapping(
        id=row.id,
        uid=row.uid,
        state=row.state,
        remote_id=row.remote_id,
        version=row.version,
        memo=bytes(row.memo),
        sent=sent,
        sent_hash=row.sent_hash,
        base=bytes(row.base) if row.base is not None else sent,
        base_hash=row.base_hash,
        drift_hash=row.drift_hash,
        is_ours=bool(row.is_ours),
        has_guests=bool(row.has_guests),
        is_dirty=bool(row.is_dirty),
    )


def by_uids(tx: Transaction, link_id: LinkId, uids: Iterable[str]) -> dict[str, Mapping]:
    """Return mappings by UID."""
    wanted = list(dict.fromkeys(uids))
    if len(wanted) == 1:
        found = _BY_UID.cells(tx, link_id=link_id, uid=wanted[0])
        return {cells["uid"]: mapping_from_row(SimpleNamespace(**cells)) for cells in found}
    return {one.uid: one for one in _many(tx, link_id, _BY_UIDS, wanted)}


def by_remote_ids(tx: Transaction, link_id: LinkId, remote_ids: Iterable[str]) -> dict[str, Mapping]:
    """Return mappings by remote id."""
    found = _many(tx, link_id, _BY_REMOTE_IDS, remote_ids)
    return {one.remote_id: one for one in found if one.remote_id is not None}


def dirty(tx: Transaction, link_id: LinkId, *, limit: int, after_uid: str = "") -> list[str]:
    """Return UIDs that must be sent again, in order."""
    query = select(mapping.c.uid).where(
        mapping.c.link_id == link_id, mapping.c.is_dirty, mapping.c.uid > after_uid
    )
    return list(tx.execute(query.order_by(mapping.c.uid).limit(limit)).scalars())


def has_dirty(tx: Transaction, link_id: LinkId) -> bool:
    """Return whether anything must be sent again."""
    return _HAS_DIRTY.one(tx, link_id=link_id) is not None


def page(tx: Transaction, link_id: LinkId, *, after_id: int = 0, limit: int = _BATCH) -> list[Mapping]:
    """Return mappings in the order of their ids."""
    query = (
        select(mapping)
        .where(mapping.c.link_id == link_id, mapping.c.id > after_id)
        .order_by(mapping.c.id)
        .limit(limit)
    )
    return [mapping_from_row(row) for row in tx.execute(query)]


def uids_page(tx: Transaction, link_id: LinkId, *, after_uid: str, limit: int = _BATCH) -> list[str]:
    """Return UIDs that have a mapping, in order."""
    query = select(mapping.c.uid).where(mapping.c.link_id == link_id, mapping.c.uid > after_uid)
    return list(tx.execute(query.order_by(mapping.c.uid).limit(limit)).scalars())


def remote_ids(tx: Transaction, link_id: LinkId) -> set[str]:
    """Return every remote id that is mapped."""
    query = select(mapping.c.remote_id).where(mapping.c.link_id == link_id, mapping.c.remote_id.is_not(None))
    return set(tx.execute(query).scalars())


def count(tx: Transaction, link_id: LinkId) -> int:
    """Return how many copies a link has."""
    query = select(func.count()).select_from(mapping).where(mapping.c.link_id == link_id)
    total: int = tx.execute(query).scalar_one()
    return total


def save(tx: Transaction, link_id: LinkId, uid: str, values: Dict[str, Any]) -> None:
    """Insert or change one mapping; a base equal to what was sent is stored once."""
    values = _lean(values)
    if not _update_of(values).count(tx, **values, b_link_id=link_id, b_uid=uid):
        tx.execute(_INSERT, {**_DEFAULTS, **values} | {"link_id": link_id, "uid": uid})


def save_many(tx: Transaction, link_id: LinkId, rows: Dict[str, Dict[str, Any]]) -> None:
    """Change mappings by UID, each in the same columns; see ``save``."""
    if not rows:
        return
    if len(rows) == 1:
        ((uid, values),) = rows.items()
        save(tx, link_id, uid, values)
        return
    parts = [{**_lean(values), "b_link_id": link_id, "b_uid": uid} for uid, values in rows.items()]
    if tx.execute(_UPDATE, parts).rowcount != len(parts):
        for uid, values in rows.items():
            save(tx, link_id, uid, values)


def add_many(tx: Transaction, link_id: LinkId, rows: Dict[str, Dict[str, Any]]) -> None:
    """Insert mappings by UID, each with the same columns; none of them is there."""
    if rows:
        parts = [
            {**_DEFAULTS, **_lean(values)} | {"link_id": link_id, "uid": uid} for uid, values in rows.items()
        ]
        tx.execute(_INSERT, parts)


def _update_of(columns: Iterable[str]) -> Hot:
    """Return the change of these columns of one mapping; a handful of sets of them exists in the code."""
    key = tuple(columns)
    if key not in _UPDATE_BY_COLUMNS:
        given = {name: bindparam(name, type_=mapping.c[name].type) for name in key}
        _UPDATE_BY_COLUMNS[key] = Hot(_UPDATE.values(**given))
    return _UPDATE_BY_COLUMNS[key]


def _lean(values: Dict[str, Any]) -> dict[str, Any]:
    if "base" in values and values["base"] == values.get("sent"):
        return {**values, "base": None}
    return dict(values)


def drop(tx: Transaction, link_id: LinkId, uid: str) -> None:
    """Forget one mapping."""
    tx.execute(delete(mapping).where(mapping.c.link_id == link_id, mapping.c.uid == uid))


def free_remote_ids(tx: Transaction, link_id: LinkId, uid_of: Dict[str, str]) -> None:
    """Take remote ids from whatever objects hold them beside those named, so that they can be mapped anew."""
    parts = [
        {"b_link_id": link_id, "b_remote_id": remote_id, "b_uid": uid} for remote_id, uid in uid_of.items()
    ]
    if parts:
        tx.execute(_FREE_REMOTE_ID, parts)


def mark_dirty(tx: Transaction, link_id: LinkId, *, is_forced: bool = False) -> int:
    """Have every copy of a link compared and sent again where it differs; return how many there are.

    ``is_forced`` sends them even where they do not: what a copy is dressed in is not part of its text.
    """
    values: dict[str, Any] = {"is_dirty": True}
    if is_forced:
        values["sent_hash"] = ""
    total: int = tx.execute(update(mapping).where(mapping.c.link_id == link_id).values(**values)).rowcount
    return total


def _many(tx: Transaction, link_id: LinkId, query: Any, values: Iterable[str]) -> Iterator[Mapping]:
    wanted = list(dict.fromkeys(values))
    for start in range(0, len(wanted), _BATCH):
        for row in tx.execute(query, {"link_id": link_id, "wanted": wanted[start : start + _BATCH]}):
            yield mapping_from_row(row)


def held_by_others(tx: Transaction, one: Link, remote_ids: Iterable[str]) -> set[str]:
    """Return which of these events other links to the same remote calendar have written."""
    wanted = list(remote_ids)
    found: set[str] = set()
    for start in range(0, len(wanted), _BATCH):
        query = (
            select(mapping.c.remote_id)
            .join(link, link.c.id == mapping.c.link_id)
            .where(
                link.c.remote_calendar_id == one.remote_calendar_id,
                link.c.id != one.id,
                mapping.c.remote_id.in_(wanted[start : start + _BATCH]),
            )
        )
        found.update(tx.execute(query).scalars())
    return found
