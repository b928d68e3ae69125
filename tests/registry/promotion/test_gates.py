"""Each gate: what passes it, what does not, and that a policy can say it. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium.client.errors import BadRequest
from podium.registry.promotion.gates import GATES, Facts, Outside, OutsideGate, Subject, result
from podium.registry.promotion.gates.reading import parse_gate, render_gate

HOUR = 3_600_000
NOW = 1_000 * HOUR
DATA = (("mnist", "abc", "eval"),)


def signature(*inputs: dict[str, Any], outputs: str = "double") -> dict[str, Any]:
    return {
        "signature": {
            "inputs": json.dumps(list(inputs)),
            "outputs": json.dumps([{"type": outputs, "name": "y"}]),
        }
    }


X = {"type": "double", "name": "x"}
VERSION = Subject(
    version=2,
    created=NOW - 48 * HOUR,
    in_stage_since=NOW - 2 * HOUR,
    stage="Staging",
    metrics={"accuracy": 0.9, "loss": 0.1, "nan": math.nan},
    params={"lr": "0.1", "blank": " "},
    tags={"reviewed": "yes"},
    datasets=DATA,
    model=signature(X),
    scan="CLEAN",
)
HOLDER = replace(VERSION, version=1, metrics={"accuracy": 0.95, "loss": 0.05, "zero": 0.0})
FACTS = Facts("digits", "Production", VERSION, HOLDER, NOW)
ALONE = replace(FACTS, holder=None)


def passes(told: dict[str, Any], facts: Facts = FACTS) -> bool:
    verdict = parse_gate(told, "gates[0]").check(facts)
    assert verdict.sentence.endswith(".") or ": " in verdict.sentence
    json.dumps(dict(result(parse_gate(told, "gates[0]"), verdict).compared), allow_nan=False)
    return verdict.passed


@pytest.mark.parametrize(
    ("told", "passed"),
    [
        ({"gate": "metric", "metric": "accuracy", "at_least": 0.9}, True),
        ({"gate": "metric", "metric": "accuracy", "at_least": 0.91}, False),
        ({"gate": "metric", "metric": "loss", "at_most": 0.1}, True),
        ({"gate": "metric", "metric": "loss", "at_least": 0, "at_most": 0.05}, False),
        ({"gate": "metric", "metric": "nan", "at_least": 0}, False),
        ({"gate": "metric", "metric": "nan", "at_most": 0}, False),
        ({"gate": "metric", "metric": "absent", "at_most": 9}, False),
        ({"gate": "metric_vs_holder", "metric": "accuracy"}, False),
        ({"gate": "metric_vs_holder", "metric": "accuracy", "within_percent": 10}, True),
        ({"gate": "metric_vs_holder", "metric": "accuracy", "within_percent": 5}, False),
        ({"gate": "metric_vs_holder", "metric": "accuracy", "better": "lower"}, True),
        ({"gate": "metric_vs_holder", "metric": "loss", "better": "lower"}, False),
        (
            {
                "gate": "metric_vs_holder",
                "metric": "loss",
                "better": "lower",
                "within_percent": 100,
            },
            True,
        ),
        ({"gate": "metric_vs_holder", "metric": "zero"}, False),
        ({"gate": "metric_vs_holder", "metric": "nan"}, False),
        ({"gate": "same_dataset"}, True),
        ({"gate": "same_dataset", "context": "eval"}, True),
        ({"gate": "same_dataset", "context": "train"}, False),
        ({"gate": "same_dataset", "digest": "abc"}, True),
        ({"gate": "same_dataset", "digest": "other"}, False),
        ({"gate": "required", "tags": {"reviewed": "*"}, "params": {"lr": "0.1"}}, True),
        ({"gate": "required", "tags": {"reviewed": "no"}}, False),
        ({"gate": "required", "params": {"blank": "*"}}, False),
        ({"gate": "required", "params": {"absent": "*"}}, False),
        ({"gate": "schema"}, True),
        ({"gate": "scan"}, True),
        ({"gate": "age", "at_least_hours": 48}, True),
        ({"gate": "age", "at_least_hours": 49}, False),
        ({"gate": "age", "at_most_hours": 24}, False),
        ({"gate": "age", "at_least_hours": 2, "since": "stage"}, True),
        ({"gate": "age", "at_least_hours": 3, "since": "stage"}, False),
        # What comes from elsewhere is a no until it has been asked.
        ({"gate": "external", "url": "https://checks.example/fair"}, False),
        ({"gate": "files"}, False),
        ({"gate": "launch", "target": "evaluation"}, False),
    ],
)
def test_what_passes(told: dict[str, Any], passed: bool) -> None:
    assert passes(told) is passed


@pytest.mark.parametrize(
    ("told", "passed"),
    [
        ({"gate": "metric_vs_holder", "metric": "accuracy"}, True),
        ({"gate": "metric_vs_holder", "metric": "accuracy", "without_holder": "fail"}, False),
        ({"gate": "same_dataset"}, True),
        ({"gate": "same_dataset", "digest": "other"}, False),
        ({"gate": "schema"}, True),
    ],
)
def test_what_passes_where_nobody_holds_the_stage(told: dict[str, Any], passed: bool) -> None:
    assert passes(told, ALONE) is passed


def with_model(facts: Facts, version: Any, holder: Any = None) -> Facts:
    assert facts.holder is not None
    theirs = facts.holder if holder is None else replace(facts.holder, model=holder)
    return replace(facts, version=replace(facts.version, model=version), holder=theirs)


@pytest.mark.parametrize(
    ("model", "passed"),
    [
        (signature(X), True),
        (signature(X, {"type": "string", "name": "hint", "required": False}), True),
        (signature(X, {"type": "string", "name": "hint"}), False),
        (signature({"type": "long", "name": "x"}), False),
        (signature(), True),
        (signature(X, outputs="string"), False),
        ({"signature": {"inputs": "no json", "outputs": None}}, False),
        ({"signature": None}, False),
        ({}, False),
        (None, False),
    ],
    ids=["same", "optional", "more", "type", "less", "output", "broken", "none", "no", "unread"],
)
def test_a_schema_that_who_calls_the_holder_can_call(model: Any, passed: bool) -> None:
    assert passes({"gate": "schema"}, with_model(FACTS, model)) is passed


def test_a_holder_without_a_schema_compares_with_nothing() -> None:
    assert not passes({"gate": "schema"}, with_model(FACTS, signature(X), {}))


@pytest.mark.parametrize("scan", [None, "UNKNOWN", "UNSAFE"])
def test_only_clean_is_clean(scan: str | None) -> None:
    assert not passes({"gate": "scan"}, replace(FACTS, version=replace(VERSION, scan=scan)))


@pytest.mark.parametrize(
    ("level", "module", "passed"),
    [
        ("UNKNOWN", "ours.layers", True),
        ("UNKNOWN", "oursevil", False),
        ("UNKNOWN", "", False),
        ("UNSAFE", "ours.layers", False),
    ],
)
def test_a_team_can_vouch_for_its_own_classes_and_for_nothing_worse(
    level: str, module: str, passed: bool
) -> None:
    finding = {"path": "model.pkl", "level": level, "text": "imports it", "module": module}
    seen = replace(VERSION, scan=level, findings=[finding])
    told = {"gate": "scan", "trusted": ["ours"]}
    assert passes(told, replace(FACTS, version=seen)) is passed


def test_one_finding_that_nobody_vouches_for_is_enough() -> None:
    ours = {"path": "a", "level": "UNKNOWN", "text": "imports it", "module": "ours"}
    seen = replace(VERSION, scan="UNKNOWN", findings=[ours, {**ours, "module": "theirs"}])
    assert not passes({"gate": "scan", "trusted": ["ours"]}, replace(FACTS, version=seen))


@given(ours=st.floats(allow_nan=True), theirs=st.floats(allow_nan=True), slack=st.floats(0, 100))
def test_higher_and_lower_mirror_each_other_and_nan_never_passes(
    ours: float, theirs: float, slack: float
) -> None:
    def verdict(better: str, sign: float) -> bool:
        facts = replace(
            FACTS,
            version=replace(VERSION, metrics={"m": sign * ours}),
            holder=replace(HOLDER, metrics={"m": sign * theirs}),
        )
        told = {"gate": "metric_vs_holder", "metric": "m", "within_percent": slack}
        return passes({**told, "better": better}, facts)

    assert verdict("higher", 1) is verdict("lower", -1)
    if math.isnan(ours) or math.isnan(theirs):
        assert not verdict("higher", 1)


EXAMPLES: list[dict[str, Any]] = [
    {"gate": "metric", "metric": "accuracy", "at_least": 0.9},
    {"gate": "metric_vs_holder", "metric": "loss", "better": "lower", "within_percent": 2.0},
    {"gate": "same_dataset", "context": "eval"},
    {"gate": "required", "tags": {"reviewed": "*"}},
    {"gate": "schema"},
    {"gate": "scan", "trusted": ["ours"]},
    {"gate": "files"},
    {"gate": "age", "at_least_hours": 24.0, "since": "stage"},
    {"gate": "external", "url": "https://checks.example/fair", "timeout": 5.0},
    {"gate": "launch", "target": "evaluation"},
]


@pytest.mark.parametrize(
    ("digest", "launches", "passed", "reason"),
    [
        ("now", [("SUCCEEDED", "now")], True, "has succeeded"),
        ("now", [("FAILED", "now"), ("SUCCEEDED", "now")], False, "is FAILED"),
        ("now", [("SUCCEEDED", "before")], False, "no launch"),
        # Which files they had, nobody knows: they are no others' success.
        ("now", [("SUCCEEDED", "")], False, "before its files had been read"),
        ("now", [("FAILED", ""), ("SUCCEEDED", "now")], True, "has succeeded"),
        ("", [("SUCCEEDED", "")], False, "not been read"),
    ],
)
def test_a_launch_counts_for_the_files_it_had(
    digest: str, launches: list[tuple[str, str]], passed: bool, reason: str
) -> None:
    told = tuple(("job", "eval", state, of) for state, of in launches)
    version = replace(VERSION, digest=digest, location="somewhere", launches=told)
    gate = parse_gate({"gate": "launch", "target": "job"}, "gates[0]")
    verdict = gate.check(replace(FACTS, version=version))
    assert verdict.passed is passed
    assert reason in verdict.sentence


def test_there_is_an_example_of_each() -> None:
    assert {each["gate"] for each in EXAMPLES} == set(GATES)


@pytest.mark.parametrize("told", EXAMPLES, ids=lambda told: str(told["gate"]))
def test_a_gate_is_told_as_it_was_given(told: dict[str, Any]) -> None:
    assert render_gate(parse_gate(told, "gates[0]")) == told


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("metric", "whose 'gate' is one of age, external"),
        ({"gate": "magic"}, "whose 'gate' is one of"),
        ({"gate": "metric", "at_least": 1}, r"gates\[3\].metric' is missing"),
        ({"gate": "metric", "metric": "a"}, "needs 'at_least' or 'at_most'"),
        ({"gate": "metric", "metric": "a", "at_least": "1"}, r"gates\[3\].at_least.*number"),
        ({"gate": "metric", "metric": "a", "at_least": True}, "give a number"),
        ({"gate": "metric", "metric": "a", "at_least": math.inf}, "finite"),
        ({"gate": "metric", "metric": "a", "at_last": 1}, r"gates\[3\].at_last' is nothing"),
        ({"gate": "metric", "metric": " ", "at_least": 1}, "blank"),
        ({"gate": "metric_vs_holder", "metric": "a", "better": "up"}, "higher or lower"),
        ({"gate": "metric_vs_holder", "metric": "a", "within_percent": -1}, "below 0"),
        ({"gate": "required"}, "needs 'tags' or 'params'"),
        ({"gate": "required", "tags": ["a"]}, "object of texts"),
        ({"gate": "scan", "trusted": "ours"}, "list of texts"),
        ({"gate": "age"}, "at_least_hours"),
        ({"gate": "external", "url": "ftp://checks"}, "http"),
        ({"gate": "external", "url": "https://user:pass@checks"}, "without a user"),
        ({"gate": "external", "url": "https://checks", "timeout": 60}, "at most 15"),
        ({"gate": "schema", "kind": "x"}, "is nothing"),
    ],
)
def test_what_is_no_gate_is_refused_with_its_place(told: Any, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        parse_gate(told, "gates[3]")


def test_what_cannot_be_asked_is_not_passed() -> None:
    for each in EXAMPLES:
        gate = parse_gate(each, "gate")
        if isinstance(gate, OutsideGate):
            assert not gate.ask(FACTS, Outside()).passed


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            {"gate": "metric", "metric": "a", "at_least": 1, "at_most": 2.5},
            "a is at least 1 and at",
        ),
        ({"gate": "metric_vs_holder", "metric": "a"}, "as good as the holder's (higher is better)"),
        (
            {"gate": "metric_vs_holder", "metric": "a", "without_holder": "fail"},
            "; there must be a holder",
        ),
        ({"gate": "same_dataset", "context": "eval"}, "the data that the holder's has for eval"),
        ({"gate": "same_dataset", "digest": "abc"}, "has read the data set abc"),
        ({"gate": "required", "tags": {"a": "b"}, "params": {"c": "*"}}, "has tag a = b, param c"),
        ({"gate": "schema"}, "who calls the holder"),
        ({"gate": "scan", "trusted": ["ours"]}, "found nothing but classes of ours"),
        ({"gate": "files"}, "those that were registered"),
        ({"gate": "age", "at_least_hours": 24}, "at least 24 hours since it was registered"),
        ({"gate": "external", "url": "https://ci.example/x"}, "ci.example says yes"),
        ({"gate": "launch", "target": "eval"}, "to eval"),
    ],
)
def test_each_says_in_words_what_it_wants(told: dict[str, Any], words: str) -> None:
    assert words in parse_gate(told, "gates[0]").words
