"""Three-way merge of one object that was changed here and there since both sides agreed.

Field by field: what only they changed is taken, what only we changed stays, and where both changed the same
field ours stays and the field is named, so that a ticket can keep theirs (rules.md, Providers). Four texts
are compared, not three, because a provider rewrites what it is given: ``sent`` against ``ours`` says what
changed here, ``base`` (the provider's answer to ``sent``) against ``theirs`` what changed there. The result
is written into the full stored object, so that nothing is lost that the provider never saw.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.fingerprint import (
    FIELD_PROPERTIES,
    MASTER,
    REMINDERS,
    TIME,
    Canonical,
    canonical,
    differing,
)
from gateway.domain.ical import parse_object
from gateway.domain.line_edit import drop, events, to_bytes, tree_of
from gateway.domain.line_tree import LineComponent

_NOT_TAKEN_PROPERTIES = ("ATTENDEE", "ORGANIZER")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """What a merge came to.

    Attributes:
        ical: the stored object with their changes; None where there was nothing to take.
        taken: fields that were taken from them.
        disputed: fields that both sides changed, or that cannot be taken; ours stands.
    """

    ical: bytes | None
    taken: frozenset[str]
    disputed: frozenset[str]


def merge(
    *,
    stored: bytes,
    ours: bytes,
    sent: bytes,
    base: bytes,
    theirs: bytes,
    untakeable: frozenset[str] = frozenset(),
) -> Merge:
    """Merge their changes into the stored object.

    Args:
        stored: the whole object here.
        ours: what would be sent for it now.
        sent: what was sent last.
        base: what the provider made of ``sent``.
        theirs: what the provider has now.
        untakeable: fields that a copy shows differently (template, privacy), so that an edit there
            cannot be brought back.
    """
    mine = differing(canonical(sent), canonical(ours))
    form_theirs = canonical(theirs)
    other = differing(canonical(base), form_theirs)
    target, source = tree_of(stored), tree_of(theirs)
    work = _Work(stored=canonical(stored), theirs=form_theirs, target=target, source=source)
    taken: set[str] = set()
    disputed: set[str] = set()
    targets, sources = _named(stored, target), _named(theirs, source)
    for name, fields in sorted(other.items()):
        for field in sorted(fields - {REMINDERS}):
            is_ours = field in mine.get(name, ()) or "component" in mine.get(name, ())
            if work.is_equal(name, field):
                continue
            if is_ours or field in untakeable:
                disputed.add(field)
            elif field == "component":
                _take_component(name, targets, sources, work, untakeable)
                taken.add(field)
            elif name in targets and name in sources:
                _take_field(field, targets[name], sources[name])
                taken.add(field)
            else:
                disputed.add(field)
    if not taken:
        return Merge(ical=None, taken=frozenset(), disputed=frozenset(disputed))
    _take_zones(target, source)
    return Merge(ical=to_bytes(target), taken=frozenset(taken), disputed=frozenset(disputed))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    stored: Canonical
    theirs: Canonical
    target: LineComponent
    source: LineComponent

    def is_equal(self, name: str, field: str) -> bool:
        """Return whether both sides have come to the same value on their own."""
        if field == "component":
            return (name in self.stored) == (name in self.theirs)
        if name not in self.stored or name not in self.theirs:
            return False
        return self.stored[name].get(field) == self.theirs[name].get(field)


def _named(ical: bytes, tree: LineComponent) -> dict[str, LineComponent]:
    """Return the components of the tree under their canonical names."""
    forms = canonical(ical)
    parsed = parse_object(ical, max_bytes=len(ical))
    found = events(tree)
    masters = [one for one in found if one.first("RECURRENCE-ID") is None]
    overrides = [one for one in found if one.first("RECURRENCE-ID") is not None]
    ordered = (masters if parsed.master is not None else []) + overrides
    return dict(zip(forms, ordered, strict=True))


def _take_field(field: str, target: LineComponent, source: LineComponent) -> None:
    names = FIELD_PROPERTIES[field]
    drop(target, names)
    target.lines.extend((name, line) for name, line in source.lines if name in names)


def _take_component(
    name: str,
    targets: dict[str, LineComponent],
    sources: dict[str, LineComponent],
    work: _Work,
    untakeable: frozenset[str],
) -> None:
    if name not in sources:
        work.target.children.remove(targets.pop(name))
        return
    source = sources[name]
    model = targets.get(MASTER)
    copy = LineComponent(source.name, list(source.lines), [])
    drop(copy, _NOT_TAKEN_PROPERTIES)
    uid = model.first("UID") if model is not None else None
    if uid is not None:
        drop(copy, ("UID",))
        copy.lines.insert(0, ("UID", uid))
    for field in untakeable:
        drop(copy, FIELD_PROPERTIES.get(field, ()))
        if model is not None:
            copy.lines.extend(
                (key, line) for key, line in model.lines if key in FIELD_PROPERTIES.get(field, ())
            )
    work.target.children.append(copy)
    targets[name] = copy


def _take_zones(target: LineComponent, source: LineComponent) -> None:
    known = {child.word("TZID") for child in target.children if child.name == "VTIMEZONE"}
    used = {
        part.upper()
        for component in events(target)
        for name, line in component.lines
        if name in FIELD_PROPERTIES[TIME] or name == "RECURRENCE-ID"
        for part in [_tzid(line)]
        if part
    }
    missing = [
        child for child in source.children if child.name == "VTIMEZONE" and child.word("TZID") in used - known
    ]
    target.children[:0] = missing


def _tzid(line: str) -> str:
    head = line.partition(":")[0]
    for part in head.split(";")[1:]:
        key, _, value = part.partition("=")
        if key.upper() == "TZID":
            return value.strip('"')
    return ""
