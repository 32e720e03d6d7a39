"""Where the demo's simulated providers are: kept in the database: commands find them without settings.

What the environment says counts more, so a demo instance can be connected to the real ones as well.
"""

from __future__ import annotations

from gateway.store import instance
from gateway.store.database import Transaction

_KEY = "demo-lab"
# The clients that the laboratory knows from the start; they open nothing but a simulator.
_CLIENT_ID = "calgate-lab.apps.googleusercontent.com"
_APPLICATION_ID = "11111111-2222-4333-8444-555555555555"
_CLIENT_SECRET = "calgate-lab-secret"  # noqa: S105 - as above


def remember(tx: Transaction, address: str) -> None:
    """Keep the address of the demo's laboratory."""
    instance.put(tx, _KEY, address)


def environ(tx: Transaction) -> dict[str, str]:
    """Return the settings that lead the plug-ins to the laboratory; empty outside a demo."""
    base = instance.get(tx, _KEY)
    if base is None:
        return {}
    return {
        "CALGATE_GOOGLE_CLIENT_ID": _CLIENT_ID,
        "CALGATE_GOOGLE_CLIENT_SECRET": _CLIENT_SECRET,
        "CALGATE_GOOGLE_API_BASE": f"{base}/calendar/v3",
        "CALGATE_GOOGLE_AUTH_URL": f"{base}/o/oauth2/v2/auth",
        "CALGATE_GOOGLE_TOKEN_URL": f"{base}/token",
        "CALGATE_GOOGLE_REVOKE_URL": f"{base}/revoke",
        "CALGATE_GOOGLE_ALLOW_LOOPBACK": "1",
        "CALGATE_GRAPH_CLIENT_ID": _APPLICATION_ID,
        "CALGATE_GRAPH_CLIENT_SECRET": _CLIENT_SECRET,
        "CALGATE_GRAPH_LOGIN_URL": base,
        "CALGATE_GRAPH_API_BASE": f"{base}/v1.0",
        "CALGATE_GRAPH_ALLOW_LOOPBACK": "1",
        "CALGATE_CALDAV_ALLOW_LOOPBACK": "1",
        "CALGATE_ICS_ALLOW_LOOPBACK": "1",
    }
