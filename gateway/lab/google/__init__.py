"""Google's rooms: OAuth 2 and Calendar v3, written from the reference files and the official schema."""
