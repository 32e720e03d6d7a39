"""Settings that links inherit: the built-in ones, those of all resources, the resource's, the link's own.

What is in force is kept with each link, so that a run reads one row. It is made anew wherever a layer
changes, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.domain.errors import InvalidInput
from gateway.domain.link_model import Link, LinkId, LinkPolicy
from gateway.domain.model import Calendar, CalendarId
from gateway.services import link_settings
from gateway.store import audit, link_defaults
from gateway.store import links as link_store
from gateway.store import mappings as mapping_store
from gateway.store.database import Transaction

BUILT_IN, ALL, RESOURCE, LINK = "built in", "all resources", "resource", "link"
_NEVER = frozenset({"sends_guests"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """One setting as it is in force, and the layer that it comes from."""

    name: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What a change of defaults reaches: links whose settings become others, and their copies.

    Attributes:
        policies: what each of these links would have or has now; no part of what is compared.
    """

    links: int
    copies: int
    policies: Mapping[LinkId, LinkPolicy] = field(default_factory=dict, compare=False)


def normal(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are stored, every one of them, those equal to the built-in ones as well.

    Raises:
        InvalidInput: an unknown setting or a value it cannot have.
    """
    policy = LinkPolicy().changed(dict(settings))
    return {name: _plain(getattr(policy, name)) for name in settings}


def policy_of(tx: Transaction, calendar_id: CalendarId, own: Mapping[str, Any]) -> LinkPolicy:
    """Return what is in force for a link of a calendar with these settings of its own."""
    policy = LinkPolicy()
    for layer in (link_defaults.get(tx, None), link_defaults.get(tx, calendar_id), own):
        policy = policy.changed(dict(layer))
    return policy


def own_with(
    tx: Transaction, found: Link, settings: Mapping[str, Any], *, unset: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a link's own settings with some changed and some given back to the defaults.

    Raises:
        InvalidInput: an unknown setting, or a value it cannot have.
    """
    own = link_defaults.own(tx, found.id) | normal(settings)
    for name in unset:
        _known(name)
        own.pop(name, None)
    return own


def policy_with(
    tx: Transaction, found: Link, settings: Mapping[str, Any], *, unset: Iterable[str] = ()
) -> LinkPolicy:
    """Return what would be in force for a link with these settings; as ``own_with``."""
    return policy_of(tx, found.calendar_id, own_with(tx, found, settings, unset=unset))


def explain(
    tx: Transaction, calendar_id: CalendarId | None, own: Mapping[str, Any] | None
) -> list[Inherited]:
    """Return every setting with its value and the layer that it comes from.

    Args:
        tx: the transaction.
        calendar_id: None shows what holds for all resources.
        own: the link's own settings; None shows what a new link would have.
    """
    layers = [(BUILT_IN, {}), (ALL, link_defaults.get(tx, None))]
    if calendar_id is not None:
        layers.append((RESOURCE, link_defaults.get(tx, calendar_id)))
    if own is not None:
        layers.append((LINK, dict(own)))
    policy = LinkPolicy()
    source = dict.fromkeys(LinkPolicy.names(), BUILT_IN)
    for name, layer in layers:
        policy = policy.changed(layer)
        source |= dict.fromkeys(layer, name)
    return [
        Inherited(name=each, value=_plain(getattr(policy, each)), source=source[each])
        for each in LinkPolicy.names()
    ]


def of_link(tx: Transaction, found: Link) -> list[Inherited]:
    """Return every setting of a link with the layer that it comes from."""
    return explain(tx, found.calendar_id, link_defaults.own(tx, found.id))


def change(
    tx: Transaction,
    calendar: Calendar | None,
    settings: Mapping[str, Any],
    *,
    unset: Iterable[str] = (),
    to_existing: bool,
    is_preview: bool = False,
    actor: str,
    now: datetime,
) -> Touched:
    """Change the defaults of all resources (``calendar`` None) or of one; links follow at once.

    A link keeps what was set for itself. ``to_existing`` brings the copies that are there to it as well;
    ``is_preview`` only counts.

    Raises:
        InvalidInput: an unknown setting, a wrong value, or one that is decided link by link.
    """
    calendar_id = None if calendar is None else calendar.id
    given = normal(settings)
    if refused := sorted(_NEVER & given.keys()):
        raise InvalidInput(f"{refused[0]} is set link by link, never for several at once.")
    before = link_defaults.get(tx, calendar_id)
    after = before | given
    for name in unset:
        _known(name)
        after.pop(name, None)
    reached = [
        (one, link_defaults.own(tx, one.id)) for one in link_store.listing(tx, calendar_id=calendar_id)
    ]
    # A preview writes and takes it back: the same layers decide in both cases.
    link_defaults.save(tx, calendar_id, after, now=now)
    changed = [
        (one, own, policy)
        for one, own in reached
        if (policy := policy_of(tx, one.calendar_id, own)) != one.policy
    ]
    touched = Touched(
        links=len(changed),
        copies=sum(mapping_store.count(tx, one.id) for one, _, _ in changed),
        policies={one.id: policy for one, _, policy in changed},
    )
    if is_preview:
        link_defaults.save(tx, calendar_id, before, now=now)
        return touched
    for one, own, policy in changed:
        values: dict[str, Any] = {"policy": policy.as_json(), "own": own}
        values |= link_settings.reach(tx, one, policy, to_existing=to_existing)
        link_store.change(tx, one.id, values)
    audit.record(
        tx,
        now=now,
        actor=actor,
        action="link.defaults-changed",
        target_kind="resource" if calendar else "instance",
        target=calendar.resource.uuid if calendar else "all",
        detail={"settings": sorted({*settings, *unset}), "links": touched.links, "to_existing": to_existing},
    )
    return touched


def _known(name: str) -> None:
    if name not in LinkPolicy.names():
        raise InvalidInput(
            f"There is no setting {name!r}; known are {', '.join(sorted(LinkPolicy.names()))}."
        )


def _plain(value: Any) -> Any:  # Any: a policy's field in, JSON out
    return list(value) if isinstance(value, tuple) else value
