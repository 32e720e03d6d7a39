"""``calgate feed`` as an operator and her scripts use it."""

from __future__ import annotations

from tests.conftest import Cli


def test_feed_commands_from_create_to_revoke(cli: Cli) -> None:
    cli.environment["CALGATE_PUBLIC_URL"] = "https://cal.example.org"
    cli.json("resource", "add", "room", "--kind", "room", "--name", "Room A")
    made = cli.json(
        "feed", "create", "room", "--privacy", "fields", "--fields", "location,url", "--past-days", "7",
        "--alarms", "--utc", "--no-gzip", "--kinds", "booking,hold", "--expires", "2099-01-31",
    )  # fmt: skip
    assert made["url"].startswith("https://cal.example.org/feeds/")
    assert made["url"].endswith("/room-a.ics")
    assert made["webcal"] == made["url"].replace("https://", "webcal://")
    assert made["html"] == made["url"].replace(".ics", ".html")
    for key, value in {
        "privacy": "fields", "fields": ["location", "url"], "past_days": 7, "future_days": 366, "alarms": True,
        "utc": True, "gzip": False, "kinds": ["booking", "hold"], "state": "live", "resources": ["room"],
        "expires": "2099-01-31T00:00:00Z",
    }.items():  # fmt: skip
        assert made[key] == value

    listed = cli.json("feed", "list")
    assert [each["id"] for each in listed] == [made["id"]]
    assert made["url"].split("/")[4] not in str(listed), "a list never shows the link"
    assert cli.json("feed", "show", made["id"][:8])["url"] == made["url"]
    changed = cli.json("feed", "set", made["id"], "--privacy", "freebusy", "--name", "Other")
    assert (changed["privacy"], changed["name"], changed["gzip"]) == ("freebusy", "Other", False)
    assert cli.json("feed", "show", made["id"])["url"] == made["url"], "the link stays"
    assert cli.json("feed", "revoke", made["id"])["state"] == "revoked"
    assert cli("feed", "show", made["id"]).code == 1


def test_feed_commands_refuse_with_one_sentence(cli: Cli) -> None:
    cli.json("resource", "add", "room", "--kind", "room")
    for arguments, code in (
        (("create", "nowhere"), 1),
        (("create", "room", "--privacy", "fields"), 1),
        (("create", "room", "--privacy", "everything"), 2),
        (("create", "room", "--expires", "soon"), 2),
        (("create", "room", "--expires", "2001-01-01"), 1),
        (("create", "room", "--owner", "nobody"), 1),
        (("revoke", "1234"), 1),
        (("set", "12345678"), 1),
    ):
        ended = cli("feed", *arguments)
        assert ended.code == code, (arguments, ended.stderr)
        assert "Traceback" not in ended.stderr
