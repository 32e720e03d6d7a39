"""Faults of token addresses and of push messages, the same for every provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.lab.core.faults import Kind, Scene

if TYPE_CHECKING:
    from gateway.lab.core.calls import Answer, Call

WEBHOOK = {
    "doubled": "a message is sent twice",
    "reordered": "a message is held back for `seconds` (1) or until the next one overtakes it",
    "delayed": "a message comes `seconds` (1) late",
    "lost": "a message never comes",
    "wrong_token": "a forged message with a wrong token comes first",
    "unknown_channel": "a forged message for an unknown channel comes first",
    "expired_channel": "a message for an expired channel comes first",
    "huge": "a message with a body of 5 MB",
    "not_json": "a message with a body that is no JSON",
    "channel_gone": "the channel is removed silently instead of a message",
}


def _refused(reason: str, status: int) -> Callable[[Scene], Answer]:
    def before(scene: Scene) -> Answer:
        return scene.door.refuse(scene.call, status=status, reason=reason, message=reason)

    return before


def _is_refresh(call: Call) -> bool:
    return call.operation in {"oauth.refresh_token", "oauth.jwt-bearer"}


def token_kinds() -> list[Kind]:
    """Return the faults of the token address."""
    return [
        Kind(
            name="refresh_invalid_grant",
            family="token",
            applies=_is_refresh,
            before=_refused("invalid_grant", 400),
            text="a refresh answers 400 invalid_grant",
        ),
        Kind(
            name="refresh_500",
            family="token",
            applies=_is_refresh,
            before=_refused("internal_failure", 500),
            text="a refresh answers 500",
        ),
        Kind(
            name="refresh_slow",
            family="token",
            applies=_is_refresh,
            delivery="slow",
            text="a refresh takes `seconds` (5)",
        ),
        Kind(
            name="token_reset_after",
            family="token",
            delivery="reset",
            text="tokens are issued (and rotated), the answer is lost",
        ),
        Kind(name="token_half", family="token", delivery="half", text="half of the token answer"),
    ]


def webhook_kinds() -> list[Kind]:
    """Return the faults of push messages."""
    return [Kind(name=f"webhook_{name}", family="webhook", text=text) for name, text in WEBHOOK.items()]
