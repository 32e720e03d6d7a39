"""The CalDAV door: bridge, discovery and the host of the engine."""
