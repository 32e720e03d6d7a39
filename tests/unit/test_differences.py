"""What people read of a difference: values for those who may see them, names of fields for everybody."""

from __future__ import annotations

import pytest

from gateway.domain.differences import Change, Eyes, changes_between, eyes_of
from gateway.domain.model import Classification, Level
from tests.services.sync_world import event

BEFORE = event("a", "Planning", "20260310T090000Z", "LOCATION:Room 1", "CATEGORIES:one,two")
AFTER = event("a", "Budget", "20260310T100000Z", "CATEGORIES:two")


def test_fields_come_with_before_and_after_time_first() -> None:
    found = changes_between(BEFORE, AFTER, eyes=Eyes.ALL)
    assert [(one.field, one.before, one.after) for one in found] == [
        (
            "time",
            "20260310T090000Z to 20260310T100000Z",
            "20260310T100000Z to 20260310T110000Z",
        ),
        ("title", "Planning", "Budget"),
        ("categories", "one, two", "two"),
        ("location", "Room 1", None),
    ]


def test_a_new_and_a_gone_object_show_every_field_on_one_side() -> None:
    (time, title) = changes_between(None, event("a", "New"), eyes=Eyes.ALL)
    assert (time.before, title.before, title.after) == (None, None, "New")
    assert changes_between(event("a", "New"), None, eyes=Eyes.ALL)[1].after is None


@pytest.mark.parametrize("word", ["PRIVATE", "CONFIDENTIAL", "X-SECRET"])
def test_pain_48_private_text_is_named_and_not_shown(word: str) -> None:
    private = event("a", "Canary", "20260310T090000Z", f"CLASS:{word}", "LOCATION:Canary 2")
    for eyes in (Eyes.PUBLIC, Eyes.TIMES):
        found = changes_between(event("a", "Other"), private, eyes=eyes)
        assert {"title", "location", "class"} <= {one.field for one in found}
        assert "Canary" not in repr(found)
    assert "Canary" in repr(changes_between(None, private, eyes=Eyes.ALL))


def test_the_class_here_counts_where_a_provider_has_lost_it() -> None:
    found = changes_between(BEFORE, AFTER, eyes=Eyes.PUBLIC, floor=Classification.PRIVATE)
    assert {one.field for one in found if one.is_hidden} == {"title", "categories", "location"}
    assert next(one for one in found if one.field == "time").before is not None


def test_an_override_on_one_side_is_one_change() -> None:
    series = event("a", "S", "20260310T090000Z", "RRULE:FREQ=DAILY;COUNT=3")
    extra = (
        b"BEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260301T000000Z\r\nRECURRENCE-ID:20260311T090000Z\r\n"
        b"DTSTART:20260311T120000Z\r\nDTEND:20260311T130000Z\r\nSUMMARY:S\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    with_override = series.replace(b"END:VCALENDAR", extra)
    (found,) = changes_between(series, with_override, eyes=Eyes.ALL)
    assert found == Change(
        occurrence="20260311T090000Z",
        field="component",
        before=None,
        after="20260311T120000Z to 20260311T130000Z, UTC",
    )
    assert "FREQ=DAILY" in str(changes_between(None, series, eyes=Eyes.TIMES)[0].after)


def test_nonsense_is_told_without_its_text() -> None:
    (found,) = changes_between(b"nonsense", BEFORE, eyes=Eyes.ALL)
    assert (found.field, found.is_hidden) == ("component", True)


def test_long_values_are_cut() -> None:
    (found,) = [
        one for one in changes_between(None, event("a", "x" * 500), eyes=Eyes.ALL) if one.field == "title"
    ]
    assert found.after is not None
    assert len(found.after) == 200


def test_levels_give_eyes() -> None:
    assert [eyes_of(one) for one in (None, *Level)] == [
        Eyes.TIMES,
        Eyes.TIMES,
        Eyes.PUBLIC,
        Eyes.PUBLIC,
        Eyes.ALL,
    ]
