"""People, passwords, app passwords, groups, departments and resources, on both databases."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.domain.errors import AlreadyExists, InvalidInput, InvalidName, NotFound, PreconditionFailed
from gateway.domain.model import ConflictPolicy, Level, Resource, ResourceKind, Window
from gateway.services import Database, Transaction, departments, grants, groups, principals, resources
from gateway.services.limits import Limits
from gateway.store import audit
from gateway.store import calendars as calendar_store
from tests.statements import statements


@pytest.fixture
def add(db: Database, now: datetime) -> Any:
    def person(login: str, **fields: Any) -> Any:
        return db.write(principals.add, login, now=now, **fields)

    return person


@pytest.fixture
def make(db: Database, now: datetime, horizon: Window) -> Any:
    def resource(slug: str, **fields: Any) -> Resource:
        kind = fields.pop("kind", ResourceKind.ROOM)
        return db.write(resources.add, slug, kind=kind, horizon=horizon, now=now, **fields)

    return resource


def actions(db: Database) -> list[str]:
    return [entry.action for entry in reversed(db.read(audit.newest))]


class TestPeople:
    def test_added_found_in_any_case_and_removed(self, db: Database, add: Any, now: datetime) -> None:
        added = add("Ann@Example.org", name="Ann")
        assert added.login == "ann@example.org"
        assert added.email == "ann@example.org"
        assert db.read(principals.get, "ANN@example.ORG") == added
        assert [person.login for person in db.read(principals.list_)] == ["ann@example.org"]
        db.write(principals.remove, "ann@example.org", now=now)
        assert db.read(principals.find_by_login, "ann@example.org") is None
        assert actions(db) == ["person.add", "person.remove"]

    def test_a_login_exists_once(self, add: Any) -> None:
        add("ann")
        with pytest.raises(AlreadyExists):
            add("ANN")

    @pytest.mark.parametrize("fields", [{"name": "a\nb"}, {"email": "nobody"}, {"email": "a b@c"}])
    def test_bad_names_and_addresses_are_refused(self, add: Any, fields: dict[str, str]) -> None:
        with pytest.raises(InvalidInput):
            add("ann", **fields)

    def test_removing_her_keeps_shared_resources_and_asks_before_her_own(
        self, db: Database, add: Any, make: Any, now: datetime, horizon: Window
    ) -> None:
        ann = add("ann")
        make("blue", owner="ann")
        db.write(resources.add_personal, ann, "tasks", horizon=horizon, now=now)
        with pytest.raises(PreconditionFailed, match="--with-calendars"):
            db.write(principals.remove, "ann", now=now)
        db.write(principals.remove, "ann", with_calendars=True, now=now)
        assert [each.slug for each in db.read(resources.list_, with_personal=True)] == ["blue"]
        assert db.read(resources.get, "blue").owner_id is None


class TestPasswords:
    def test_a_chosen_password_fits_and_its_version_rises(
        self, db: Database, add: Any, now: datetime
    ) -> None:
        add("ann")
        before = db.read(principals.password_record, "ann")
        assert before is not None
        assert before.hash is None
        hashed = principals.hash_password("correct horse")
        assert "correct" not in hashed
        db.write(principals.set_password, "ann", hashed, now=now)
        record = db.read(principals.password_record, "ANN")
        assert record is not None
        assert record.version == before.version + 1
        assert record.principal.has_password
        assert principals.verify_password(record.hash, "correct horse")
        assert not principals.verify_password(record.hash, "wrong horse")

    def test_nobody_and_no_password_never_fit(self, db: Database) -> None:
        assert db.read(principals.password_record, "nobody") is None
        assert db.read(principals.password_record, "a:b") is None
        assert not principals.verify_password(None, "anything")
        assert not principals.verify_password("no hash at all", "anything")

    @pytest.mark.parametrize("password", ["short", "x" * 1025])
    def test_too_short_or_long_is_refused(self, password: str) -> None:
        with pytest.raises(InvalidInput):
            principals.hash_password(password)

    def test_only_two_are_hashed_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        running: list[int] = []
        most: list[int] = []
        gate = threading.Event()

        class Slow:
            def verify(self, _hash: str, _password: str) -> bool:
                running.append(1)
                most.append(len(running))
                gate.wait(0.05)
                running.pop()
                return True

        monkeypatch.setattr(principals, "_hasher", Slow)
        threads = [threading.Thread(target=principals.verify_password, args=("h", "p")) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(most) == 8
        assert max(most) <= 2


class TestAppPasswords:
    def test_found_however_it_is_typed_until_revoked(self, db: Database, add: Any, now: datetime) -> None:
        ann = add("ann")
        number, secret = db.write(principals.new_app_password, "ann", "phone", now)
        for typed in (secret, secret.upper(), secret.replace("-", ""), f" {secret.replace('-', ' ')} "):
            assert db.read(principals.find_by_app_password, typed) == ann
        db.write(principals.revoke_app_password, "ann", number, now)
        assert db.read(principals.find_by_app_password, secret) is None
        with pytest.raises(NotFound):
            db.write(principals.revoke_app_password, "ann", number, now)

    @pytest.mark.parametrize("typed", ["", "x", "a" * 26, "é" * 26, "a" * 10_000, "\0"])
    def test_anything_else_is_nobody(self, db: Database, typed: str) -> None:
        assert db.read(principals.find_by_app_password, typed) is None

    def test_it_has_128_bits_and_is_not_kept(self, db: Database, add: Any, now: datetime) -> None:
        add("ann")
        _number, secret = db.write(principals.new_app_password, "ann", "phone", now)
        assert len(secret.replace("-", "")) == 26  # base32 of 128 bits
        listed = db.read(principals.list_app_passwords, "ann")
        assert [each.label for each in listed] == ["phone"]
        assert secret not in repr(listed) + repr(db.read(audit.newest))

    def test_only_her_own_can_be_revoked(self, db: Database, add: Any, now: datetime) -> None:
        add("ann")
        add("bob")
        number, secret = db.write(principals.new_app_password, "ann", "phone", now)
        with pytest.raises(NotFound):
            db.write(principals.revoke_app_password, "bob", number, now)
        assert db.read(principals.find_by_app_password, secret) is not None

    def test_looking_it_up_is_one_statement(self, db: Database, add: Any, now: datetime) -> None:
        add("ann")
        _number, secret = db.write(principals.new_app_password, "ann", "phone", now)
        with db.transaction(write=False) as tx, statements(db) as counted:
            principals.find_by_app_password(tx, secret)
        assert len(counted) == 1

    def test_its_use_is_noted_once_an_hour(self, db: Database, add: Any, now: datetime) -> None:
        add("ann")
        _number, secret = db.write(principals.new_app_password, "ann", "phone", now)
        for minutes, noted in ((0, 0), (30, 0), (61, 61)):
            db.write(principals.record_app_password_use, secret, now=now + timedelta(minutes=minutes))
            (known,) = db.read(principals.list_app_passwords, "ann")
            assert known.last_used_at_utc == now + timedelta(minutes=noted)


class TestResources:
    def test_policy_by_kind_and_personal_calendars_allow(
        self, db: Database, add: Any, make: Any, now: datetime, horizon: Window
    ) -> None:
        assert make("room").policy is ConflictPolicy.REFUSE
        assert make("van", kind=ResourceKind.EQUIPMENT).policy is ConflictPolicy.REFUSE
        assert make("ann-s", kind=ResourceKind.PERSON).policy is ConflictPolicy.WARN
        own = db.write(resources.add_personal, add("ann"), "own", horizon=horizon, now=now)
        assert own.policy is ConflictPolicy.ALLOW
        assert own.is_personal
        assert db.read(resources.get, "ann/own") == own

    def test_its_calendar_is_empty_and_covers_the_horizon(
        self, db: Database, make: Any, horizon: Window
    ) -> None:
        room = make("room")
        calendar = db.read(calendar_store.of_resource, room.id)
        assert (calendar.seq, calendar.min_seq, calendar.index) == (0, 0, horizon)

    def test_every_field_is_stored_changed_and_cleared(
        self, db: Database, add: Any, make: Any, now: datetime, limits: Limits
    ) -> None:
        add("ann")
        fields: dict[str, Any] = {
            "name": "Blue", "zone": "Europe/Berlin", "color": "#3366cc", "location": "2nd floor",
            "capacity": 3, "seats": 12, "opening_hours": "Mo-Fr 8-18",
            "email": "blue@example.org", "department": "floor",
            "owner": "ann", "policy": ConflictPolicy.WARN, "buffer_before_s": 600,
            "buffer_after_s": 300,
            "description": "Has a\nprojector",
        }  # fmt: skip
        room = make("blue", **fields)
        assert (room.name, room.zone, room.has_own_zone, room.seats) == ("Blue", "Europe/Berlin", True, 12)
        assert (room.department, room.policy, room.buffer_before_s) == ("floor", ConflictPolicy.WARN, 600)
        cleared = db.write(
            resources.set_, "blue", limits=limits, now=now,
            zone="", color="", location="", seats=0, opening_hours="", email="", department="", owner="",
            description="", kind=ResourceKind.EQUIPMENT,
        )  # fmt: skip
        assert cleared.zone == "UTC"
        assert not cleared.has_own_zone
        assert (cleared.color, cleared.location, cleared.seats, cleared.email) == (None, None, None, None)
        assert (cleared.department, cleared.owner_id, cleared.description) == (None, None, None)
        assert cleared.kind is ResourceKind.EQUIPMENT
        assert cleared.name == "Blue"
        assert [each.slug for each in db.read(departments.list_)] == ["floor"]

    @pytest.mark.parametrize(
        "field",
        [{"zone": "Mars/Olympus"}, {"zone": "../etc/passwd"}, {"color": "blue"}, {"capacity": 0},
         {"seats": -1},
         {"email": "x"}, {"buffer_before_s": -1}, {"department": "No Such"}, {"name": ""}, {"nonsense": 1}],
    )  # fmt: skip
    def test_bad_values_change_nothing(self, db: Database, make: Any, field: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput):
            make("blue", **field)
        assert db.read(resources.list_) == []

    def test_unknown_owner(self, make: Any) -> None:
        with pytest.raises(NotFound):
            make("blue", owner="nobody")

    def test_slugs_are_unique_among_shared_and_per_person_among_personal(
        self, db: Database, add: Any, make: Any, now: datetime, horizon: Window
    ) -> None:
        make("blue")
        with pytest.raises(AlreadyExists):
            make("blue")
        with pytest.raises(InvalidName):
            make("Blue")
        for login in ("ann", "bob"):
            db.write(resources.add_personal, add(login), "blue", horizon=horizon, now=now)
        with pytest.raises(AlreadyExists):
            db.write(resources.add_personal, db.read(principals.get, "ann"), "blue", horizon=horizon, now=now)

    def test_removing_takes_its_calendar_along(self, db: Database, make: Any, now: datetime) -> None:
        room = make("blue")
        db.write(resources.remove, "blue", now=now)
        with pytest.raises(NotFound):
            db.read(resources.get, "blue")
        with pytest.raises(NotFound):
            db.read(calendar_store.of_resource, room.id)
        assert actions(db)[-1] == "resource.remove"

    def test_two_people_make_the_same_slug_at_once_and_one_wins(self, db: Database, make: Any) -> None:
        outcomes: list[str] = []

        def attempt() -> None:
            try:
                make("blue")
                outcomes.append("made")
            except Exception as error:  # noqa: BLE001 - counted below
                outcomes.append(type(error).__name__)

        threads = [threading.Thread(target=attempt) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["AlreadyExists"] * 3 + ["made"]


class TestGroupsAndGrants:
    def test_the_same_grant_at_once_is_one_grant(
        self, db: Database, add: Any, make: Any, now: datetime
    ) -> None:
        add("ann")
        make("blue")
        threads = [
            threading.Thread(
                target=lambda: db.write(grants.add, Level.READ, login="ann", resource="blue", now=now)
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(db.read(grants.list_)) == 1

    def test_members_come_and_go(self, db: Database, add: Any, now: datetime) -> None:
        add("ann")
        db.write(groups.add, "team", name="The team", now=now)
        db.write(groups.add_member, "team", "ANN", now=now)
        db.write(groups.add_member, "team", "ann", now=now)
        assert db.read(groups.get, "team").members == ("ann",)
        db.write(groups.remove_member, "team", "ann", now=now)
        with pytest.raises(NotFound):
            db.write(groups.remove_member, "team", "ann", now=now)
        assert db.read(groups.list_)[0].members == ()
        db.write(groups.remove, "team", now=now)
        assert db.read(groups.list_) == []

    def test_granting_again_changes_the_same_grant(
        self, db: Database, add: Any, make: Any, now: datetime
    ) -> None:
        add("ann")
        make("blue")
        first = db.write(grants.add, Level.READ, login="ann", resource="blue", faces=["feed"], now=now)
        again = db.write(grants.add, Level.WRITE, login="ann", resource="blue", now=now)
        assert again.id == first.id
        assert again.level is Level.WRITE
        assert again.faces == ()
        assert db.read(grants.list_) == [again]
        assert actions(db)[-2:] == ["grant.add", "grant.set"]

    def test_exactly_one_subject_and_one_target(
        self, db: Database, add: Any, make: Any, now: datetime
    ) -> None:
        add("ann")
        make("blue", department="floor")
        for ends in (
            {"resource": "blue"},
            {"login": "ann"},
            {"login": "ann", "resource": "blue", "department": "floor"},
        ):
            with pytest.raises(InvalidInput):
                db.write(grants.add, Level.READ, now=now, **ends)

    def test_grants_go_with_either_end(self, db: Database, add: Any, make: Any, now: datetime) -> None:
        add("ann")
        make("blue", department="floor")
        db.write(groups.add, "team", now=now)
        db.write(grants.add, Level.READ, login="ann", department="floor", now=now)
        gone = db.write(grants.add, Level.READ, group="team", resource="blue", now=now)
        assert db.read(grants.list_, resource="blue") == [gone]
        db.write(groups.remove, "team", now=now)
        db.write(principals.remove, "ann", now=now)
        assert db.read(grants.list_) == []
        with pytest.raises(NotFound):
            db.write(grants.remove, gone.id, now=now)


def test_a_refused_change_leaves_no_audit_line(db: Database, add: Any, now: datetime) -> None:
    add("ann")

    def fails(tx: Transaction) -> None:
        principals.remove(tx, "ann", now=now)
        raise InvalidInput

    with pytest.raises(InvalidInput):
        db.write(fails)
    assert actions(db) == ["person.add"]
    assert db.read(principals.find_by_login, "ann") is not None
