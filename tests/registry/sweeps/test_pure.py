"""What is pure of a sweep: its file, the values of trials, the median rule, the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium.client.errors import NotSupported
from podium.client.sweeps import SweepState, TrialState
from podium.registry.launch.faults import InvalidLaunch
from podium.registry.launch.files import read_file
from podium.registry.launch.site import OFFLINE
from podium.registry.launch.spec import Pruner, Purpose, Sweep
from podium.registry.launch.targets import TARGETS
from podium.registry.sweeps import prune, suggest
from podium.registry.sweeps.example import example
from podium.registry.sweeps.space import grid_point, grid_size, highest, read_sweep, trial_spec
from podium.registry.sweeps.start import check
from podium.registry.sweeps.suggest import Told
from podium.registry.sweeps.verdict import Standing, judge

from .conftest import PARAMETERS, SECTION, SPEC, spec


def refusals(data: Mapping[str, Any]) -> tuple[str, ...]:
    with pytest.raises(InvalidLaunch) as wrong:
        check(data, OFFLINE)
    return wrong.value.faults


def section(**more: Any) -> Sweep:
    return read_sweep(spec(**more))


def ranges(**more: Any) -> list[dict[str, Any]]:
    return [{**PARAMETERS[0], **more}, *PARAMETERS[1:]]


class TestTheFile:
    @pytest.mark.parametrize(
        ("more", "says"),
        [
            ({"metric": None}, "sweep.metric: is missing"),
            ({"goal": "least"}, "sweep.goal: must be one of minimize, maximize"),
            ({"value": "mean"}, "sweep.value: must be one of last, min, max"),
            ({"algorithm": "cmaes"}, "sweep.algorithm: must be one of tpe, random, grid"),
            ({"seed": -1}, "sweep.seed: must be a whole number from 0 to 4294967295"),
            ({"trials": 0}, "sweep.trials: must be a whole number from 1"),
            ({"parallel": 5}, "sweep.parallel: must be at most sweep.trials, which is 4"),
            ({"pruner": {"min_trials": 0}}, "sweep.pruner.min_trials: must be a whole number"),
            ({"pruner": {"warmup": 1}}, "sweep.pruner.warmup: is no field here"),
            ({"parameters": []}, "sweep.parameters: must be at least one"),
            ({"parameters": ranges(step=0.01)}, "sweep.parameters[0].step: cannot be given with"),
            ({"parameters": ranges(log=False, step=-1)}, "sweep.parameters[0].step: must be more"),
            ({"parameters": ranges(type="int")}, "sweep.parameters[0].min: must be a whole number"),
            ({"parameters": ranges(min=2)}, "sweep.parameters[0].max: must be given, and min less"),
            ({"algorithm": "grid"}, "sweep.parameters[0].step: is missing; a grid goes by steps"),
        ],
    )
    def test_what_is_wrong_is_named(self, more: dict[str, Any], says: str) -> None:
        assert [each for each in refusals(spec(**more)) if each.startswith(says)]

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            ({"sweep": 3}, "sweep: is missing; it must be a mapping"),
            ({"args": ["--lr=${sweep.lr}"]}, "sweep.parameters[1].name: 'depth' is used nowhere"),
            ({"args": ["${sweep.x}"]}, "args: ${sweep.x} is none of sweep.parameters; there are"),
            ({"run_id": "0" * 32}, "run_id: each trial has a run of its own; leave it out"),
            ({"purpose": "serve"}, "purpose: a trial is to train or to evaluate"),
            ({"target": "katib"}, "target: katib sweeps by itself; use `podium launch start`"),
            ({"target": "deployment"}, "purpose: the target deployment is to serve"),
            ({"target": "jobb"}, "target: 'jobb' is none; did you mean job?"),
            ({"image": "train:1"}, "image: must be an image by digest"),
            ({"name": None}, "name: is missing"),
        ],
    )
    def test_so_is_what_is_wrong_around_it(self, more: dict[str, Any], says: str) -> None:
        assert [each for each in refusals({**SPEC, **more}) if each.startswith(says)]

    def test_all_is_said_at_once(self) -> None:
        found = refusals({**spec(goal="least", trials=0), "image": "train:1", "workers": 0})
        assert {each.split(":")[0] for each in found} == {
            *("sweep.goal", "sweep.trials", "image", "workers")
        }

    def test_who_wants_to_launch_one_is_told_where_it_begins(self) -> None:
        """`podium launch start` of a sweep over a target that cannot sweep itself."""
        from ..launch.samples import refusals as of_launch

        [line] = of_launch({**SPEC, "purpose": "sweep", "sweep": None})
        assert line.endswith("or type `podium sweep start`, which launches a trial at a time")

    @pytest.mark.parametrize(
        "target", [name for name, each in TARGETS.items() if Purpose.TRAIN in each.PURPOSES]
    )
    def test_the_example_of_each_target_can_be_started(self, target: str) -> None:
        sweep, trial = check(read_file(example(target)), OFFLINE)
        assert (sweep.algorithm, trial.purpose) == ("tpe", "train")
        assert "${sweep." not in str(trial)

    def test_values_stay_what_they_are(self) -> None:
        """A number alone in an option is a number; a text in an argument stays one word."""
        data = {
            "target": "kfp",
            "name": "n",
            "args": ["a ${sweep.word} b", "$(${sweep.word})"],
            "options": {"parameters": {"lr": "${sweep.lr}", "says": "${sweep.lr} ${HOME}"}},
        }
        made = trial_spec(data, 3, {"lr": 0.1, "word": "x; rm -rf / ${sweep.lr}"}, "r" * 32)
        assert made["options"]["parameters"] == {"lr": 0.1, "says": "0.1 ${HOME}"}
        assert made["args"] == ["a x; rm -rf / ${sweep.lr} b", "$(x; rm -rf / ${sweep.lr})"]
        assert (made["name"], made["purpose"], made["run_id"]) == ("n-3", "train", "r" * 32)


class TestValues:
    def test_all_of_a_grid(self) -> None:
        sweep = section(
            algorithm="grid",
            parameters=[
                {"name": "lr", "min": 0.1, "max": 0.3, "step": 0.1},
                {"name": "depth", "type": "int", "min": 2, "max": 7, "step": 2},
                {"name": "optimizer", "type": "choice", "values": ["adam", "sgd"]},
            ],
        )
        assert grid_size(sweep) == 18
        points = [tuple(grid_point(sweep, number).values()) for number in range(18)]
        assert len(set(points)) == 18
        assert points[:3] == [(0.1, 2, "adam"), (0.1, 2, "sgd"), (0.1, 4, "adam")]
        assert {lr for lr, _, _ in points} == {0.1, 0.2, 0.3}
        assert [highest(each) for each in sweep.parameters[:2]] == [0.3, 6]

    @pytest.mark.parametrize("algorithm", ["random", "tpe"])
    def test_values_are_typed_and_in_their_range(self, algorithm: str) -> None:
        parameters = [
            PARAMETERS[0],
            {"name": "depth", "type": "int", "min": 1, "max": 64, "log": True},
            {"name": "optimizer", "type": "choice", "values": ["adam", 3]},
            {"name": "rate", "min": 0, "max": 1, "step": 0.3},
        ]
        data = {**spec(algorithm=algorithm, parameters=parameters)}
        data["args"] = [*data["args"], "${sweep.rate}"]
        found = suggest.suggest(read_sweep(data), 1, (), 40)
        assert {type(each["lr"]) for each in found} == {float}
        assert {type(each["depth"]) for each in found} == {int}
        assert {each["optimizer"] for each in found} == {"adam", "3"}
        assert {round(each["rate"], 9) for each in found} == {0, 0.3, 0.6, 0.9}
        assert all(0.0001 <= each["lr"] <= 0.1 and 1 <= each["depth"] <= 64 for each in found)

    def test_they_follow_from_what_was_told(self) -> None:
        """Whether asked for one by one or all at once, or by another worker: the same."""
        sweep = section(algorithm="tpe")
        told = [
            Told(each, TrialState.COMPLETE, each["lr"])
            for each in suggest.suggest(section(), 5, (), 20)
        ]
        both = suggest.suggest(sweep, 5, told, 2)
        first = suggest.suggest(sweep, 5, told, 1)
        again = suggest.suggest(sweep, 5, [*told, Told(first[0], TrialState.RUNNING)], 1)
        assert both == [*first, *again]
        assert suggest.suggest(sweep, 6, told, 1) != first

    def test_tpe_learns_from_what_is_told(self) -> None:
        """It finds a lower one than chance in as many trials, of a seed that is not chosen."""
        least = {}
        for algorithm in ("random", "tpe"):
            sweep, told = section(algorithm=algorithm), list[Told]()
            for _ in range(60):
                [values] = suggest.suggest(sweep, 0, told, 1)
                value = (math.log10(values["lr"]) + 2.5) ** 2 + (values["depth"] - 5) ** 2
                value += values["optimizer"] == "sgd"
                told.append(Told(values, TrialState.COMPLETE, value))
            least[algorithm] = np.mean(sorted(each.value or 0 for each in told)[:20])
        assert least["tpe"] < least["random"] / 2

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(TrialState),
                st.floats(-1e300, 1e300),
                st.integers(0, 2**40) | st.none(),
            ),
            max_size=15,
        )
    )
    def test_whatever_became_of_trials(
        self, ends: list[tuple[TrialState, float, int | None]]
    ) -> None:
        known = suggest.suggest(section(), 1, (), len(ends))
        told = [Told(params, *end) for params, end in zip(known, ends, strict=True)]
        [values] = suggest.suggest(section(algorithm="tpe"), 1, told, 1)
        assert 2 <= values["depth"] <= 8

    def test_without_optuna_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
        with pytest.raises(NotSupported, match=r"pip install 'podium\[sweep\]'"):
            suggest.suggest(section(), 1, (), 1)
        parameters = [{"name": name, "type": "choice", "values": ["a"]} for name in _NAMES]
        assert suggest.suggest(section(algorithm="grid", parameters=parameters), 1, (), 1)


_NAMES = [each["name"] for each in PARAMETERS]


def drawn(values: list[float], goal: str = "minimize") -> prune.Curve:
    return prune.curve(np.arange(len(values)), np.array(values, float), goal=goal)


class TestTheMedianRule:
    def test_a_curve_is_the_best_so_far(self) -> None:
        assert drawn([3, 4, 2, 2, 5]) == ((0, 3.0), (2, 2.0), (4, 2.0))
        assert drawn([3, 4, 2], "maximize") == ((0, 3.0), (1, 4.0), (2, 4.0))
        assert drawn([math.nan, 4]) == ((1, 4.0),)
        assert drawn([math.nan]) == drawn([]) == ()

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(0, 400))
    def test_it_says_of_each_step_what_the_points_say(self, values: list[float], at: int) -> None:
        """Exactly, as long as it changes a hundred times at most."""
        found = drawn(values)
        assert len(found) <= 100
        assert found[-1] == (len(values) - 1, min(values))
        changes = sum(min(values[: n + 1]) < min(values[:n]) for n in range(1, len(values)))
        if changes < 99:
            assert prune.best_by(found, at) == min(values[: at + 1])

    @pytest.mark.parametrize(
        ("mine", "is_pruned"),
        [([0.9, 0.8], True), ([0.9, 0.2], False), ([0.9], False), ([], False)],
    )
    def test_who_is_behind_half_of_the_others(self, mine: list[float], is_pruned: bool) -> None:
        others = [drawn([1, each, 0.1]) for each in (0.3, 0.4, 0.5)]
        rule = Pruner(min_trials=3, start_step=1)
        assert bool(prune.verdict(rule, "minimize", drawn(mine), others, metric="m")) == is_pruned
        too_few = Pruner(min_trials=4)
        assert not prune.verdict(too_few, "minimize", drawn(mine), others, metric="m")

    def test_those_that_ended_before_say_nothing(self) -> None:
        rule = Pruner(min_trials=1)
        mine, others = drawn([0.9, 0.9, 0.9]), [drawn([0.1, 0.1])]
        assert not prune.verdict(rule, "minimize", mine, others, metric="m")

    def test_a_greater_one_is_better_where_that_is_the_goal(self) -> None:
        rule, others = Pruner(min_trials=1), [drawn([0.5], "maximize")]
        for value, says in ((0.4, True), (0.5, False), (0.6, False)):
            mine = drawn([value], "maximize")
            assert bool(prune.verdict(rule, "maximize", mine, others, metric="m")) == says


class TestTheVerdict:
    def test_so_many_at_once_and_no_more_than_that(self) -> None:
        sweep = section(trials=4, parallel=2)
        for counts, ask in (
            ({}, 2),
            ({TrialState.RUNNING: 1}, 1),
            ({TrialState.WAITING: 1, TrialState.RUNNING: 1}, 0),
            ({TrialState.COMPLETE: 3}, 1),
            ({TrialState.COMPLETE: 1, TrialState.PRUNED: 1, TrialState.FAILED: 1}, 1),
        ):
            verdict = judge(sweep, Standing(counts))
            assert (verdict.ask, verdict.over) == (ask, None)

    def test_how_it_ends(self) -> None:
        sweep = section(trials=4, max_failed=1, target_value=0.5)
        done = {TrialState.COMPLETE: 4}
        for standing, over, stop in (
            (Standing(done, best=0.6), SweepState.SUCCEEDED, ""),
            (Standing({TrialState.COMPLETE: 1}, best=0.5), SweepState.SUCCEEDED, "SweepDone"),
            (Standing({TrialState.FAILED: 2}), SweepState.FAILED, "SweepFailed"),
            (Standing({TrialState.PRUNED: 4}), SweepState.FAILED, ""),
            (Standing(done, best=0.6, wanted=False), SweepState.STOPPED, "SweepStopped"),
            (Standing(done, best=0.6, orphaned=True), SweepState.FAILED, "SweepFailed"),
        ):
            verdict = judge(sweep, standing)
            assert (verdict.over, verdict.stop, verdict.ask) == (over, stop, 0)
        assert SECTION["goal"] == "minimize"
