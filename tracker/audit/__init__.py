"""The audit log: who did what, when and from where, so written that a later change shows.

Each row holds the SHA-256 of itself and of the row before, so whoever edits, removes or inserts one
breaks the chain there; triggers refuse it from the start. To cut off the newest rows leaves a whole
chain, but another head: whoever keeps the head elsewhere can tell (`podium audit verify --head`).

A service calls :func:`record` inside the transaction of its change.
"""

from .chain import Head
from .read import Verdict, export, search, verify
from .record import record

__all__ = ["Head", "Verdict", "export", "record", "search", "verify"]
