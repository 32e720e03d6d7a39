"""Undo of a run: what it wrote, on which side, and whether that may still be taken back.

What a run wrote there is taken back there, and stays so until the object here changes again. What it wrote
here is taken back here, and goes out like any other change. Whatever has changed since is left alone and
named. An undo is a run with lines of its own, so it can be undone, too.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.domain.differences import classification_of
from gateway.domain.errors import InvalidInput, NotFound
from gateway.domain.fingerprint import canonical
from gateway.domain.link_model import LEFT, LinkId, LinkPolicy, Privacy
from gateway.domain.link_model import Mapping as CopyMapping
from gateway.domain.model import Classification
from gateway.domain.sync_model import LocalView
from gateway.providers.contract import Removed, Upsert
from gateway.services import objects as object_service
from gateway.services.guests_in import inbound_of
from gateway.services.sync_context import RunContext, begin_run, content_hash, held, log_line, views
from gateway.services.sync_put import put_here
from gateway.services.undo_text import UNDO_LIFE, pack, unpack
from gateway.store import deleted, sync_log
from gateway.store import mappings as mapping_store
from gateway.store import objects as object_store
from gateway.store.database import Transaction

_FROM_NOTHING = frozenset({"create", "take-new", "revive"})


class Way(enum.StrEnum):
    """How one object is brought back to what it was before the run."""

    REMOVE_THERE = "delete"
    WRITE_THERE = "update"
    SEND_AGAIN = "create"
    PUT_HERE = "put-back"
    REMOVE_HERE = "take-back"

    @property
    def side(self) -> str:
        """Return on which side it happens first."""
        return sync_log.HERE if self in {Way.PUT_HERE, Way.REMOVE_HERE} else sync_log.THERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One object that can be brought back.

    Attributes:
        before: its text before the run; empty where it was not there.
        base_hash: what must still be there.
        local: the object here as the link sees it now.
    """

    way: Way
    uid: str
    remote_id: str | None = None
    before: bytes = field(default=b"", repr=False)
    base_hash: str = ""
    local: LocalView | None = field(default=None, repr=False)
    mapping: CopyMapping | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One object that is left as it is, and why."""

    side: str
    uid: str
    why: str

    def as_json(self) -> dict[str, str]:
        """Return it as commands show it."""
        return {"side": self.side, "uid": self.uid, "why": self.why}


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoPlan:
    """What an undo would do."""

    run_id: int
    cause: str
    started_at_utc: datetime
    steps: tuple[Step, ...]
    refused: tuple[Refused, ...]


def runs(tx: Transaction, link_id: LinkId, *, limit: int = 20) -> list[dict[str, Any]]:
    """Return the newest runs of a link that had something to do, with what each did."""
    return sync_log.runs(tx, link_id, limit=limit)


def plan(tx: Transaction, ctx: RunContext, run_id: int | None, *, now: datetime) -> UndoPlan:
    """Return what undoing a run, or the newest that wrote something, would do.

    Raises:
        NotFound: there is no such run.
        InvalidInput: it is too long ago, or still at work.
    """
    run = sync_log.run(tx, ctx.link.id, run_id)
    if run is None:
        raise NotFound("This link has no such run; `calgate link runs` lists them.")
    if now - run["started_at_utc"] > UNDO_LIFE:
        raise InvalidInput(f"Runs can be undone for {UNDO_LIFE.days} days; this one is older.")
    steps: list[Step] = []
    refused: list[Refused] = []
    for side, uid, lines in _grouped(sync_log.writes_of(tx, ctx.link.id, run["id"])):
        found = _Look(tx, ctx, uid).judge(side, lines)
        if isinstance(found, Step):
            steps.append(found)
        elif found is not None:
            refused.append(found)
    return UndoPlan(
        run_id=run["id"],
        cause=run["cause"],
        started_at_utc=run["started_at_utc"],
        steps=tuple(steps),
        refused=tuple(refused),
    )


def _grouped(lines: Sequence[dict[str, Any]]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Return the lines by side and object; what was written on both sides is taken back here only."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        groups.setdefault((line["side"], line["uid"]), []).append(line)
    return [
        (side, uid, found)
        for (side, uid), found in groups.items()
        if side == sync_log.HERE or (sync_log.HERE, uid) not in groups
    ]


class _Look:
    """One object of a run as it is now."""

    def __init__(self, tx: Transaction, ctx: RunContext, uid: str) -> None:
        self._tx, self._ctx, self._uid = tx, ctx, uid
        found, known = views(tx, ctx, [uid])
        self._local, self._mapping = found.get(uid), known.get(uid)
        self._stored = object_store.by_uid(tx, ctx.link.calendar_id, uid)

    def judge(self, side: str, lines: list[dict[str, Any]]) -> Step | Refused | None:
        first, last = lines[0], lines[-1]
        was_nothing = first["action"] in _FROM_NOTHING or (
            first["action"] == "put-back" and first["before"] is None
        )
        if not was_nothing and first["before"] is None:
            return Refused(side=side, uid=self._uid, why="what it replaced was not kept")
        before = b"" if was_nothing else bytes(first["before"])
        if side == sync_log.HERE:
            return self._here(before, last)
        return self._there(before, last)

    def _here(self, before: bytes, last: Mapping[str, Any]) -> Step | Refused | None:
        is_there = self._stored is not None
        if last["after_etag"] is None:
            if is_there:
                return self._refuse(sync_log.HERE, "it is here again")
            return Step(way=Way.PUT_HERE, uid=self._uid, before=before) if before else None
        if self._stored is None or self._stored.etag != last["after_etag"]:
            return self._refuse(sync_log.HERE, "it has changed here since")
        way = Way.PUT_HERE if before else Way.REMOVE_HERE
        return Step(way=way, uid=self._uid, before=before, mapping=self._mapping)

    def _there(self, before: bytes, last: Mapping[str, Any]) -> Step | Refused | None:
        mapping = self._mapping
        if last["after_hash"] is None:
            return self._deleted_there(before, last["at_utc"])
        if mapping is None or mapping.remote_id is None or mapping.remote_id != last["remote_id"]:
            return self._refuse(sync_log.THERE, "its copy is not known any more")
        if mapping.has_guests:
            return self._refuse(sync_log.THERE, "people were invited to it there")
        if mapping.base_hash != last["after_hash"] or mapping.drift_hash is not None:
            return self._refuse(sync_log.THERE, "its copy has changed since")
        return Step(
            way=Way.WRITE_THERE if before else Way.REMOVE_THERE,
            uid=self._uid,
            remote_id=mapping.remote_id,
            before=before,
            base_hash=mapping.base_hash,
            local=self._local,
            mapping=mapping,
        )

    def _deleted_there(self, before: bytes, at: datetime) -> Step | Refused | None:
        mapping = self._mapping
        if not before:
            return None  # made and removed in one run
        is_away = mapping is not None and mapping.state == LEFT and mapping.drift_hash == ""
        if mapping is not None and not is_away:
            return self._refuse(sync_log.THERE, "it has a copy again")
        if self._stored is not None:
            return Step(way=Way.SEND_AGAIN, uid=self._uid, before=before, local=self._local, mapping=mapping)
        whole = deleted.find(self._tx, self._ctx.link.calendar_id, self._uid, until=at)
        if whole is not None:
            return Step(way=Way.PUT_HERE, uid=self._uid, before=pack(whole))
        # Of what went away before objects were kept, or with another link, only the copy is known.
        if not _is_whole(before, self._ctx.link.policy):
            return self._refuse(sync_log.THERE, "it is gone here, and its copy did not hold all of it")
        return Step(way=Way.PUT_HERE, uid=self._uid, before=before)

    def _refuse(self, side: str, why: str) -> Refused:
        return Refused(side=side, uid=self._uid, why=why)


def _is_whole(before: bytes, policy: LinkPolicy) -> bool:
    """Return whether a copy shows what its object said: no mask, and no template over the title."""
    plain = LinkPolicy()
    if policy.privacy_out is not Privacy.FULL or policy.title != plain.title:
        return False
    try:
        return classification_of(canonical(before)) is Classification.PUBLIC
    except InvalidInput:
        return False


# -- doing --------------------------------------------------------------------------------------------


def still_there(step: Step, item: object) -> str | None:
    """Return why a copy may not be touched as it is there now, or None."""
    if not isinstance(item, Upsert):
        return "its copy is gone there"
    if item.guests:
        return "people were invited to it there"
    try:
        is_same = content_hash(item.ical) == step.base_hash
    except InvalidInput:
        is_same = False
    return None if is_same else "its copy was changed there since"


def record_there(
    tx: Transaction, ctx: RunContext, step: Step, answer: Upsert | Removed, *, now: datetime
) -> None:
    """Record that a copy was brought back; it stays so until the object here changes.

    Raises:
        LeaseLost: somebody else has the link.
    """
    held(tx, ctx)
    begin_run(tx, ctx, now=now)
    mapping, local = step.mapping, step.local
    if mapping is None:
        return
    values: dict[str, Any] = {"is_dirty": False, "updated_at_utc": now}
    if local is not None and local.ours is not None:
        values |= {"sent": local.ours, "sent_hash": local.ours_hash, "base": mapping.base}
    after: str | None = None
    if isinstance(answer, Upsert):
        after = content_hash(answer.ical)
        values |= {
            "version": answer.version,
            "memo": answer.memo,
            "base": answer.ical,
            "base_hash": after,
            "state": "ok",
        }
    else:
        values |= {"state": LEFT, "drift_hash": ""}
    mapping_store.save(tx, ctx.link.id, step.uid, values)
    line = log_line(
        ctx,
        now=now,
        side=sync_log.THERE,
        action=step.way.value,
        uid=step.uid,
        remote_id=mapping.remote_id,
        before=mapping.base_hash,
        after=after,
        was=mapping.base,
    )
    sync_log.append(tx, [line])
    ctx.count(step.way.value)


def apply_here(tx: Transaction, ctx: RunContext, step: Step, *, now: datetime) -> Refused | None:
    """Bring one object back that needs no request: here, or by sending it again with the next run.

    Raises:
        LeaseLost: somebody else has the link.
    """
    held(tx, ctx)
    begin_run(tx, ctx, now=now)
    object_service.lock(tx, ctx.link.calendar_id)
    match step.way:
        case Way.SEND_AGAIN:
            _send_again(tx, ctx, step, now)
        case Way.PUT_HERE:
            _put_back(tx, ctx, step, now)
        case _:
            return _take_back(tx, ctx, step, now)
    return None


def _send_again(tx: Transaction, ctx: RunContext, step: Step, now: datetime) -> None:
    values = {
        "remote_id": None,
        "version": None,
        "sent": step.before,
        "sent_hash": "",
        "base": step.before,
        "base_hash": "",
        "drift_hash": None,
        "is_dirty": True,
        "is_ours": True,
        "state": "creating",
        "updated_at_utc": now,
    }
    mapping_store.save(tx, ctx.link.id, step.uid, values)
    ctx.count("send-again")


def _put_back(tx: Transaction, ctx: RunContext, step: Step, now: datetime) -> None:
    current = object_store.by_uid(tx, ctx.link.calendar_id, step.uid)
    kept = unpack(step.before) if step.before.startswith(b"{") else None
    if kept is not None:
        ical, href = kept.ical, kept.href
    else:
        ical, href = inbound_of(tx, ctx.link, step.before, uid=step.uid), None
    view = put_here(
        tx,
        ctx,
        ical,
        href=current.href if current is not None else href,
        is_theirs=False,
        now=now,
        kind=kept.kind if kept is not None else None,
        expires_at_utc=kept.expires_at_utc if kept is not None else None,
    )
    known = mapping_store.by_uids(tx, ctx.link.id, [step.uid]).get(step.uid)
    if known is not None and known.state == LEFT:
        mapping_store.save(tx, ctx.link.id, step.uid, {"state": "ok"})
    _log_here(
        tx,
        ctx,
        step,
        now,
        was=pack(current) if current is not None else None,
        after_etag=view.stored.etag,
    )


def _take_back(tx: Transaction, ctx: RunContext, step: Step, now: datetime) -> Refused | None:
    stored = object_store.by_uid(tx, ctx.link.calendar_id, step.uid)
    if stored is None:
        return Refused(side=sync_log.HERE, uid=step.uid, why="it is gone here")
    known = mapping_store.by_uids(tx, ctx.link.id, [step.uid]).get(step.uid)
    if known is not None and not known.is_ours:
        # What a person wrote there stays hers: it is only not taken in again before she changes it.
        mapping_store.save(tx, ctx.link.id, step.uid, {"state": LEFT, "is_dirty": False})
    object_service.delete(tx, ctx.link.calendar_id, stored.href, origin=ctx.origin, now=now)
    _log_here(tx, ctx, step, now, was=pack(stored), after_etag=None)
    return None


def _log_here(
    tx: Transaction, ctx: RunContext, step: Step, now: datetime, *, was: bytes | None, after_etag: str | None
) -> None:
    line = log_line(
        ctx,
        now=now,
        side=sync_log.HERE,
        action=step.way.value,
        uid=step.uid,
        remote_id=step.mapping.remote_id if step.mapping is not None else None,
        was=was,
        after_etag=after_etag,
    )
    sync_log.append(tx, [line])
    ctx.count(step.way.value)


def end(tx: Transaction, ctx: RunContext, *, refused: int, now: datetime) -> None:
    """End the undo's own run."""
    if ctx.run_id:
        counts = ctx.counts | ({"refused": refused} if refused else {})
        sync_log.end_run(tx, ctx.run_id, outcome="ok", counts=counts, now=now)
