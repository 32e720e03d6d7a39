"""The one data layer: SQLAlchemy 2 Core, synchronous.

Query functions take the transaction as their first argument and return values of the domain. Only this
room knows SQL; only services, app and cli may import it.
"""
