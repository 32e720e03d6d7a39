"""Finding the calendars from a bare host name: recorded clients, and the addresses they probe."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.compliance import proves
from tests.dav_world import PREFIXES

RECORDED = sorted((Path(__file__).resolve().parents[2] / "data" / "discovery").glob("*.toml"))
DECLARED = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in PREFIXES.items())


def replay(world: Any, recorded: dict[str, Any]) -> dict[str, str]:
    """Go through the steps as the client does; return what it has kept."""
    import requests

    bob = world.bob
    kept = {"login": "bob"}
    for step in recorded["step"]:
        body = step.get("body", "")
        if "ask" in step:
            names = "".join(f"<{name}/>" for name in step["ask"])
            body = f"<D:propfind {DECLARED}><D:prop>{names}</D:prop></D:propfind>"
        headers = {"User-Agent": recorded["agent"], "Content-Type": "text/xml; charset=utf-8"}
        if "depth" in step:
            headers["Depth"] = step["depth"]
        answer = requests.request(
            step["method"],
            world.base + step["path"].format(**kept),
            data=body.encode() or None,
            headers=headers,
            auth=("bob", bob.password) if step.get("credentials", True) else None,
            allow_redirects=False,
            timeout=30,
        )
        expect, place = step["expect"], (recorded["client"], step["method"], step["path"])
        assert answer.status_code == expect["status"], (place, answer.text)
        if "location" in expect:
            assert answer.headers["Location"] == expect["location"], place
        if "header" in expect:
            assert expect["holds"] in answer.headers[expect["header"]], place
        if "holds_body" in expect:
            assert expect["holds_body"] in answer.text, place
        if answer.status_code == 207:
            assert "html" not in answer.headers["Content-Type"], place
        reply = type(bob.propfind("/dav/"))(answer.status_code, answer.headers, answer.content)
        for path in expect.get("found", ()):
            assert reply.found(f".//{path}") or reply.found(path), (place, path, answer.text)
        for name, path in step.get("keep", {}).items():
            found = reply.found(path)
            assert found, (place, path)
            kept[name] = found[0].text or ""
    return kept


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
@proves("RFC 6764 §6")
def test_pain_52_recorded_handshakes_lead_to_the_calendars(sqlite_world: Any, path: Path) -> None:
    kept = replay(sqlite_world, tomllib.loads(path.read_text()))
    assert kept["home"] == "/dav/bob/"


def test_five_clients_are_recorded() -> None:
    assert [path.stem for path in RECORDED] == ["caldav_synchronizer", "davx5", "ios", "macos", "thunderbird"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/principals/",
        "/principals",
        "/principals/users/bob/",
        "/calendar/dav/bob/user/",
        "/caldav",
        "/caldav/x",
    ],
)
@proves("RFC 5397 §3")
def test_pain_53_probed_addresses_lead_to_the_principal(sqlite_world: Any, path: str) -> None:
    bob = sqlite_world.bob
    reply = bob.propfind(path, "D:current-user-principal", "D:displayname")
    assert reply.xml.findtext(".//{DAV:}current-user-principal/{DAV:}href") == "/dav/bob/"
    assert bob.propfind(path).status == 207
    assert bob("OPTIONS", path).headers["DAV"].startswith("1, 3")
    assert bob("PROPFIND", path, "<broken", Depth="0").status == 400
    assert type(bob)(bob.base, "bob", "wrong").propfind(path).status == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "PROPFIND", "OPTIONS", "REPORT", "PUT"])
@pytest.mark.parametrize("slash", ["", "/"])
@proves("RFC 6764 §5")
def test_the_well_known_address_leads_straight_to_the_dav_root(
    sqlite_world: Any, method: str, slash: str
) -> None:
    answer = sqlite_world.bob(method, "/.well-known/caldav" + slash)
    assert (answer.status, answer.headers["Location"]) == (301, "/dav/")


def test_pain_54_the_dav_root_never_leads_to_a_web_page(sqlite_world: Any) -> None:
    for path in ("/dav", "/dav/", "/dav/bob/", "/dav/.web/", "/dav/.web"):
        for method in ("GET", "PROPFIND"):
            answer = sqlite_world.bob(method, path, Depth="0")
            assert answer.status not in {301, 302, 303, 307, 308}
            assert "html" not in answer.headers.get("Content-Type", "")


def test_pain_55_the_host_name_alone_is_enough(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    root = bob.propfind("/", "D:current-user-principal")
    principal = root.xml.findtext(".//{DAV:}current-user-principal/{DAV:}href", "")
    home = bob.propfind(principal, "C:calendar-home-set").found(".//C:calendar-home-set/D:href")[0].text or ""
    assert "/dav/bob/free/" in bob.propfind(home, "D:resourcetype", depth="1").hrefs


@proves("RFC 4791 §2")
def test_options_need_no_login_anywhere(sqlite_world: Any) -> None:
    import requests

    for path in ("/dav", "/dav/", "/dav/bob/", "/dav/bob/free/", "/dav/nobody/"):
        answer = requests.options(sqlite_world.base + path, timeout=10)
        assert answer.status_code == 200
        assert "calendar-access" in answer.headers["DAV"]
        assert "PROPFIND" in answer.headers["Allow"]


def test_unknown_methods_are_refused(sqlite_world: Any) -> None:
    for method in ("LOCK", "UNLOCK", "PATCH", "ACL"):
        assert sqlite_world.bob(method, "/dav/bob/free/").status == 405
