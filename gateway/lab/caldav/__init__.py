"""A CalDAV server with implicit scheduling (RFC 4791, 6578, 6638 in miniature), and quirks of real ones."""
