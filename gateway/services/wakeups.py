"""Wake-ups between processes, for the engine; see ``store.wakeup``."""

from gateway.store.wakeup import CrossProcess

__all__ = ["CrossProcess"]
