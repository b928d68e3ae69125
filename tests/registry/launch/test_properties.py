"""Of every spec there could be: what is valid renders, always the same, to nothing unsafe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from podium.registry.launch import forbidden
from podium.registry.launch.faults import InvalidLaunch
from podium.registry.launch.files import as_yaml, read_file
from podium.registry.launch.names import MAX_NAME, label_value, slug
from podium.registry.launch.overlay import merged
from podium.registry.launch.render import EVERYWHERE, load_spec
from podium.registry.launch.targets import TARGETS

from .restricted import violations
from .samples import IMAGE, RUN_ID, load, manifests, minimal
from .schemas import problems

_RFC_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")

_storable = st.characters(codec="utf-8", exclude_characters="\x00")
_text = st.text(_storable, min_size=1, max_size=40)
_words = st.lists(_text, max_size=4)
_name = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
_uri = st.from_regex(r"(s3|gs|https)://[a-z0-9]{1,9}/[A-Za-z0-9/._-]{0,20}", fullmatch=True)
_memory = st.builds("{}{}".format, st.integers(1, 512), st.sampled_from(["Mi", "Gi"]))
_cpu = st.one_of(st.integers(1, 96).map(str), st.integers(1, 999).map("{}m".format))
_key = st.from_regex(r"[A-Z][A-Z_]{0,15}", fullmatch=True)
_gpus = st.one_of(
    st.builds(lambda n: {"count": n}, st.integers(1, 8)),
    st.builds(lambda n, p: {"count": n, "product": p}, st.integers(1, 8), st.just("NVIDIA-L40S")),
    st.builds(lambda n, m: {"count": n, "mig": m}, st.integers(1, 7), st.just("1g.10gb")),
    st.just({"shared": True}),
)
_resources = st.fixed_dictionaries({}, optional={"cpu": _cpu, "memory": _memory, "gpu": _gpus})
_scaling = st.builds(
    lambda low, more, cpu: {"min": low, "max": low + more, "cpu": cpu},
    st.integers(1, 5),
    st.integers(0, 5),
    st.integers(1, 100),
)
_source = st.one_of(
    st.just({"run": RUN_ID}),
    st.fixed_dictionaries(
        {"model": st.text(_storable, min_size=1, max_size=256), "version": st.integers(1, 10**6)},
        optional={"stage": _text},
    ),
)
_fields: Mapping[str, SearchStrategy[Any]] = {
    "name": st.text(_storable, min_size=1, max_size=256),
    "namespace": _name,
    "source": _source,
    "run_id": st.just(RUN_ID),
    "image": st.just(IMAGE),
    "args": _words,
    "env": st.dictionaries(_key, _text, max_size=4),
    "secrets": st.lists(
        st.one_of(_name, st.fixed_dictionaries({"name": _name, "keys": st.lists(_key)})), max_size=2
    ),
    "tracking": st.just({"uri": "https://podium.example.com", "secret": "podium"}),
    "resources": _resources,
    "workers": st.integers(1, 8),
    "queue": _name,
    "priority": _name,
    "deadline": st.one_of(st.integers(1, 10**6), st.just("1d12h")),
    "retries": st.integers(0, 10),
    "storage": _uri,
    "service_account": _name,
    "scaling": _scaling,
    "canary": st.just({"percent": 5, "storage": "s3://m/2", "version": 10**6 + 1}),
    "monitoring": st.just({"port": 9000}),
}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Of any target, the smallest spec with any of the fields the target takes."""
    target = draw(st.sampled_from(sorted(TARGETS)))
    takes = TARGETS[target].TAKES | EVERYWHERE
    optional = {name: field for name, field in _fields.items() if name in takes}
    spec = minimal(target) | draw(st.fixed_dictionaries({}, optional=optional))
    if target == "katib":  # else its parameter is used nowhere
        spec["command"] = ["train", "${sweep.depth}"]
    try:
        load(spec)
    except InvalidLaunch as invalid:  # fields that are well-formed and do not go together
        assert all(": " in fault for fault in invalid.faults)
        assume(False)
    return spec


_often = settings(
    max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


@_often
@given(specs())
def test_what_is_valid_renders_to_what_a_strict_api_server_takes(spec: dict[str, Any]) -> None:
    for made in manifests(spec):
        if "kind" not in made:
            continue
        assert problems(made) == []
        assert list(violations(made)) == []
        assert list(forbidden.faults(made, made["kind"])) == []
        meta = made["metadata"]
        assert _RFC_1035.fullmatch(meta["name"])
        assert all(_LABEL.fullmatch(value) for value in meta["labels"].values())
        assert len(as_yaml([made])) > 0


@_often
@given(specs(), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(spec: dict[str, Any], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = [(name, shuffled(below)) for name, below in value.items()]
            random.shuffle(items)
            return dict(items)
        return [shuffled(each) for each in value] if isinstance(value, list) else value

    assert as_yaml(manifests(shuffled(spec))) == as_yaml(manifests(spec))


@_often
@given(specs())
def test_what_is_printed_is_read_back_the_same(spec: dict[str, Any]) -> None:
    assert read_file(as_yaml([spec])) == spec
    for made in manifests(spec):
        assert read_file(as_yaml([made])) == made


@pytest.mark.parametrize("odd", ["\x85", "a\x85b", "a\n\x85", "\u2028", "\ufeff", "\n", " a ", "~"])
def test_odd_texts_are_read_back_the_same(odd: str) -> None:
    assert read_file(as_yaml([{"args": [odd]}])) == {"args": [odd]}


@given(st.text())
def test_any_text_makes_a_name_and_a_label(text: str) -> None:
    assert _RFC_1035.fullmatch(slug(text)[: MAX_NAME - 9].rstrip("-"))
    assert _LABEL.fullmatch(label_value(text))


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.text(), below)),
    max_leaves=10,
)


@_often
@given(
    st.dictionaries(st.sampled_from([*_fields, "purpose", "options", "overlay", "x"]), _json),
    st.sampled_from(sorted(TARGETS)),
)
def test_any_data_is_taken_or_refused_by_lines(data: dict[str, Any], target: str) -> None:
    from podium.registry.launch.site import OFFLINE

    try:
        load_spec(minimal(target) | data, site=OFFLINE)
    except InvalidLaunch as invalid:
        assert invalid.faults
        assert all(fault.partition(": ")[2] for fault in invalid.faults)


@given(st.text(max_size=200))
def test_any_text_is_a_file_or_refused(text: str) -> None:
    try:
        read_file(text)
    except InvalidLaunch as invalid:
        assert len(invalid.faults) == 1


@given(_json, _json)
def test_a_merge_patch_applied_twice_is_applied_once(target: Any, patch: Any) -> None:
    once = merged(target, patch)
    assert merged(once, patch) == once
