"""The planner is pure and total: it answers every combination, and never deletes without cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.fingerprint import fingerprint
from gateway.domain.link_model import (
    AccountId,
    Direction,
    Drift,
    Link,
    LinkId,
    LinkPolicy,
    LinkState,
    Mapping,
    Role,
)
from gateway.domain.model import CalendarId
from gateway.domain.sync_model import Act, Decision, LocalView, RemoteView
from gateway.sync.plan import decide
from tests.unit.test_link_model import stored

VERSIONS = [stored(f"SUMMARY:{title}") for title in ("A", "B", "C")]
TEXTS = [one.ical for one in VERSIONS]
LINK = Link(
    id=LinkId(1), uuid="l", calendar_id=CalendarId(1), account_id=AccountId(1), remote_calendar_id=1,
    remote_id="cal", remote_name="Cal", provider="p", direction=Direction.PUSH, role=Role.TARGET,
    policy=LinkPolicy(), state=LinkState.ACTIVE, reason=None, pushed_seq=0, cursor=None, is_full=False,
    window_from=None, window_to=None, pull_at_ms=0, due_at_ms=None, not_before_ms=0, token=0, wake=0, fails=0,
    error=None, done=0, total=0, synced_at_utc=datetime(2026, 1, 1, tzinfo=UTC), compared_at_utc=None,
)  # fmt: skip

links = st.builds(
    lambda direction, drift: replace(
        LINK,
        direction=direction,
        role=Role.CONFLICT if direction is Direction.PULL else Role.TARGET,
        policy=replace(LinkPolicy(), drift=drift),
    ),
    st.sampled_from(Direction),
    st.sampled_from(Drift),
)
mappings = st.none() | st.builds(
    lambda sent, base, remote_id, drift, guests: Mapping(
        id=1, uid="u", state="ok", remote_id=remote_id, version="1", memo=b"", sent=sent,
        sent_hash=fingerprint(sent), base=base, base_hash=fingerprint(base), drift_hash=drift, is_ours=True,
        has_guests=guests, is_dirty=False,
    ),
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS),
    st.sampled_from(["r", None]),
    st.sampled_from([None, "", fingerprint(TEXTS[0])]),
    st.booleans(),
)  # fmt: skip
locals_ = st.none() | st.builds(
    lambda one, is_wanted: LocalView(
        stored=one, ours=one.ical, ours_hash=fingerprint(one.ical), is_wanted=is_wanted
    ),
    st.sampled_from(VERSIONS),
    st.booleans(),
)
remotes = st.one_of(
    st.just(RemoteView(remote_id="r")),
    st.just(RemoteView(remote_id="r", problem="no start")),
    st.builds(
        lambda text, is_ours, guests, away, hidden, declined: RemoteView(
            remote_id="r", version="2", ical=text, content_hash=fingerprint(text), uid="u" if is_ours else None,
            is_ours=is_ours, guests=guests, is_away=away, is_hidden=hidden, is_declined=declined,
        ),
        st.sampled_from(TEXTS),
        *[st.booleans()] * 5,
    ),
)  # fmt: skip


@given(links, mappings, locals_, remotes)
def test_every_case_has_one_answer_and_asking_twice_gives_the_same(
    link: Link, mapping: Mapping | None, local: LocalView | None, remote: RemoteView
) -> None:
    first = decide(link, mapping, local, remote)
    assert isinstance(first, Decision)
    assert decide(link, mapping, local, remote) == first


@given(links, mappings, locals_, remotes)
def test_something_is_deleted_here_only_where_it_is_gone_there_and_unchanged_here(
    link: Link, mapping: Mapping | None, local: LocalView | None, remote: RemoteView
) -> None:
    decision = decide(link, mapping, local, remote)
    if decision.act is Act.TAKE_DELETE:
        assert remote.is_gone
        assert link.direction is Direction.BOTH
        assert mapping is not None
        assert local is not None
        assert local.ours_hash == mapping.sent_hash
    if remote.problem is not None:
        assert decision.act is Act.PARK


@given(links, mappings, locals_, remotes)
def test_only_two_way_links_make_or_change_objects(
    link: Link, mapping: Mapping | None, local: LocalView | None, remote: RemoteView
) -> None:
    decision = decide(link, mapping, local, remote)
    if decision.act in {Act.TAKE_NEW, Act.TAKE_CHANGE, Act.TAKE_DELETE, Act.REVIVE}:
        assert link.direction is Direction.BOTH
    if decision.act is Act.TAKE_NEW:
        assert not remote.is_ours


@given(links, mappings, locals_, remotes)
def test_pain_5_an_echo_leads_to_nothing(
    link: Link, mapping: Mapping | None, local: LocalView | None, remote: RemoteView
) -> None:
    if mapping is None or mapping.remote_id is None or remote.is_gone or remote.problem is not None:
        return
    if not link.pushes:
        return  # it has no copies; what is there is somebody's time
    if remote.content_hash == mapping.base_hash and not (remote.guests and not mapping.has_guests):
        assert decide(link, mapping, local, remote).act is Act.ECHO


@given(links, mappings, locals_, remotes)
def test_what_another_link_of_ours_wrote_is_left_alone(
    link: Link, mapping: Mapping | None, local: LocalView | None, remote: RemoteView
) -> None:
    assert decide(link, mapping, local, replace(remote, is_other_links=True)).act is Act.IGNORE


@given(links, locals_, remotes)
def test_pain_5_a_link_that_only_reads_makes_no_copies_and_adopts_none(
    link: Link, local: LocalView | None, remote: RemoteView
) -> None:
    if link.pushes:
        return
    act = decide(link, None, local, remote).act
    assert act in {Act.BUSY, Act.NOT_BUSY, Act.PARK, Act.IGNORE}
    if remote.is_ours and remote.uid is not None:
        assert act is not Act.BUSY
