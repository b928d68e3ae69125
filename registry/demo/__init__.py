"""`podium demo`: runs, a model, a promotion that waits and a webhook that fails, to look at.

It needs an admin, since it makes a policy, a webhook and a service account. The account asks for
the promotion, so that whoever looks may approve it.
"""
