"""Backups of an installation while it runs, and what brings one back.

A backup holds everything: each table with each column and number, also what an export leaves
behind, and every file. It lies in a folder or below a prefix of a bucket:

    backups/<id>/<table>.parquet     the rows of one state of the database
    backups/<id>/files.jsonl.gz      every file: path, size, SHA-256
    backups/<id>/manifest.json       written last: a backup without one is none
    blobs/<ab>/<SHA-256>             the files, each content once, of all backups in this place

What a later backup has in common with one before it is neither read nor stored again.
"""

from __future__ import annotations
