"""The cache of masked names: bounded, and never older than the state it is asked for."""

from __future__ import annotations

import pytest

from plugins.radicale.masked_names import Cache


def key(view: int, seq: int = 1, *, is_busy: bool = True) -> tuple[bytes, int, str, int, bool]:
    return bytes([view]), view, "epoch", seq, is_busy


def names(count: int, mark: str = "") -> dict[str, str]:
    return {f"{number}{mark}": "real" for number in range(count)}


def never() -> dict[str, str]:
    pytest.fail("it was kept")


def test_names_are_made_once_for_a_state_and_anew_for_the_next() -> None:
    cache = Cache(10)
    assert cache.get(key(1), lambda: names(3)) == names(3)
    assert cache.get(key(1), never) == names(3)
    assert cache.get(key(1, 2), lambda: names(2)) == names(2)
    assert cache.get(key(1), lambda: names(1)) == names(1)  # the older state was not kept beside it


def test_views_do_not_mix() -> None:
    cache = Cache(10)
    cache.get(key(1), lambda: names(2, "a"))
    assert cache.get(key(2), lambda: names(2, "b")) == names(2, "b")
    assert cache.get(key(1), never) == names(2, "a")
    assert cache.get(key(1, is_busy=False), lambda: names(1)) == names(1)


def test_it_is_bounded_by_names_and_forgets_what_was_asked_longest_ago() -> None:
    cache = Cache(10)
    for view in (1, 2):
        cache.get(key(view), lambda: names(4))
    cache.get(key(1), never)
    cache.get(key(3), lambda: names(4))
    cache.get(key(1), never)
    assert cache.get(key(2), lambda: names(1)) == names(1)
    assert len(cache.get(key(4), lambda: names(11))) == 11  # too large to keep
    assert cache.get(key(4), lambda: names(2)) == names(2)
