"""Minimal pages until the console comes: connect an account, choose calendars, follow a back link."""
