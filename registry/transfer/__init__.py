"""Leaving and arriving: exports of a whole installation, and imports of them and of MLflow's.

An export is a folder of Parquet tables and plain files, with a manifest: docs/transfer.md. What of
the database is in it is listed in :mod:`.tables`.
"""
