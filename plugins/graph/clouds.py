"""The clouds: where to sign in, where Graph is, and for which resource tokens are asked (§1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.providers.errors import Misconfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The addresses of one cloud.

    Attributes:
        login: origin of Entra.
        api: Graph's address with its version.
        resource: in front of every scope.
    """

    login: str
    api: str
    resource: str


def _cloud(login: str, graph: str) -> Cloud:
    return Cloud(login=f"https://{login}", api=f"https://{graph}/v1.0", resource=f"https://{graph}")


CLOUDS = {
    "global": _cloud("login.microsoftonline.com", "graph.microsoft.com"),
    "usgov": _cloud("login.microsoftonline.us", "graph.microsoft.us"),
    "usdod": _cloud("login.microsoftonline.us", "dod-graph.microsoft.us"),
    "china": _cloud("login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn"),
}


def cloud_of(config: Mapping[str, str]) -> Cloud:
    """Return the addresses of the settings; each may be replaced by a setting of its own.

    Raises:
        Misconfigured: no such cloud.
    """
    name = config.get("cloud") or "global"
    known = CLOUDS.get(name)
    if known is None:
        raise Misconfigured(
            f"There is no Microsoft cloud of this name; use one of {', '.join(CLOUDS)}, or name login_url,"
            " api_base and resource."
        )
    return Cloud(
        login=(config.get("login_url") or known.login).rstrip("/"),
        api=(config.get("api_base") or known.api).rstrip("/"),
        resource=(config.get("resource") or known.resource).rstrip("/"),
    )
