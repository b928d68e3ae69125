"""What the peer, a stock MLflow server, takes of the machine."""

from __future__ import annotations

import psutil


def memory_mb(pid: int) -> float:
    """Resident memory of a process and its descendants, shared pages counted once."""
    root = psutil.Process(pid)
    return float(
        sum(each.memory_full_info().pss for each in [root, *root.children(recursive=True)]) / 1e6
    )
