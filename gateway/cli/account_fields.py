"""Connecting an account with fields instead of a consent page; secrets are never arguments."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gateway.cli.command import ACTOR, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.domain.link_model import Account
    from gateway.domain.model import Principal
    from gateway.providers.contract import Field, Provider, Use
    from gateway.sync.engine import Engine

PREFIX = "CALGATE_ACCOUNT_"


def asks_for_fields(provider: Provider) -> bool:
    """Return whether the provider is connected with a name and a password."""
    from gateway.providers.contract import SignInKind

    return SignInKind.USER not in provider.sign_in.kinds and SignInKind.PASSWORD in provider.sign_in.kinds


def refuse_unasked(provider: Provider, given: Mapping[str, str | None]) -> None:
    """Refuse options that a provider with a consent page has no use for."""
    unknown = sorted(name for name, value in given.items() if value)
    if unknown:
        raise refuse(f"{provider.label} has a consent page and no --{unknown[0]}; leave it out.")


async def connect(
    engine: Engine,
    provider: Provider,
    owner: Principal,
    uses: frozenset[Use],
    given: Mapping[str, str | None],
    environ: Mapping[str, str],
) -> Account:
    """Connect with what was given as options, in the environment, or is typed in now."""
    from gateway.providers.contract import SignInKind, SignInRequest

    request = SignInRequest(kind=SignInKind.PASSWORD, uses=uses)
    asked = provider.sign_in.begin(engine.accounts.config(provider), request).fields
    unknown = sorted(
        name for name, value in given.items() if value and name not in {each.name for each in asked}
    )
    if unknown:
        raise refuse(f"{provider.label} has no --{unknown[0]}.")
    fields = {each.name: _value(each, given, environ) for each in asked}
    return await engine.connector.with_fields(
        provider.name, fields, kind=SignInKind.PASSWORD, principal_id=owner.id, actor=ACTOR, uses=uses
    )


def _value(asked: Field, given: Mapping[str, str | None], environ: Mapping[str, str]) -> str:
    value = given.get(asked.name) or environ.get(PREFIX + asked.name.upper(), "")
    if value or not asked.is_required:
        return value
    if not sys.stdin.isatty():
        option = "" if asked.is_secret else f" with --{asked.name} or"
        raise refuse(f"{asked.label} is missing; give it{option} in {PREFIX}{asked.name.upper()}.")
    return _typed(asked)


def _typed(asked: Field) -> str:
    import getpass

    if asked.is_secret:
        return getpass.getpass(f"{asked.label}: ")
    sys.stderr.write(f"{asked.label}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()
