"""The hash of masked names is HMAC-SHA-256, whatever is prepared ahead."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.radicale.keyed import hasher


@given(st.binary(max_size=64), st.binary(max_size=20), st.lists(st.text(max_size=200), max_size=3))
def test_it_is_the_hmac_of_prefix_and_text(key: bytes, prefix: bytes, texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    digest = hasher(key, prefix)
    for text in [*texts, *texts]:
        assert digest(text) == hmac.digest(key, prefix + text.encode(), "sha256").hex()


def test_a_longer_key_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        hasher(b"k" * 65, b"")
