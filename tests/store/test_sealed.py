"""Secrets at rest: bound to their row, rotated by adding keys, checked at start."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from gateway.domain.errors import StoreUnusable
from gateway.services import Database
from gateway.settings import Settings
from gateway.store import sealed
from gateway.store.sealed import CannotOpen, Sealer, load_keys, new_key


def test_a_secret_opens_only_for_its_purpose_and_row() -> None:
    sealer = Sealer([new_key()])
    box = sealer.seal("feed", 7, "geheim")
    assert b"geheim" not in box
    assert sealer.open("feed", 7, box) == "geheim"
    for purpose, row in (("feed", 8), ("account", 7), ("feed", "7")):
        with pytest.raises(CannotOpen):
            sealer.open(purpose, row, box)
    with pytest.raises(CannotOpen):
        sealer.open("feed", 7, box[:-4] + b"AAA=")


def test_the_first_key_seals_and_every_key_opens() -> None:
    old, new = new_key(), new_key()
    box = Sealer([old]).seal("feed", 1, "x")
    both = Sealer([new, old])
    assert both.open("feed", 1, box) == "x"
    turned = both.rotate(box)
    assert Sealer([new]).open("feed", 1, turned) == "x"
    with pytest.raises(CannotOpen):
        Sealer([new]).open("feed", 1, box)


def test_sqlite_makes_a_private_key_once_even_at_once(settings: Settings) -> None:
    settings.data.mkdir()
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(load_keys(settings))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(keys) for keys in found}) == 1
    assert stat.S_IMODE(settings.secret_key_path.stat().st_mode) == 0o600
    assert [path.name for path in settings.data.iterdir()] == ["secret.key"]


def test_postgresql_refuses_to_start_without_keys(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="CALGATE_SECRET_KEYS"):
        load_keys(Settings(data=tmp_path, database_url="postgresql://h/d"))


def test_keys_come_from_the_settings_or_their_file(tmp_path: Path) -> None:
    one, two = new_key(), new_key()
    assert load_keys(Settings(data=tmp_path, secret_keys=f"{one}, {two}")) == [one, two]
    path = tmp_path / "keys"
    path.write_text(f"# new first\n{one}\n\n{two}\n")
    assert load_keys(Settings(data=tmp_path, secret_keys_file=path)) == [one, two]
    with pytest.raises(StoreUnusable, match="cannot be read"):
        load_keys(Settings(data=tmp_path, secret_keys_file=tmp_path / "none"))


@pytest.mark.parametrize("keys", [[], ["short"], ["!" * 44]])
def test_bad_keys_are_refused_without_showing_them(keys: list[str]) -> None:
    with pytest.raises(StoreUnusable) as caught:
        Sealer(keys)
    assert not any(key in str(caught.value) for key in keys)


def test_a_wrong_key_is_seen_at_start(db: Database) -> None:
    right, wrong = Sealer([new_key()]), Sealer([new_key()])
    assert db.read(sealed.check_canary, wrong)
    db.write(sealed.ensure_canary, right)
    db.write(sealed.ensure_canary, right)
    with pytest.raises(CannotOpen, match="does not belong"):
        db.write(sealed.ensure_canary, wrong)
    assert not db.read(sealed.check_canary, wrong)


def test_the_instance_id_is_made_once(settings: Settings) -> None:
    settings.data.mkdir()
    first = sealed.ensure_instance_id(settings)
    assert len(first) == 32
    assert sealed.ensure_instance_id(settings) == first
