"""radicale.conf and the seams of Radicale: what would break safety stops the start, with the reason."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import GatewayError
from gateway.http.dav import door
from gateway.settings import Settings
from plugins.radicale import configuration, seams
from tests.ports import reserved_port

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "radicale.conf"


def changed(tmp_path: Path, section: str, option: str, value: str) -> Path:
    from configparser import RawConfigParser

    parser = RawConfigParser()
    parser.read(SHIPPED)
    if not parser.has_section(section):
        parser.add_section(section)
    parser.set(section, option, value)
    path = tmp_path / "radicale.conf"
    with path.open("w") as file:
        parser.write(file)
    return path


def test_the_shipped_file_and_the_installed_radicale_are_fine(settings: Settings) -> None:
    assert door.check(settings) == []


@pytest.mark.parametrize(
    ("section", "option", "value"),
    [
        ("storage", "type", "multifilesystem"),
        ("storage", "hook", "rm -rf %(path)s"),
        ("storage", "database_url", "sqlite:///x"),
        ("auth", "type", "none"),
        ("auth", "delay", "1"),
        ("auth", "strip_domain", "True"),
        ("rights", "type", "owner_only"),
        ("rights", "permit_delete_collection", "True"),
        ("rights", "permit_overwrite_collection", "True"),
        ("server", "delay_on_error", "1"),
        ("server", "validate_path_value", "strict"),
        ("web", "type", "internal"),
        ("sharing", "type", "csv"),
        ("hook", "type", "rabbitmq"),
        ("logging", "request_content_on_debug", "True"),
        ("headers", "Set-Cookie", "a=b"),
    ],
)
def test_an_unsafe_option_is_refused_by_name(tmp_path: Path, section: str, option: str, value: str) -> None:
    settings = Settings(data=tmp_path, radicale_conf=changed(tmp_path, section, option, value))
    (problem,) = door.check(settings)
    assert f"[{section}]" in problem
    assert option.lower() in problem.lower()


def test_a_file_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "radicale.conf"
    assert str(path) in door.check(Settings(data=tmp_path, radicale_conf=path))[0]
    path.write_text("[nonsense]\na = b\n")
    assert "nonsense" in door.check(Settings(data=tmp_path, radicale_conf=path))[0]


def test_options_that_may_be_tuned_are_taken(tmp_path: Path) -> None:
    path = changed(tmp_path, "headers", "X-Mine", "1")
    assert door.check(Settings(data=tmp_path, radicale_conf=path)) == []


def test_another_radicale_stops_the_start(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(seams, "version", lambda _name: "3.10.0")
    assert "3.10.0" in door.check(settings)[0]


def test_a_moved_seam_stops_the_start(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    from radicale.rights import BaseRights

    def older(self: object, user: str, path: str) -> str:
        return f"{self}{user}{path}"

    monkeypatch.setattr(BaseRights, "authorization", older)
    moved = tuple(
        (BaseRights.authorization if "authorization" in function.__name__ else function, names)
        for function, names in seams._SIGNATURES
    )
    monkeypatch.setattr(seams, "_SIGNATURES", moved)
    assert "takes self, user, path" in door.check(settings)[0]


def test_a_plug_in_that_radicale_loads_instead_of_ours_stops_the_start(
    sqlite_db: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, now: Any
) -> None:
    from gateway.services.handle import Handle
    from gateway.services.limits import Limits
    from plugins.radicale import application

    class Other(application.Storage):
        pass

    handle = Handle(db=sqlite_db, settings=settings, limits=Limits(), clock=lambda: now)
    monkeypatch.setattr(configuration, "with_factories", _with(Other, configuration.with_factories))
    with pytest.raises(GatewayError, match=r"instead of plugins\.radicale\.storage"):
        application.build(SHIPPED, handle)


def _with(kind: Any, original: Any) -> Any:
    def patched(loaded: Any, factories: Any) -> Any:
        def make(configuration_: Any) -> Any:
            made = factories["storage"](configuration_)
            made.__class__ = kind
            return made

        return original(loaded, {**factories, "storage": make})

    return patched


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as found:
        yield found


def test_radicale_alone_reads_the_same_data_and_writes_nothing(
    sqlite_world: Any, event: Any, tmp_path: Path, port: int
) -> None:
    import time

    import requests

    sqlite_world.bob.put("/dav/bob/free/one.ics", event("one", "SUMMARY:a\\, b"))
    text = SHIPPED.read_text()
    for section in ("auth", "storage", "rights"):
        text = text.replace(f"[{section}]", f"[{section}]\ndatabase_url = {sqlite_world.db.url}", 1)
    path = tmp_path / "alone.conf"
    path.write_text(text.replace("[server]", f"[server]\nhosts = 127.0.0.1:{port}"))
    process = subprocess.Popen(
        [sys.executable, "-m", "radicale", "--config", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base, auth = f"http://127.0.0.1:{port}", ("bob", sqlite_world.bob.password)
        for _ in range(600):
            try:
                requests.get(base, timeout=1)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        listed = requests.request("PROPFIND", base + "/bob/", headers={"Depth": "1"}, auth=auth, timeout=10)
        assert "/bob/free/" in listed.text
        got = requests.get(base + "/bob/free/one.ics", auth=auth, timeout=10)
        assert got.content == event("one", "SUMMARY:a\\, b")
        put = requests.put(base + "/bob/free/two.ics", data=event("two"), auth=auth, timeout=10)
        assert put.status_code in {400, 403}
        wrong = requests.get(base + "/bob/free/one.ics", auth=("bob", "wrong"), timeout=10)
        assert wrong.status_code == 401
    finally:
        process.terminate()
        process.wait(10)
