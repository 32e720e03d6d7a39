"""From what a person types to her calendars, or to one sentence that says why not."""

from __future__ import annotations

import pytest

from gateway.providers.errors import ProviderError
from tests.contract.caldav.dav_account import connect


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:9", "reached"),
        ("https://169.254.169.254/", "private network"),
        ("http://dav.example.org/", "https://"),
        ("ftp://dav.example.org/", "https://"),
        ("https://ann:secret@dav.example.org/", "own fields"),
        ("", "host"),
        ("https://", "host"),
    ],
)
async def test_an_address_that_cannot_be_is_one_sentence(url: str, told: str) -> None:
    with pytest.raises(ProviderError, match=told) as caught:
        await connect(url)
    assert "secret" not in str(caught.value)


async def test_loopback_is_refused_where_the_operator_has_not_allowed_it() -> None:
    with pytest.raises(ProviderError, match="https://|private network"):
        await connect("http://127.0.0.1:9", allow_loopback="")
