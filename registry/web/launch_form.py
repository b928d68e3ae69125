"""What stands in the form of a launch: a spec, of which some fields have a place of their own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from podium.client.errors import NotFound, PodiumError

from ..launch.example import outline
from ..launch.faults import InvalidLaunch, refuse
from ..launch.files import as_yaml, read_file
from ..launch.spec import Purpose
from ..launch.targets import TARGETS

# The place of what is wrong with a field; with any other, it is the text's.
_PLACES = {
    "target": "target",
    "purpose": "purpose",
    "name": "name",
    "cluster": "cluster",
    "image": "image",
    "resources.class": "named",
    "source.model": "model",
    "source.version": "version",
    "source.stage": "stage",
    "source.run": "run",
}
_FAULT = re.compile(r"([a-z_]+(?:\.\w+|\[\d+\])*): .")
# Said above the text.
_ABOVE = ("target", "purpose", "name", "cluster", "image", "source")


@dataclass(frozen=True, slots=True)
class Typed:
    """As it was typed. ``text`` is the rest of the spec, as YAML; ``begun`` is the target with
    whose outline it began."""

    target: str = "job"
    purpose: str = ""
    name: str = ""
    cluster: str = ""
    image: str = ""
    named: str = ""
    model: str = ""
    version: str = ""
    stage: str = ""
    run: str = ""
    text: str = ""
    begun: str = ""

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Typed:
        """From a form or an address; what is missing is empty."""
        names = [name for name in cls.__dataclass_fields__ if name in form]
        typed = cls(**{name: form[name].strip() for name in names})
        # Browsers send CRLF, and strip would take the indent of a first line.
        text = form.get("text", "").replace("\r\n", "\n").rstrip()
        return replace(typed, text=text)

    @classmethod
    def of_spec(cls, spec: Mapping[str, Any]) -> Typed:
        """To launch once more what was launched before."""
        source = spec.get("source") or {}
        resources = dict(spec.get("resources") or {})
        told = {name: spec.get(name) for name in ("target", "purpose", "name", "cluster", "image")}
        told |= {name: source.get(name) for name in ("model", "version", "stage", "run")}
        told["named"] = resources.pop("class", None)
        rest = {name: each for name, each in spec.items() if name not in (*_ABOVE, "resources")}
        rest |= {"resources": resources} if resources else {}
        given = {name: str(each) for name, each in told.items() if each is not None}
        return cls(**given, text=as_yaml([rest]).rstrip() if rest else "")

    def settled(self) -> Typed:
        """To be shown: with a target that there is, a purpose of it, and its outline where nothing
        else was typed."""
        target = self.target if self.target in TARGETS else "job"
        purposes = self.purposes_of(target)
        purpose = self.purpose if self.purpose in purposes else purposes[0]
        if self.text and self.text != (_outline(self.begun) if self.begun in TARGETS else None):
            return replace(self, target=target, purpose=purpose)
        return replace(self, target=target, purpose=purpose, text=_outline(target), begun=target)

    @staticmethod
    def purposes_of(target: str) -> list[str]:
        return [str(each) for each in Purpose if each in TARGETS[target].PURPOSES]

    def takes(self, field: str) -> bool:
        return field in TARGETS[self.target].TAKES

    def spec(self) -> dict[str, Any]:
        """The spec that both say together; :class:`InvalidLaunch` where they contradict."""
        lines = (line for line in self.text.splitlines() if line.strip())
        below = dict(read_file(self.text)) if not all(map(_is_comment, lines)) else {}
        said = {name: getattr(self, name) for name in _ABOVE if name != "source"}
        said["source"] = {
            name: _number(each) if name == "version" else each
            for name in ("model", "version", "stage", "run")
            if (each := getattr(self, name))
        }
        said = {name: each for name, each in said.items() if each}
        refuse(
            f"text: says {name}, too, and not what the field above says; leave it out here"
            for name, each in said.items()
            if name in below and below[name] != each
        )
        if self.named and isinstance(below.get("resources") or {}, Mapping):
            said["resources"] = {**(below.get("resources") or {}), "class": self.named}
        return below | said


def _outline(target: str) -> str:
    return outline(target, without=_ABOVE).rstrip()


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else text


def places(refusal: PodiumError, shown: Collection[str]) -> Mapping[str, str]:
    """What is wrong, by the field of the form that it stands beside; "" is beside none."""
    if isinstance(refusal, NotFound):
        place = "run" if refusal.message.startswith("Run") else "model"
        return {place: refusal.message}
    found: defaultdict[str, list[str]] = defaultdict(list)
    faults = refusal.faults if isinstance(refusal, InvalidLaunch) else (refusal.message,)
    for fault in faults:
        named = _FAULT.match(fault)
        place = _PLACES.get(named[1], "text") if named else ""
        if place in shown:
            found[place].append(fault.partition(": ")[2])
        else:
            found["text" if named else ""].append(fault.removeprefix("text: "))
    return {place: "\n".join(each) for place, each in found.items()}
