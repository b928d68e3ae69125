"""Where a run comes from: user, script, commit. Reads a few small files, never raises."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path


def system_tags() -> dict[str, str]:
    """The tags that MLflow's clients set on a new run, as far as they can be found out."""
    script = _script()
    notebook = "ipykernel" in sys.modules
    found = {
        "mlflow.user": _user(),
        "mlflow.source.name": script,
        "mlflow.source.type": "NOTEBOOK" if notebook else "LOCAL",
        "mlflow.source.git.commit": _commit(script),
    }
    return {key: value for key, value in found.items() if value}


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user id without a name
        return None


def _script() -> str:
    return sys.argv[0] if sys.argv and sys.argv[0] else sys.executable


def _commit(script: str) -> str | None:
    """The commit checked out around the script, read from .git without starting git."""
    try:
        start = Path(script).resolve().parent if Path(script).is_file() else Path.cwd()
        for folder in (start, *start.parents):
            if (folder / ".git").exists():
                return _head(_git_folder(folder / ".git"))
    except (OSError, ValueError):
        pass
    return None


def _git_folder(dot_git: Path) -> Path:
    """A worktree's or submodule's .git is a file that names the folder."""
    if dot_git.is_dir():
        return dot_git
    named = dot_git.read_text().removeprefix("gitdir:").strip()
    return Path(os.path.join(dot_git.parent, named))


def _head(git: Path) -> str | None:
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head or None
    ref = head.removeprefix("ref:").strip()
    common = git / "commondir"
    folders = [git, git / common.read_text().strip()] if common.exists() else [git]
    for folder in folders:
        if (folder / ref).is_file():
            return (folder / ref).read_text().strip() or None
    for folder in folders:
        packed = folder / "packed-refs"
        if packed.is_file():
            for line in packed.read_text().splitlines():
                if line.endswith(f" {ref}"):
                    return line.split(" ", 1)[0]
    return None
