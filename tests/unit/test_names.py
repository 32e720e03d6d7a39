"""Which logins, slugs, faces and levels are taken."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from radicale.app.base import _check_user_format
from radicale.pathutils import is_safe_path_component

from gateway.domain.errors import InvalidInput, InvalidName
from gateway.domain.model import Level
from gateway.domain.people import check_faces, check_personal_slug, check_slug, level_from_word, normal_login


class _Storage:
    """The flags that our storage plug-in sets."""

    _supports_unicode = _supports_trailing_whitespace = _supports_problematic_chars = True


@pytest.mark.parametrize("login", ["ann", "ann@example.org", "o'neill+cal", "josé", "a.b-c_d", "李"])
def test_names_and_mail_addresses_are_logins(login: str) -> None:
    assert normal_login(login) == login


def test_logins_are_compared_without_case_and_composed() -> None:
    assert normal_login("Ann@Example.ORG") == "ann@example.org"
    assert normal_login("JOSE\N{COMBINING ACUTE ACCENT}") == "josé"


@pytest.mark.parametrize(
    "login",
    ["", "a:b", ":a", "a/b", "..", ".", ".hidden", "@a", "a@", "a@b@c", "a b", "a\0b", "a\nb", "a\\b", "a?b",
     "a#b", "a%2Fb", "x" * 256, "a\u200eb", "\ud800"],
)  # fmt: skip
def test_what_breaks_paths_or_radicale_is_no_login(login: str) -> None:
    with pytest.raises(InvalidName):
        normal_login(login)


@given(st.text(max_size=40))
def test_every_login_we_take_is_taken_by_radicale_and_stays_itself(text: str) -> None:
    try:
        login = normal_login(text)
    except InvalidName:
        return
    assert normal_login(login) == login
    assert unicodedata.is_normalized("NFC", login)
    assert is_safe_path_component(login)
    # With our radicale.conf (validate_user_value = none) this is what is left of Radicale's rule.
    assert _check_user_format(_Storage(), login, "none", False)  # type: ignore[arg-type] # reads the flags only


@pytest.mark.parametrize("slug", ["a", "room-1", "a.b_c", "0", "x" * 64, "a--b"])
def test_short_names_of_shared_things(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug", ["", "A", "ä", ".a", "-a", "a b", "a/b", "x" * 65, "..", "a--0123abcd", "a\n"]
)
def test_what_is_no_short_name(slug: str) -> None:
    with pytest.raises(InvalidName):
        check_slug(slug)


@pytest.mark.parametrize("slug", ["5F0D3A5C-1B2C-4D5E-8F90-A1B2C3D4E5F6", "My Calendar", "Büro", "a,b;c"])
def test_clients_choose_the_names_of_personal_calendars(slug: str) -> None:
    assert check_personal_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", ".", "..", ".x", "a/b", "a\\b", " a", "a\0", "x" * 241, "a--0123abcd"])
def test_path_tricks_are_no_personal_names(slug: str) -> None:
    with pytest.raises(InvalidName):
        check_personal_slug(slug)


def test_faces_and_levels() -> None:
    assert check_faces(("push-google", "caldav", "feed", "feed")) == ("caldav", "feed", "push-google")
    for bad in ("push-", "web", "push", "PUSH-google"):
        with pytest.raises(InvalidInput):
            check_faces((bad,))
    assert level_from_word("Write") is Level.WRITE
    with pytest.raises(InvalidInput, match="freebusy, read, write or manage"):
        level_from_word("admin")
