"""Prompts: text that MLflow's clients keep in the tables of models.

A prompt is a registered model, and each of its versions a model version, with a tag that says so.
It has no files. Searches leave prompts out unless the filter speaks of that tag.
"""

from __future__ import annotations

from collections.abc import Mapping

from podium.tracker.search import And, Clause, Comparison, Key, Not, Operator, Or, Value
from podium.tracker.search import parse_filter as parse
from sqlalchemy.orm import Session

from .models import ModelTag

TAG = "mlflow.prompt.is_prompt"
TEXT_TAG = "mlflow.prompt.text"
# What clients write where a version has to have a source.
SOURCES = ("dummy-source", "prompt-template")

_IS_PROMPT = Comparison(Key("tag", TAG), Operator.ILIKE, (Value("true"),))


def is_prompt(tags: Mapping[str, str]) -> bool:
    return tags.get(TAG, "false").lower() == "true"


def is_prompt_model(session: Session, model: int) -> bool:
    """Whether the model of this row is a prompt."""
    found = session.get(ModelTag, (model, TAG))
    return found is not None and is_prompt({TAG: found.value})


def parse_filter(text: str) -> Clause:
    """The filter, with no prompt in what it finds unless it asks for them.

    A model has no such tag at all, so that to differ from 'true' is said of it as it is of 'false'.
    """
    clause = parse(text)
    if clause is None:
        return Not(_IS_PROMPT)
    meant, asked = _rewritten(clause)
    return meant if asked else And((meant, Not(_IS_PROMPT)))


def _rewritten(clause: Clause) -> tuple[Clause, bool]:
    """The clause in which a missing tag is 'false', and whether it speaks of the tag."""
    match clause:
        case And(clauses) | Or(clauses):
            found = [_rewritten(each) for each in clauses]
            parts = tuple(part for part, _ in found)
            asked = any(each for _, each in found)
            return type(clause)(parts, clause.offset), asked
        case Not(inner):
            part, asked = _rewritten(inner)
            return Not(part, clause.offset), asked
        case Comparison(key, Operator.EQUAL, (Value(str(value)),)) if _is_the_tag(key):
            return _whether(value.lower() == "true"), True
        case Comparison(key, Operator.NOT_EQUAL, (Value(str(value)),)) if _is_the_tag(key):
            return _whether(value.lower() != "true"), True
        case _:
            return clause, _is_the_tag(clause.key)


def _whether(prompt: bool) -> Clause:
    return _IS_PROMPT if prompt else Not(_IS_PROMPT)


def _is_the_tag(key: Key) -> bool:
    return key.scope in ("tag", "tags") and key.name == TAG
