"""Guests of events that come in, by the policy of their link: left out, named, or matched to people here."""

from __future__ import annotations

from gateway.domain.inbound import guest_addresses, inbound
from gateway.domain.link_model import GuestsIn, Link
from gateway.store import principals
from gateway.store.database import Transaction


def inbound_of(tx: Transaction, link: Link, ical: bytes, *, uid: str | None = None) -> bytes:
    """Return an object of a provider as this link keeps it; see ``inbound``."""
    guests = link.policy.guests_in
    people = principals.names_of_addresses(tx, guest_addresses(ical)) if guests is GuestsIn.PEOPLE else {}
    return inbound(ical, guests=guests, people=people, uid=uid)
