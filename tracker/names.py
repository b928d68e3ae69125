"""Names for runs and models that were given none: two words a person can say and a number."""

from __future__ import annotations

import secrets

_QUALITIES = tuple(
    """
    amber able bold brave bright brisk calm clear clever crisp deft early eager fair fine
    fleet frank fresh gentle glad grand green happy honest keen kind lively lucid mellow
    merry neat noble nimble patient plain proud quick quiet rapid ready rosy sharp silent
    silver sleek smooth solid spry steady still stoic subtle sunny swift tidy trim upbeat
    vivid warm wise
    """.split()  # noqa: SIM905  (a list of words is read as words)
)
_THINGS = tuple(
    """
    alder aspen badger beech birch bison brook cedar comet condor crane delta dune eagle
    elm ember falcon fern finch fjord glade grove gull harbor hare hawk heron hill iris
    island juniper kestrel lagoon lark linden lynx maple marten meadow moor oak orchid
    osprey otter owl pebble pine plover poplar raven reed ridge river robin sable sparrow
    spruce stone stork summit swan thistle tern trout valley walnut willow wren
    """.split()  # noqa: SIM905  (a list of words is read as words)
)


def random_name() -> str:
    """For example ``brisk-heron-412``."""
    return f"{secrets.choice(_QUALITIES)}-{secrets.choice(_THINGS)}-{100 + secrets.randbelow(900)}"
