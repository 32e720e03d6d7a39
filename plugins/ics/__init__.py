"""Provider plug-in: a calendar file at a web address as a source of busy times; see ``provider``."""
