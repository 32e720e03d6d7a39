"""The planner: a pure function of (local, base, remote, policy). Deciding is here, doing elsewhere.

Content against base decides, never who wrote last: a change that comes back as its own echo is equal to the
base and leads to nothing, whatever its version says.
"""

from __future__ import annotations

from gateway.domain.errors import InvalidInput
from gateway.domain.fingerprint import REMINDERS, canonical, differing, field_names
from gateway.domain.link_model import LEFT, Drift, Link, Mapping
from gateway.domain.merge import merge
from gateway.domain.sync_model import Act, Decision, LocalView, RemoteView

_QUIET = frozenset({REMINDERS})  # personal settings of whoever looks at the copy


def decide(link: Link, mapping: Mapping | None, local: LocalView | None, remote: RemoteView) -> Decision:
    """Return what one remote item leads to.

    Args:
        link: direction, role and policy.
        mapping: what was agreed; found by remote id, else by the marker.
        local: the object here, None where there is none.
        remote: what the provider says.
    """
    if remote.is_other_links:
        return Decision(act=Act.IGNORE)
    if remote.problem is not None:
        return Decision(act=Act.PARK, reason=remote.problem)
    if remote.is_gone:
        return _gone(link, mapping, local)
    if not link.pushes:
        return _only_read(remote)
    if mapping is not None and mapping.remote_id in {None, remote.remote_id}:
        return _known(link, mapping, local, remote)
    if remote.is_ours:
        return _marked(mapping, local, remote)
    if link.takes and not (remote.is_away or remote.is_hidden or remote.is_declined):
        return Decision(act=Act.TAKE_NEW)
    return Decision(act=Act.NOT_BUSY if remote.is_declined else Act.BUSY)


def _only_read(remote: RemoteView) -> Decision:
    # Our own copy, moved there by hand: a resource never blocks itself. A marker that we cannot place is of
    # another instance, and takes time like anybody's event.
    is_own = remote.is_ours and remote.uid is not None
    return Decision(act=Act.NOT_BUSY if is_own or remote.is_declined else Act.BUSY)


def _marked(mapping: Mapping | None, local: LocalView | None, remote: RemoteView) -> Decision:
    if mapping is not None:
        return Decision(act=Act.TWIN, reason="twin")
    if local is not None or remote.uid is not None:
        # A UID without an object is one whose deletion is in our log: adopted, it is deleted there, too.
        return Decision(act=Act.ADOPT)
    return Decision(act=Act.ORPHAN, reason="orphan")


def _gone(link: Link, mapping: Mapping | None, local: LocalView | None) -> Decision:
    if mapping is None:
        return Decision(act=Act.NOT_BUSY)
    if local is None or not local.is_wanted:
        return Decision(act=Act.FORGET)
    if mapping.state == LEFT and mapping.drift_hash == "":
        return Decision(act=Act.ECHO)  # a person has undone the copy
    if link.takes:
        if local.is_kept or local.ours_hash == mapping.sent_hash:
            return Decision(act=Act.TAKE_DELETE)
        return Decision(act=Act.RECREATE, reason="delete-edit")
    if link.policy.drift is Drift.REVERT:
        return Decision(act=Act.RECREATE)
    if mapping.drift_hash == "":
        return Decision(act=Act.ECHO)
    return Decision(act=Act.REPORT, reason="deleted-there")


def _known(link: Link, mapping: Mapping, local: LocalView | None, remote: RemoteView) -> Decision:
    if remote.guests and not mapping.has_guests:
        return Decision(act=Act.GUESTS, reason="guests")
    if mapping.remote_id is None:
        # A create whose answer we never saw: whatever is there now is compared with what we sent.
        return Decision(act=Act.ADOPT)
    if remote.is_unfinished and local is not None and local.is_wanted:
        # What we were about to write there, half done: neither an edit nor an echo.
        return Decision(act=Act.RESEND)
    if remote.content_hash == mapping.base_hash:
        return Decision(act=Act.ECHO, clears_drift=mapping.drift_hash is not None)
    fields = _changed_fields(mapping.base, remote.ical or b"")
    if fields <= _QUIET:
        return Decision(act=Act.AGREE)
    names = tuple(sorted(fields))
    if link.takes:
        return _edited_there(mapping, local, remote, names)
    if local is not None and remote.content_hash == local.ours_hash:
        return Decision(act=Act.ADOPT, clears_drift=mapping.drift_hash is not None)
    if local is None or not local.is_wanted:
        return Decision(act=Act.ECHO)  # the copy is about to go; the version must be right for that
    if link.policy.drift is Drift.REVERT:
        return Decision(act=Act.RESEND, reason=None, fields=names)
    if mapping.drift_hash == remote.content_hash:
        return Decision(act=Act.ECHO, fields=names)
    reason = "proposed" if link.policy.drift is Drift.PROPOSE else "changed-there"
    return Decision(act=Act.REPORT, reason=reason, fields=names)


def _edited_there(
    mapping: Mapping, local: LocalView | None, remote: RemoteView, names: tuple[str, ...]
) -> Decision:
    if local is None:
        return Decision(act=Act.REVIVE, reason="delete-edit", fields=names)
    if local.ours is None:
        return Decision(act=Act.REPORT, reason="changed-there", fields=names)
    try:
        merged = merge(
            stored=local.stored.ical,
            ours=local.ours,
            # What only the settings have made different was not edited here.
            sent=local.ours if local.is_kept else mapping.sent,
            base=mapping.base,
            theirs=remote.ical or b"",
            untakeable=local.untakeable,
        )
    except (InvalidInput, ValueError):
        return Decision(act=Act.REPORT, reason="unmergeable", fields=names)
    reason = "both-changed" if merged.disputed else None
    fields = tuple(sorted(merged.taken | merged.disputed))
    if merged.ical is None:
        # Nothing to take: both came to the same, or every field is disputed and ours stands.
        return Decision(act=Act.RESEND if merged.disputed else Act.ADOPT, reason=reason, fields=fields)
    return Decision(act=Act.TAKE_CHANGE, reason=reason, fields=fields, merge=merged)


def _changed_fields(base: bytes, remote: bytes) -> set[str]:
    try:
        return set(field_names(differing(canonical(base), canonical(remote))))
    except InvalidInput:
        return {"component"}
