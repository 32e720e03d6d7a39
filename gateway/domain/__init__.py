"""The calendar itself: pure functions and frozen values. No I/O, no clock, no database."""
