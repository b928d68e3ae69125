"""What a sweep's file says: its section ``sweep``, and the spec of a trial around it. Pure.

A trial is a launch of the same spec with its values in the places ``${sweep.NAME}``. Values are put
into parsed objects, one word of ``args`` each, and never into text that a shell reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError

from ..launch import places, template
from ..launch.faults import InvalidLaunch, lines, refuse
from ..launch.render import find_target
from ..launch.schema import SweepSchema
from ..launch.spec import Kind, Parameter, Purpose, Sweep

ALGORITHMS = ("tpe", "random", "grid")
MAX_PARAMETERS = 100  # that is how many params one batch to a run may have
_FILLED = ("command", "args", "env", "options")
_WHERE = "command, args, env or options"

Json = dict[str, Any]
Value = float | int | str
Params = Mapping[str, Value]


def read_sweep(data: Mapping[str, Any]) -> Sweep:
    """The section ``sweep``. :class:`InvalidLaunch` says all that is wrong with it."""
    section = data.get("sweep")
    if not isinstance(section, Mapping):
        raise InvalidLaunch(
            ["sweep: is missing; it must be a mapping with metric, goal and parameters"]
        )
    try:
        sweep: Sweep = SweepSchema().load(dict(section))
    except ValidationError as error:
        raise InvalidLaunch(lines(error, "sweep")) from None
    refuse([*_faults(sweep), *_misplaced(data, sweep)])
    return sweep


def trial_spec(data: Mapping[str, Any], number: int, params: Params, run_id: str) -> Json:
    """What is launched as a trial."""
    made = {name: value for name, value in data.items() if name != "sweep"}
    for name in _FILLED:
        if name in made:
            made[name] = template.filled(made[name], params, places.PLACE)
    purpose = made.get("purpose")
    source = made.get("source")
    called = made.get("name") or (source.get("model") if isinstance(source, Mapping) else None)
    if isinstance(called, str):
        made["name"] = f"{called[:240]}-{number}"
    return {
        **made,
        "purpose": str(Purpose.TRAIN) if purpose in (None, Purpose.SWEEP) else purpose,
        "run_id": run_id,
    }


def first_values(sweep: Sweep) -> Json:
    """Values to try a spec with, and to show one."""
    return {each.name: _value(each, 0) for each in sweep.parameters}


def highest(parameter: Parameter) -> float:
    """The greatest value that is reached from the least one by whole steps."""
    step = _step(parameter)
    return _range(parameter)[1] if step is None else _nth(parameter, _count(parameter) - 1)


def grid_size(sweep: Sweep) -> int | None:
    """How many points a grid has; None where values are not of a grid."""
    if sweep.algorithm != "grid":
        return None
    return math.prod(_count(each) for each in sweep.parameters)


def grid_point(sweep: Sweep, number: int) -> Json:
    """The last parameter varies fastest."""
    made: Json = {}
    for parameter in reversed(sweep.parameters):
        number, index = divmod(number, _count(parameter))
        made[parameter.name] = _value(parameter, index)
    return {each.name: made[each.name] for each in sweep.parameters}


def _faults(sweep: Sweep) -> Iterator[str]:
    if sweep.algorithm not in ALGORITHMS:
        yield (
            f"sweep.algorithm: must be one of {', '.join(ALGORITHMS)}; "
            f"{sweep.algorithm} is for the target katib"
        )
    if len(sweep.parameters) > MAX_PARAMETERS:
        yield f"sweep.parameters: must be at most {MAX_PARAMETERS}, not {len(sweep.parameters)}"
    for number, each in enumerate(sweep.parameters):
        for name, reason in _misfit(each, grid=sweep.algorithm == "grid"):
            yield f"sweep.parameters[{number}].{name}: {reason}"


def _misfit(parameter: Parameter, *, grid: bool) -> Iterator[tuple[str, str]]:
    if parameter.type is Kind.CHOICE:
        if parameter.step is not None or parameter.log:
            yield "log" if parameter.log else "step", "is for numbers; leave it out of a choice"
        if len(set(parameter.values)) < len(parameter.values):
            yield "values", "must differ from each other"
        return
    low, high = _range(parameter)
    if parameter.step is not None and not 0 < parameter.step <= high - low:
        yield "step", f"must be more than 0 and at most {high - low:g}, not {parameter.step:g}"
    if parameter.step is not None and parameter.log:
        yield "step", "cannot be given with log; leave one of them out"
    if parameter.type is Kind.INT:
        for name, value in (("min", low), ("max", high), ("step", parameter.step or 1)):
            if value != int(value):
                yield name, f"must be a whole number for an int, not {value:g}"
    elif grid and parameter.step is None:
        yield "step", "is missing; a grid goes by steps, or choose type: choice"


def _misplaced(data: Mapping[str, Any], sweep: Sweep) -> Iterator[str]:
    target = find_target(data.get("target"))
    if data.get("run_id"):
        yield "run_id: each trial has a run of its own; leave it out"
    if data.get("purpose") not in (None, Purpose.SWEEP, Purpose.TRAIN, Purpose.EVALUATE):
        yield "purpose: a trial is to train or to evaluate; leave it out to train"
    if Purpose.TRAIN not in target.PURPOSES and Purpose.SWEEP in target.PURPOSES:
        yield f"target: {data['target']} sweeps by itself; use `podium launch start`"
    texts = [data.get(name) for name in _FILLED if name in target.TAKES]
    yield from places.faults(sweep, texts, _WHERE)


def _range(parameter: Parameter) -> tuple[float, float]:
    assert parameter.min is not None  # noqa: S101  (the schema says so)
    assert parameter.max is not None  # noqa: S101
    return parameter.min, parameter.max


def _step(parameter: Parameter) -> float | None:
    return 1 if parameter.type is Kind.INT and parameter.step is None else parameter.step


def _count(parameter: Parameter) -> int:
    """How many values there are, by whole steps."""
    if parameter.type is Kind.CHOICE:
        return len(parameter.values)
    low, high = map(_exact, _range(parameter))
    step = _step(parameter)
    return 1 if step is None else int((high - low) / _exact(step)) + 1


def _value(parameter: Parameter, index: int) -> Value:
    if parameter.type is Kind.CHOICE:
        return parameter.values[index]
    value = _nth(parameter, index)
    return int(value) if parameter.type is Kind.INT else value


def _nth(parameter: Parameter, index: int) -> float:
    low = _exact(_range(parameter)[0])
    return float(low + index * _exact(_step(parameter) or 0))


def _exact(number: float) -> Decimal:
    """As it is written, so that three steps of 0.1 are 0.3."""
    return Decimal(str(number))
