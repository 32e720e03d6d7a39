"""Google Calendar as a provider (REST v3); registered as ``google`` in the entry points."""
