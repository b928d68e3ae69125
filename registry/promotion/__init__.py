"""Promotion: a version goes to a stage by the rule its team has chosen, and everybody can see who
did it and why.

    stage_sets, policies, freezes, gates   the rules
    situation                              all that is to be known, as of one transaction
    decision                               whether a request is satisfied: pure
    requests, closing, rollback            what people do
    carry_out                              the change, its history, audit, events and hooks, at once
"""

from .closing import expire_requests, forget_version, reject, withdraw
from .gates import Outside
from .requests import approve, override, promote
from .rollback import roll_back

__all__ = [
    "Outside",
    "approve",
    "expire_requests",
    "forget_version",
    "override",
    "promote",
    "reject",
    "roll_back",
    "withdraw",
]
