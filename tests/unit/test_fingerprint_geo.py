"""A place on the globe is a field like any other, readable or not."""

from __future__ import annotations

import pytest

from gateway.domain.fingerprint import canonical, differing
from gateway.domain.merge import merge
from tests.services.sync_world import event


def at(geo: str, title: str = "Visit") -> bytes:
    return event("a", title, "20260310T090000Z", f"GEO:{geo}")


@pytest.mark.parametrize("geo", ["52.5;13.4", "nowhere", "1;2;3"])
def test_an_event_with_a_place_is_compared_and_merged(geo: str) -> None:
    """Found by the corpus: GEO is written as text and not as bytes, and an edit there stopped the whole link."""
    assert differing(canonical(at(geo)), canonical(at("48.1;11.6"))) == {"": {"geo"}}
    assert differing(canonical(at(geo)), canonical(at(geo))) == {}
    old, new = event("a", "Visit"), event("a", "Retitled")
    stored = at(geo)
    merged = merge(stored=stored, ours=old, sent=old, base=old, theirs=new, untakeable=frozenset())
    assert merged.ical is not None
    assert b"SUMMARY:Retitled" in merged.ical
    assert f"GEO:{geo}".encode() in merged.ical
