"""The command line: reads arguments, calls one use case, prints its result as text or JSON.

Every module here imports services inside its functions, so that ``calgate --help`` does not load the
database layer. ``command`` gives each command ``--json``, ``--data`` and ``--database-url``.
"""
