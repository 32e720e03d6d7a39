"""The feed door: a secret in the path, no login; the file for clients and the page for people."""
