"""Sign-in at the CalDAV door: app passwords, chosen passwords, revocation, throttling, odd headers."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gateway.http.limits import Throttle
from gateway.http.sign_in import read_basic
from gateway.services import principals


def basic(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return "Basic " + base64.b64encode(raw).decode()


def ask(world: Any, header: str | None) -> Any:
    import requests

    headers = {"Authorization": header} if header is not None else {}
    return requests.request("PROPFIND", world.base + "/dav/", headers={"Depth": "0", **headers}, timeout=30)


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic ", "Basic %%%", "Basic YWJj", "Bearer x", "Basic " + "A" * 5000, basic(":x"),
     basic("bob:"), basic("bob:wrong"), basic("nobody:wrong"), basic(b"bob:\xff\xfe"), basic("bob\0:x"),
     basic("a/../b:x"), basic("b" * 300 + ":x")],
)  # fmt: skip
def test_a_bad_authorization_is_401_and_asks_for_basic(sqlite_world: Any, header: str | None) -> None:
    answer = ask(sqlite_world, header)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="Calgate"')


def test_logins_are_compared_in_lower_case_and_passwords_as_people_type_them(sqlite_world: Any) -> None:
    password = sqlite_world.bob.password
    for sent in (f"BOB:{password}", f"bob:{password.replace('-', '')}", f"Bob:{password.upper()}"):
        assert ask(sqlite_world, basic(sent)).status_code == 207
    assert ask(sqlite_world, basic(f"alice:{password}")).status_code == 401


def test_a_chosen_password_works_and_a_new_one_holds_at_once(world: Any) -> None:
    def choose(password: str) -> None:
        hashed = principals.hash_password(password)
        with world.db.transaction(write=True) as tx:
            principals.set_password(tx, "bob", hashed, now=world.now)

    choose("grüße-an-alle")
    for _ in range(3):  # the second is from memory
        assert ask(world, basic("bob:grüße-an-alle")).status_code == 207
    assert ask(world, basic("bob:grüße-an-alle".encode("latin-1"))).status_code == 207
    choose("another one here")
    assert ask(world, basic("bob:grüße-an-alle")).status_code == 401
    assert ask(world, basic("bob:another one here")).status_code == 207


def test_a_revoked_app_password_is_refused_at_once(world: Any) -> None:
    assert ask(world, basic(f"bob:{world.bob.password}")).status_code == 207
    with world.db.transaction(write=True) as tx:
        (one,) = principals.list_app_passwords(tx, "bob")
        principals.revoke_app_password(tx, "bob", one.id, world.now)
    assert ask(world, basic(f"bob:{world.bob.password}")).status_code == 401


def test_guessing_is_throttled_while_app_passwords_go_on(sqlite_world: Any) -> None:
    statuses = [ask(sqlite_world, basic(f"bob:wrong-{number}")).status_code for number in range(14)]
    assert statuses[:10] == [401] * 10
    assert set(statuses[10:]) == {429}
    refused = ask(sqlite_world, basic("bob:once more"))
    assert int(refused.headers["Retry-After"]) >= 1
    assert ask(sqlite_world, basic(f"bob:{sqlite_world.bob.password}")).status_code == 207
    # The address is throttled too, whatever the login.
    assert ask(sqlite_world, basic("nobody:x")).status_code == 429


def test_a_remembered_password_is_not_throttled_by_the_failures_of_others(sqlite_world: Any) -> None:
    with sqlite_world.db.transaction(write=True) as tx:
        principals.set_password(tx, "bob", principals.hash_password("a good password"), now=sqlite_world.now)
    assert ask(sqlite_world, basic("bob:a good password")).status_code == 207
    for number in range(12):
        ask(sqlite_world, basic(f"bob:wrong-{number}"))
    assert ask(sqlite_world, basic("bob:a good password")).status_code == 207


def test_tokens_come_back_evenly_and_memory_is_bounded() -> None:
    now = [0.0]
    throttle = Throttle(6, clock_s=lambda: now[0])
    for _ in range(6):
        assert throttle.wait_s("a") == 0
        throttle.take("a")
    assert throttle.wait_s("a", "b") == 10
    throttle.give_back("a")
    assert throttle.wait_s("a") == 0
    throttle.take("a")
    now[0] = 10.0
    assert throttle.wait_s("a") == 0
    for number in range(30_000):
        throttle.take(str(number))
    assert len(throttle._buckets) <= 20_000


def test_credentials_are_read_as_the_standard_says() -> None:
    found = read_basic("basic " + base64.b64encode(b"Bob:a:b").decode())
    assert found is not None
    assert (found.login, found.secrets) == ("bob", ("a:b",))


def test_only_trusted_proxies_are_believed() -> None:
    from aiohttp.test_utils import make_mocked_request

    from gateway.http.proxies import Proxies

    headers = {"X-Forwarded-For": "6.6.6.6, 1.2.3.4, 10.0.0.9", "X-Forwarded-Proto": "https",
               "Host": "inside", "X-Forwarded-Host": "cal.example.org"}  # fmt: skip
    request = make_mocked_request("GET", "/", headers=headers)
    for trusted, peer, address in (
        (["10.0.0.0/8"], "10.0.0.1", "1.2.3.4"),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", "1.2.3.4"),
        (["192.168.0.0/16"], "10.0.0.1", "10.0.0.1"),
        ([], "127.0.0.1", "127.0.0.1"),
    ):
        client = Proxies(trusted).client(request.clone(remote=peer))
        assert client.address == address
        assert (client.scheme, client.host) == (
            ("https", "cal.example.org") if address == "1.2.3.4" else ("http", "inside")
        )
