"""``calgate resource``: people's schedules, rooms and equipment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import ACTOR, Operator, command, group, refuse
from gateway.domain.model import ConflictPolicy, ResourceKind

if TYPE_CHECKING:
    from gateway.domain.model import Resource

app = group("resource", "Resources: whatever has a schedule.")

Address = Annotated[
    str, typer.Argument(metavar="SLUG", help="Short name; LOGIN/SLUG for a calendar that a person made.")
]
Name = Annotated[str | None, typer.Option(help="Name that people see.")]
Zone = Annotated[str | None, typer.Option(help="IANA time zone; empty: that of the instance.")]
Color = Annotated[str | None, typer.Option(help="Colour as #rrggbb.")]
Location = Annotated[str | None, typer.Option(help="Where it is.")]
Capacity = Annotated[int | None, typer.Option(help="Bookings that it takes at the same time.")]
Seats = Annotated[int | None, typer.Option(help="Number of seats; 0: none.")]
OpeningHours = Annotated[str | None, typer.Option(help="Opening hours, as text.")]
Email = Annotated[str | None, typer.Option(help="Mail address.")]
Department = Annotated[str | None, typer.Option(help="Department; made at its first use.")]
Owner = Annotated[str | None, typer.Option(metavar="LOGIN", help="Person who manages it.")]
Policy = Annotated[ConflictPolicy | None, typer.Option(help="What a write into a taken slot meets.")]
BufferBefore = Annotated[
    int | None, typer.Option(metavar="MINUTES", help="Free time before a booking, in minutes.")
]
BufferAfter = Annotated[
    int | None, typer.Option(metavar="MINUTES", help="Free time after a booking, in minutes.")
]
Description = Annotated[str | None, typer.Option(help="What people should know.")]


@command(app, "add")
def add(
    op: Operator,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="Short name, as in links.")],
    kind: Annotated[ResourceKind, typer.Option(help="What it is.")],
    name: Name = None,
    zone: Zone = None,
    color: Color = None,
    location: Location = None,
    capacity: Capacity = None,
    seats: Seats = None,
    opening_hours: OpeningHours = None,
    email: Email = None,
    department: Department = None,
    owner: Owner = None,
    policy: Policy = None,
    buffer_before: BufferBefore = None,
    buffer_after: BufferAfter = None,
    description: Description = None,
) -> None:
    """Add a resource with its empty calendar."""
    from gateway.services import resources

    with op.database() as db:
        added = db.write(
            resources.add,
            slug,
            kind=kind,
            horizon=op.limits().horizon(op.now),
            now=op.now,
            actor=ACTOR,
            name=name, zone=zone, color=color, location=location, capacity=capacity, seats=seats,
            opening_hours=opening_hours, email=email, department=department, owner=owner, policy=policy,
            buffer_before_s=_seconds(buffer_before), buffer_after_s=_seconds(buffer_after),
            description=description,
        )  # fmt: skip
        shown = _as_dict(added, slug, owner)
    op.show(shown, f"Added {slug} ({added.kind}, {added.zone}).")


@command(app, "list")
def list_(
    op: Operator,
    kind: Annotated[ResourceKind | None, typer.Option(help="Only these.")] = None,
    personal: Annotated[
        bool, typer.Option("--personal", help="Also the calendars that people made themselves.")
    ] = False,
) -> None:
    """List resources."""
    from gateway.services import Transaction, resources

    def read(tx: Transaction) -> list[dict[str, object]]:
        found = resources.list_(tx, kind=kind, with_personal=personal)
        owners = resources.owner_logins(tx, found)
        return [_listed(each, owners.get(each.owner_id or 0)) for each in found]

    with op.database() as db:
        rows = db.read(read)
    op.table(
        rows,
        ("slug", "kind", "name", "zone", "department", "policy"),
        empty="There are no resources yet. Add one with: calgate resource add SLUG --kind room",
    )


@command(app, "show")
def show(op: Operator, address: Address) -> None:
    """Show everything about one resource."""
    from gateway.services import Transaction, resources

    def read(tx: Transaction) -> dict[str, object]:
        found = resources.get(tx, address)
        owner = resources.owner_logins(tx, [found]).get(found.owner_id or 0)
        return _listed(found, owner)

    with op.database() as db:
        shown = db.read(read)
    op.show(shown, "\n".join(f"{key:15} {value}" for key, value in shown.items() if value is not None))


@command(app, "set")
def set_(
    op: Operator,
    address: Address,
    kind: Annotated[ResourceKind | None, typer.Option(help="What it is.")] = None,
    name: Name = None,
    zone: Zone = None,
    color: Color = None,
    location: Location = None,
    capacity: Capacity = None,
    seats: Seats = None,
    opening_hours: OpeningHours = None,
    email: Email = None,
    department: Department = None,
    owner: Owner = None,
    policy: Policy = None,
    buffer_before: BufferBefore = None,
    buffer_after: BufferAfter = None,
    description: Description = None,
) -> None:
    """Change a resource; an empty value clears what may be empty."""
    from gateway.services import Transaction, resources

    given = {
        "kind": kind, "name": name, "zone": zone, "color": color, "location": location, "capacity": capacity,
        "seats": seats, "opening_hours": opening_hours, "email": email, "department": department,
        "owner": owner, "policy": policy, "buffer_before_s": _seconds(buffer_before),
        "buffer_after_s": _seconds(buffer_after), "description": description,
    }  # fmt: skip
    if all(value is None for value in given.values()):
        raise refuse("Nothing to change was given; see `calgate resource set --help`.")

    def change(tx: Transaction) -> dict[str, object]:
        changed = resources.set_(tx, address, limits=op.limits(), now=op.now, actor=ACTOR, **given)
        return _listed(changed, resources.owner_logins(tx, [changed]).get(changed.owner_id or 0))

    with op.database() as db:
        shown = db.write(change)
    op.show(shown, f"Changed {address}.")


@command(app, "remove")
def remove(
    op: Operator,
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a resource with its calendar and everything in it."""
    from gateway.services import resources

    with op.database() as db:
        db.read(resources.get, address)
        _confirm(f"Remove {address} with its whole calendar?", yes=yes or op.is_json)
        db.write(resources.remove, address, now=op.now, actor=ACTOR)
    op.show({"slug": address, "removed": True}, f"Removed {address}.")


def _confirm(question: str, *, yes: bool) -> None:
    import sys

    if yes or not sys.stdin.isatty():
        return
    if not typer.confirm(question):
        raise refuse("Nothing was changed.")


def _seconds(minutes: int | None) -> int | None:
    return None if minutes is None else minutes * 60


def _listed(resource: Resource, owner: str | None) -> dict[str, object]:
    address = f"{owner}/{resource.slug}" if resource.is_personal else resource.slug
    return _as_dict(resource, address, owner)


def _as_dict(resource: Resource, address: str, owner: str | None) -> dict[str, object]:
    return {
        "slug": address,
        "uuid": resource.uuid,
        "kind": resource.kind.value,
        "name": resource.name,
        "zone": resource.zone,
        "has_own_zone": resource.has_own_zone,
        "is_personal": resource.is_personal,
        "owner": owner,
        "department": resource.department,
        "policy": resource.policy.value,
        "capacity": resource.capacity,
        "seats": resource.seats,
        "buffer_before_s": resource.buffer_before_s,
        "buffer_after_s": resource.buffer_after_s,
        "color": resource.color,
        "location": resource.location,
        "opening_hours": resource.opening_hours,
        "email": resource.email,
        "description": resource.description,
    }
