"""One tree of errors, the same at both ends of the wire."""

from __future__ import annotations

import pytest
from podium.client import errors


def _subclasses(kind: type[errors.PodiumError]) -> list[type[errors.PodiumError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _subclasses(child))]


_NEVER_SENT = (errors.Unreachable, errors.FilesChanged, errors.ConfigError)


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in _subclasses(errors.PodiumError)
        # A layer above may refine an error; at the other end it is what it refines.
        if kind.__module__ == errors.__name__ and kind not in _NEVER_SENT
    ],
)
def test_an_error_comes_back_as_the_class_it_was(kind: type[errors.PodiumError]) -> None:
    sent = kind("what went wrong")
    received = errors.from_response(sent.status, sent.body())
    assert type(received) is kind
    assert received.message == "what went wrong"


def test_a_proxy_that_speaks_no_json_still_maps_by_status() -> None:
    assert type(errors.from_response(502, "<html>Bad gateway</html>")) is errors.Unavailable
    assert type(errors.from_response(404, "nothing here")) is errors.NotFound


def test_only_what_may_pass_is_retryable() -> None:
    ours = [each for each in _subclasses(errors.PodiumError) if each.__module__ == errors.__name__]
    retryable = {kind for kind in ours if kind.retryable}
    assert retryable == {errors.TooManyRequests, errors.Unavailable, errors.Unreachable}


def test_the_drawing_of_the_tree_names_every_class() -> None:
    drawn = errors.__doc__ or ""
    for kind in _subclasses(errors.PodiumError):
        # A layer above may refine an error, but not add a code.
        if kind.__module__ == errors.__name__:
            assert kind.__name__ in drawn
        else:
            assert "code" not in vars(kind)
