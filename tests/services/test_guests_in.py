"""Guests of events that come in: left out, named in the text, or matched to people here."""

from __future__ import annotations

import pytest

from gateway.domain.inbound import guest_addresses, inbound
from gateway.domain.link_model import Direction, GuestsIn
from gateway.services import principals
from gateway.store.database import Database
from tests.conftest import NOW
from tests.services.sync_world import event, make

GUESTS = (
    'ATTENDEE;CN="Ada at work";PARTSTAT=ACCEPTED;RSVP=TRUE:mailto:ADA@example.org',
    "ATTENDEE;CN=Stranger:mailto:stranger@example.net",
    "ATTENDEE:urn:uuid:1",
    "ORGANIZER:mailto:ada@example.org",
)
THERE = event("x", "Visit", "20260310T090000Z", *GUESTS)


@pytest.mark.parametrize(
    ("setting", "has", "has_not"),
    [
        ("ignore", [], [b"ATTENDEE", b"ORGANIZER", b"Stranger"]),
        ("text", [b"Stranger"], [b"ATTENDEE", b"ORGANIZER"]),
        (
            "people",
            [b"PARTSTAT=ACCEPTED", b"mailto:ada@example.org", b"Ada Lovelace"],
            [b"ORGANIZER", b"stranger", b"Stranger", b"Ada at work", b"urn:uuid", b"RSVP"],
        ),
    ],
)
def test_guests_are_kept_as_the_link_says_and_nothing_goes_back(
    db: Database, setting: str, has: list[bytes], has_not: list[bytes]
) -> None:
    world = make(db, direction=Direction.BOTH, guests_in=setting)
    db.write(principals.add, "lovelace", name="Ada Lovelace", email="Ada@Example.org", now=NOW)
    world.server.person_adds("x", THERE, guests=True)
    for _ in range(3):
        world.compare()
        world.run()
    (stored,) = world.here().values()
    flat = stored.replace(b"\r\n ", b"")
    assert all(each in flat for each in has)
    assert not any(each in flat for each in has_not)
    assert world.server.writes == []


def test_a_persons_name_cannot_break_out_of_its_parameter() -> None:
    made = inbound(THERE, guests=GuestsIn.PEOPLE, people={"ada@example.org": 'A"\r\nSUMMARY:x'})
    assert b'CN="ASUMMARY:x"' in made.replace(b"\r\n ", b"")


def test_addresses_are_compared_without_case_and_other_addresses_are_no_mail() -> None:
    assert guest_addresses(THERE) == {"ada@example.org", "stranger@example.net"}
