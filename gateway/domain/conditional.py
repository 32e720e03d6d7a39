"""Conditions of a write on the state it expects (RFC 9110 §13)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.errors import PreconditionFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a writer demands of the object that is there.

    Each tuple holds entity tags as sent, quotes included, or the one element ``*``; None: not demanded.
    """

    if_match: tuple[str, ...] | None = None
    if_none_match: tuple[str, ...] | None = None

    def check(self, etag: str | None) -> None:
        """Compare with the current entity tag, None where there is no object.

        If-Match uses the strong comparison, so a weak tag never matches; If-None-Match the weak one.

        Raises:
            PreconditionFailed: the state is not the one the writer expects.
        """
        if self.if_match is not None and (
            etag is None or not ("*" in self.if_match or etag in self.if_match)
        ):
            raise PreconditionFailed
        if self.if_none_match is not None and etag is not None:
            strong = {tag.removeprefix("W/") for tag in self.if_none_match}
            if "*" in strong or etag in strong:
                raise PreconditionFailed


ANY = Condition()
