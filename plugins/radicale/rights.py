"""Rights for Radicale: letters per path from the grants of the person."""

from __future__ import annotations

from radicale import config
from radicale.rights import BaseRights

from gateway.domain.model import Level
from plugins.radicale import standalone
from plugins.radicale.session import Session


class Rights(BaseRights):
    """A person reads the root and her home, and has on each calendar what her grants give.

    No ``W`` anywhere: Radicale makes no collections by itself. Items get no letters of their own.
    """

    def __init__(self, configuration: config.Configuration, session: Session | None = None) -> None:
        super().__init__(standalone.extended(configuration, "rights") if session is None else configuration)
        self._session = session or standalone.session(self.configuration, "rights")

    def authorization(self, user: str, user_groups: set[str], path: str) -> str:  # noqa: ARG002 - Radicale's signature
        """Return the letters of Radicale's rules for ``user`` on ``path``."""
        segments = [segment for segment in path.split("/") if segment]
        if not user:
            return ""
        if not segments:
            return "R"
        if segments[0] != user or len(segments) > 2:
            return ""
        if len(segments) == 1:
            return "R"
        principal = self._session.principal(user)
        entry = self._session.entry(principal, segments[1]) if principal is not None else None
        if entry is None:
            return ""
        return "rw" if entry.level >= Level.WRITE else "r"
