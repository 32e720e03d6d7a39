"""Random requests, in process: no error of the server, and every answer that should be XML is."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

from gateway.http.dav import host
from gateway.services import principals
from gateway.services.handle import Handle
from gateway.services.limits import Limits
from gateway.settings import Settings
from gateway.store.database import Database
from tests.compliance import proves
from tests.dav_world import make_event, populate
from tests.random_requests import Requests, Sent

LOGINS = ("alice", "bob", "bob", "carol", "dave")
COUNT = 40_000 if os.environ.get("CALGATE_SOAK") == "1" else 400


def call(app: Any, person: Any, sent: Sent) -> tuple[int, bytes]:
    """Return the status and the body of an answer."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": sent.method, "SCRIPT_NAME": "/dav", "PATH_INFO": sent.path, "QUERY_STRING": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(sent.body)), "CONTENT_TYPE": sent.kind, "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": BytesIO(sent.body), "wsgi.errors": None,
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
        "calgate.principal": person, **sent.headers,
    }  # fmt: skip
    begun: list[str] = []

    def begin(status: str, _headers: Any) -> None:
        begun.append(status)

    body = b"".join(app(environ, begin))
    return int(begun[0].split()[0]), body


@proves("RFC 4918 §17 random")
def test_no_request_makes_an_error_of_the_server(db: Database, tmp_path: Path, now: Any) -> None:
    settings = Settings(data=tmp_path / "data", max_object_bytes=64 * 1024, zone="Europe/Berlin")
    populate(db, settings, now)
    app = host.build(Handle(db=db, settings=settings, limits=Limits.of(settings), clock=lambda: now))
    with db.transaction(write=False) as tx:
        people = {login: principals.find_by_login(tx, login) for login in set(LOGINS)}
    for number in range(6):
        data = make_event(f"s{number}", "RRULE:FREQ=DAILY", f"CLASS:{'PRIVATE' if number % 2 else 'PUBLIC'}")
        status, _ = call(
            app, people["alice"], Sent("PUT", f"/alice/free/s{number}.ics", data, "text/calendar")
        )
        assert status == 201
    source = Requests(Random(20260302))
    statuses: dict[int, int] = {}
    for number in range(COUNT):
        login = source.random.choice(LOGINS)
        sent = source.request(login)
        status, body = call(app, people[login], sent)
        assert status < 500, (number, login, sent)
        if status == 207:
            source.token = ET.fromstring(body).findtext("{DAV:}sync-token") or source.token
        statuses[status] = statuses.get(status, 0) + 1
    # They get somewhere: not everything is refused at the first look.
    assert {200, 201, 207, 400, 403, 404} <= set(statuses), statuses
