"""Where the demo's simulated Google is: kept in the database, so that commands find it without settings.

What the environment says counts more, so a demo instance can be connected to the real Google as well.
"""

from __future__ import annotations

from gateway.store import instance
from gateway.store.database import Transaction

_KEY = "demo-lab"
# The client that the laboratory knows from the start; it opens nothing but a simulator.
_CLIENT_ID = "calgate-lab.apps.googleusercontent.com"
_CLIENT_SECRET = "calgate-lab-secret"  # noqa: S105 - as above


def remember(tx: Transaction, address: str) -> None:
    """Keep the address of the demo's laboratory."""
    instance.put(tx, _KEY, address)


def environ(tx: Transaction) -> dict[str, str]:
    """Return the settings that lead the Google plug-in to the laboratory; empty outside a demo."""
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
    }
