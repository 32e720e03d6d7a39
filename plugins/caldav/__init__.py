"""Provider plug-in: calendars on any CalDAV server (RFC 4791). ``provider`` is the entry point."""
