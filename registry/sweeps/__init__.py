"""Podium's own sweeps: one launch a trial, over any target that trains or evaluates.

    start            what was asked, held against the site; a row
      → service      one worker a sweep, under a lease with a fencing token
      → turn         what has become of the trials (outcome), and what is left to do:
      → verdict      pure: how many trials more, or how it ends
      → begin, close their values, runs and launches; stopping them, and the end
      → suggest      the values of the next trial, from those of all before (Optuna)
      → prune        pure: whether a trial is hopelessly behind

Trials are rows, and Optuna's study is made anew of them whenever values are asked for, so nothing
of a sweep is kept but in the database.
"""
