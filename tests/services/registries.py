"""Where pip and npm fetch from on this machine, handed to a build without a trace in its image.

Files are mounted while commands run; buildah has no other way that leaves none: what is set by
``--env`` is in the image, or, with ``--unsetenv``, not even in the build.
"""

from __future__ import annotations

import os
from configparser import RawConfigParser
from pathlib import Path

_PIP_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
_TRUSTED = "/etc/ssl/certs/ca-certificates.crt"  # Debian's, in the image as on its machines


def volumes(scratch: Path) -> list[str]:
    """Options of `buildah build`, over files written to a folder that others cannot read."""
    scratch.chmod(0o700)
    bundles = map(os.environ.get, ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))
    trusted = next(filter(None, bundles), _TRUSTED)
    pip, npm = scratch / "pip.conf", scratch / "npmrc"
    named = _write_pip(pip)
    _write_npm(npm)
    mounts = [(pip, "/etc/pip.conf"), (npm, "/root/.npmrc")]
    if Path(trusted).exists():
        mounts.append((Path(trusted), _TRUSTED))
    mounts += [(path, str(path)) for path in named]
    return [f"--volume={source}:{target}:ro" for source, target in mounts]


def _write_pip(target: Path) -> set[Path]:
    """pip's settings of files and environment in one file; returns the folders that they name."""
    settings = RawConfigParser()
    own = os.environ.get("PIP_CONFIG_FILE", "")
    settings.read([Path(each).expanduser() for each in (*_PIP_FILES, own) if each])
    if not settings.has_section("global"):
        settings.add_section("global")
    for name, value in os.environ.items():
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE":
            settings.set("global", name.removeprefix("PIP_").lower().replace("_", "-"), value)
    settings.set("global", "cert", _TRUSTED)
    with target.open("w") as file:
        settings.write(file)
    words = {
        word for each in settings for value in settings[each].values() for word in value.split()
    }
    return {Path(word) for word in words if word.startswith("/") and Path(word).is_dir()}


def _write_npm(target: Path) -> None:
    given = {
        name.lower().removeprefix("npm_config_").replace("_", "-"): value
        for name, value in os.environ.items()
        if name.lower().startswith("npm_config_")
    }
    own = Path(given.pop("userconfig", "~/.npmrc")).expanduser()
    lines = own.read_text().splitlines() if own.exists() else []
    lines += [f"{name}={value}" for name, value in given.items()]
    target.write_text("\n".join([*lines, f"cafile={_TRUSTED}", ""]))
