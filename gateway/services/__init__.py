"""What the product can do: one synchronous function per use case, the transaction as first argument.

Doors and plug-ins get the database's types from here; they never import the store.
"""

from gateway.store.database import Database, Transaction
from gateway.store.failures import RetryableConflict
from gateway.store.sealed import Sealer
from gateway.store.together import Together

__all__ = ["Database", "RetryableConflict", "Sealer", "Together", "Transaction"]
