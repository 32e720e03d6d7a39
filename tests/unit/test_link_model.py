"""Settings of links, templates, what leaves for a provider, when to try again: all of it pure."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import InvalidInput
from gateway.domain.inbound import inbound
from gateway.domain.link_model import AccountState, GuestsIn, LinkPolicy, LinkState, policy_from_json
from gateway.domain.model import CalendarId, CalendarObject, Classification, ObjectId, ObjectKind
from gateway.domain.outbound import Sight, outbound, wanted
from gateway.domain.sync_model import guard_trips
from gateway.domain.templates import check_template, render
from gateway.providers import errors
from gateway.sync.retry import back_off_s, verdict

NOW = datetime(2026, 3, 2, tzinfo=UTC)
CANARY = "canary"


def stored(*lines: str, kind: ObjectKind = ObjectKind.BOOKING) -> CalendarObject:
    ical = "\r\n".join(
        [
            "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:u", "DTSTAMP:20260101T000000Z",
            "DTSTART:20260310T090000Z", "DTEND:20260310T100000Z", *lines, "END:VEVENT", "END:VCALENDAR", "",
        ]
    ).encode()  # fmt: skip
    return CalendarObject(
        id=ObjectId(1), calendar_id=CalendarId(1), href="u.ics", uid="u", component="VEVENT", etag='"e"',
        ical=ical, seq=1, kind=kind, classification=Classification.PUBLIC, revision=0, created_at_utc=NOW,
        modified_at_utc=NOW,
    )  # fmt: skip


def shown(one: CalendarObject, **settings: object) -> str:
    policy = LinkPolicy().changed(dict(settings))
    return outbound(one, Sight(policy=policy, resource_name="Room")).decode()


class TestPolicy:
    def test_it_survives_its_own_json(self) -> None:
        policy = LinkPolicy().changed(
            {
                "kinds": "booking",
                "fields": "location",
                "color": "#ABCDEF",
                "back_link": "no",
                "drift": "revert",
            }
        )
        assert policy_from_json(policy.as_json()) == policy
        assert LinkPolicy().as_json() == {}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("no_such", "1"),
            ("past_days", "-1"),
            ("future_days", "much"),
            ("drift", "sometimes"),
            ("color", "red"),
            ("fields", "location,secret"),
            ("kinds", "party"),
            ("kinds", ""),
            ("back_link", "maybe"),
            ("placeholder", "  "),
            ("title", "{nothing}"),
            ("title", "{title"),
            ("description", "{title.__class__}"),
            ("description", "x" * 3000),
        ],
    )
    def test_a_wrong_setting_is_refused_with_a_sentence(self, name: str, value: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            LinkPolicy().changed({name: value})
        assert str(caught.value).endswith((".", "?"))

    def test_every_setting_can_be_given_as_text(self) -> None:
        default = LinkPolicy()
        for each in fields(LinkPolicy):
            value = getattr(default, each.name)
            text = ",".join(value) if isinstance(value, tuple) else ("" if value is None else str(value))
            assert getattr(default.changed({each.name: text}), each.name) == value


class TestTemplates:
    @given(st.text(max_size=200))
    def test_a_template_is_refused_or_renders(self, template: str) -> None:
        try:
            check_template(template)
        except InvalidInput:
            return
        assert "canary" not in render(template, {"secret": "canary"})

    def test_braces_and_fields(self) -> None:
        check_template("{{{title}}} in {resource}")
        assert render("{{{title}}} in {resource}", {"title": "{kind}", "resource": "R"}) == "{{kind}} in R"


class TestOutbound:
    def test_pain_14_guests_never_leave(self) -> None:
        one = stored("SUMMARY:T", f"ATTENDEE:mailto:{CANARY}@x", f"ORGANIZER:mailto:{CANARY}@x")
        assert CANARY not in shown(one)
        assert CANARY in shown(one, sends_guests="yes")

    @pytest.mark.parametrize("label", ["PRIVATE", "CONFIDENTIAL", "X-STRANGE"])
    def test_private_objects_show_nothing(self, label: str) -> None:
        text = shown(
            stored(f"SUMMARY:{CANARY}", f"LOCATION:{CANARY}", f"DESCRIPTION:{CANARY}", f"CLASS:{label}")
        )
        assert CANARY not in text
        assert "SUMMARY:Busy" in text

    def test_unknown_properties_never_leave(self) -> None:
        text = shown(
            stored("SUMMARY:T", f"X-SECRET:{CANARY}", f"ATTACH:http://{CANARY}", f"COMMENT:{CANARY}")
        )
        assert CANARY not in text

    def test_levels_and_templates(self) -> None:
        one = stored("SUMMARY:Visit\\, long", "LOCATION:Here", "DESCRIPTION:Text")
        assert "LOCATION" not in shown(one, privacy_out="titles")
        assert "SUMMARY:Busy" in shown(one, privacy_out="busy")
        assert "SUMMARY:Room: Visit\\, long" in shown(one, title="{resource}: {title}")
        assert "SUMMARY:Busy" in shown(stored())

    def test_pain_16_no_reminders_unless_wanted(self) -> None:
        one = stored(
            "SUMMARY:T", "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT5M", "DESCRIPTION:x", "END:VALARM"
        )
        assert "VALARM" not in shown(one)
        assert "VALARM" in shown(one, reminders="keep")

    def test_what_is_wanted(self) -> None:
        policy = LinkPolicy().changed({"kinds": "booking"})
        assert wanted(stored(), policy)
        assert not wanted(stored(kind=ObjectKind.BLOCK), policy)
        assert not wanted(stored("STATUS:CANCELLED"), policy)


def test_guests_come_in_as_text_or_not_at_all() -> None:
    ical = stored("SUMMARY:T", "ATTENDEE;CN=Ada:mailto:ada@x", "ORGANIZER:mailto:b@x").ical
    assert b"ada" not in inbound(ical, guests=GuestsIn.IGNORE).lower()
    kept = inbound(ical, guests=GuestsIn.TEXT)
    assert b"DESCRIPTION:Ada" in kept
    assert b"ATTENDEE" not in kept


@pytest.mark.parametrize(
    ("deletions", "mappings", "trips"), [(10, 10, False), (11, 11, True), (11, 55, False), (12, 55, True)]
)
def test_the_guard_needs_both_a_number_and_a_share(deletions: int, mappings: int, trips: bool) -> None:
    assert guard_trips(deletions, mappings) is trips


class TestRetry:
    spread = random.Random(1)

    @given(st.integers(0, 100))
    def test_back_off_is_bounded(self, fails: int) -> None:
        assert 0.2 <= back_off_s(fails, random.Random(fails)) <= 3600

    def test_pain_30_only_sign_in_errors_touch_the_account(self) -> None:
        for error in (errors.Unavailable(), errors.RateLimited(), errors.BadAnswer(), errors.CursorExpired()):
            found = verdict(error, fails=0, spread=self.spread)
            assert (found.account_state, found.link_state) == (None, None)
        expired = verdict(errors.SignInExpired(), fails=0, spread=self.spread)
        assert expired.account_state is AccountState.RECONNECT

    def test_pain_35_retry_after_is_obeyed_and_a_used_up_quota_waits_for_an_hour(self) -> None:
        assert verdict(errors.RateLimited(retry_after_s=77), fails=0, spread=self.spread).delay_s == 77
        found = verdict(errors.QuotaExhausted(), fails=0, spread=self.spread)
        assert found.delay_s >= 3600
        assert found.delays_account

    def test_a_bug_stops_the_link_at_its_third_time(self) -> None:
        assert verdict(KeyError("x"), fails=0, spread=self.spread).link_state is None
        found = verdict(KeyError("x"), fails=2, spread=self.spread)
        assert found.link_state is LinkState.BROKEN
        assert "x" not in found.message.replace("KeyError", "")
