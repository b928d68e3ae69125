"""Launches: a training, an evaluation or a serving, said once and rendered for any target.

All of this is pure: no database, no cluster, no server. :mod:`.spec` says what is launched,
:mod:`.site` what an administrator allows, :mod:`.render` makes manifests of both by one of the
:mod:`.targets`, and :mod:`.diagnose` says in a sentence why something does not run.
"""
