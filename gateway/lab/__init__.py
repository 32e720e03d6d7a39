"""The laboratory: simulators of calendar providers, as a program of its own that speaks only HTTP.

It imports nothing of the gateway (contract 10), so that a misunderstanding of a provider cannot be
shared by importing it. ``core`` knows no provider; each provider is a package of rooms beside it
(``google``). Start it with ``python -m gateway.lab``; tests start it in-process with
``gateway.lab.app.make_lab``.
"""
