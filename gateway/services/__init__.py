"""What the product can do: one synchronous function per use case, the transaction first.

Doors take the types of the database from here, so that only services see the store.
"""

from gateway.store.database import Database, Transaction

__all__ = ["Database", "Transaction"]
