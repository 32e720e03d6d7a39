"""The asynchronous engine: everything that talks to providers."""
